/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Directories; <dirent.h> of picolibc includes this.
 */
#pragma once

#include <sys/types.h>

#define MAXNAMLEN	255
#define DT_UNKNOWN	0
#define DT_CHR		2
#define DT_DIR		4
#define DT_BLK		6
#define DT_REG		8

typedef struct glint_dir DIR;

struct dirent {
	ino_t d_ino;
	unsigned char d_type;
	char d_name[MAXNAMLEN + 1];
};

DIR *opendir(const char *path);
DIR *fdopendir(int fd);
struct dirent *readdir(DIR *d);		/* valid until the next call on d */
void rewinddir(DIR *d);
long telldir(DIR *d);
void seekdir(DIR *d, long pos);
int closedir(DIR *d);
int dirfd(DIR *d);
