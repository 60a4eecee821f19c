/* SPDX-License-Identifier: BSD-2-Clause */
/* Content by number, and files that hold it: see powercut.h. */
#include "powercut.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void die(const char *what)
{
	perror(what);
	exit(1);
}

void wrong(const char *what, long n)
{
	printf("WRONG %s %ld\n", what, n);
	exit(1);
}

void make_record(char *rec, long n)
{
	memset(rec, 'a' + (int)(n % 26), RECORD);
	snprintf(rec, RECORD, "record %08ld", n);
	rec[RECORD - 1] = '\n';
}

size_t small_size(long n)
{
	return (size_t)(n * 577 % SMALL_MAX);
}

void fill(char *data, size_t len, long n)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (char)((size_t)n * 31 + i * 7 + (i >> 8));
}

int write_synced(const char *path, const char *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd >= 0 && (len == 0 || write(fd, data, len) == (long)len) && fsync(fd) == 0) {
		if (close(fd) < 0)
			die(path);
		return 0;
	}
	if (errno != ENOSPC)
		die(path);
	if (fd >= 0) {
		close(fd);
		if (unlink(path) < 0)
			die(path);
	}
	errno = ENOSPC;
	return -1;
}

long read_file(const char *path, char *data, size_t len)
{
	int fd = open(path, O_RDONLY);
	long got;

	if (fd < 0)
		return -1;
	got = read(fd, data, len);
	if (got < 0)
		die(path);
	close(fd);
	return got;
}

void number_range(const char *dir, const char *prefix, long *least, long *most)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	*least = *most = -1;
	if (!d)
		die(dir);
	while ((e = readdir(d)) != NULL) {
		long n;

		if (strncmp(e->d_name, prefix, strlen(prefix)))
			continue;
		n = strtol(e->d_name + strlen(prefix), NULL, 10);
		if (*least < 0 || n < *least)
			*least = n;
		if (n > *most)
			*most = n;
	}
	closedir(d);
}
