/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Long files, written and read from one end to the other.
 */
#define _GNU_SOURCE 1
#include "diskbench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK 65536

static char chunk[CHUNK] __attribute__((aligned(4096)));
static struct samples each;

/* Each chunk carries its number, so that reading can tell. */
static void stamp(uint64_t n)
{
	memcpy(chunk, &n, sizeof(n));
}

int do_write(int argc, char **argv)
{
	uint64_t n, began, written, synced, t;
	int fd;

	if (argc < 3)
		return errno = EINVAL, trouble("write FILE KIB");
	n = strtoull(argv[2], NULL, 10) * 1024 / CHUNK;
	fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0)
		return trouble(argv[1]);
	memset(&each, 0, sizeof(each));
	memset(chunk, 'w', CHUNK);
	began = now_ns();
	for (uint64_t i = 0; i < n; i++) {
		stamp(i);
		t = now_ns();
		if (write(fd, chunk, CHUNK) != CHUNK) {
			trouble(argv[1]);
			close(fd);
			return -1;
		}
		samples_add(&each, now_ns() - t);
	}
	written = now_ns();
	if (fsync(fd) < 0) {
		trouble("fsync");
		close(fd);
		return -1;
	}
	synced = now_ns();
	close(fd);
	work_done();
	put("ops", n);
	put("bytes", n * CHUNK);
	put("ns", synced - began);
	put("fsync_us", (synced - written) / 1000);
	samples_print(&each, "");
	put_line_end();
	return 0;
}

int do_read(int argc, char **argv)
{
	uint64_t began, n = 0, number, t;
	ssize_t got;
	int fd = argc > 1 ? open(argv[1], O_RDONLY) : -1;

	if (fd < 0)
		return trouble("read FILE");
	memset(&each, 0, sizeof(each));
	began = t = now_ns();
	while ((got = read(fd, chunk, CHUNK)) == CHUNK) {
		memcpy(&number, chunk, sizeof(number));
		if (number != n) {
			errno = EILSEQ;
			got = -1;
			break;
		}
		samples_add(&each, now_ns() - t);
		n++;
		t = now_ns();
	}
	if (got < 0) {
		trouble(argv[1]);
		close(fd);
		return -1;
	}
	t = now_ns();
	close(fd);
	work_done();
	put("ops", n);
	put("bytes", n * CHUNK);
	put("ns", t - began);
	samples_print(&each, "");
	put_line_end();
	return 0;
}
