/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The standard streams: stdout by line, stderr at once, over the descriptors.
 */
#include <stdio.h>
#include <stdio-bufio.h>
#include <unistd.h>

static char in_buf[128], out_buf[512], err_buf[1];

static struct __file_bufio in = FDEV_SETUP_BUFIO(0, in_buf, sizeof(in_buf),
	read, write, lseek, close, __SRD, 0);
static struct __file_bufio out = FDEV_SETUP_BUFIO(1, out_buf, sizeof(out_buf),
	read, write, lseek, close, __SWR, __BLBF);
static struct __file_bufio err = FDEV_SETUP_BUFIO(2, err_buf, sizeof(err_buf),
	read, write, lseek, close, __SWR, __BLBF);

FILE *const stdin = &in.xfile.cfile.file;
FILE *const stdout = &out.xfile.cfile.file;
FILE *const stderr = &err.xfile.cfile.file;
