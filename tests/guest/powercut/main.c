/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A guest that is killed: appends numbered records to a log, replaces a file
 * by rename, and says on the console what is synced, once it is. It begins
 * with what the last cut left, and ends by itself only if that is wrong.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORD 64

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void make_record(char *rec, long n)
{
	memset(rec, 'a' + (int)(n % 26), RECORD);
	snprintf(rec, RECORD, "record %08ld", n);
	rec[RECORD - 1] = '\n';
}

/* The number of whole records; the log may be longer than what was reported,
 * and ends with a whole record, since each was one write. */
static long count_records(int fd)
{
	char want[RECORD], rec[RECORD];
	long n = 0, got;

	while ((got = read(fd, rec, RECORD)) == RECORD) {
		make_record(want, n);
		if (memcmp(want, rec, RECORD)) {
			printf("WRONG record %ld\n", n);
			exit(1);
		}
		n++;
	}
	if (got) {
		printf("WRONG end of the log: %ld bytes\n", got);
		exit(1);
	}
	return n;
}

static void replace(long n)
{
	char rec[RECORD];
	int fd = open("/data/state.new", O_WRONLY | O_CREAT | O_TRUNC, 0644);

	make_record(rec, n);
	if (fd < 0 || write(fd, rec, RECORD) != RECORD || fsync(fd) < 0)
		die("state.new");
	close(fd);
	if (rename("/data/state.new", "/data/state") < 0)
		die("rename");
}

int main(void)
{
	int fd = open("/data/log", O_RDWR | O_CREAT | O_APPEND, 0644);
	char rec[RECORD];
	long n;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (fd < 0)
		die("/data/log");
	n = count_records(fd);
	printf("begins with %ld records\n", n);
	for (;; n++) {
		make_record(rec, n);
		if (write(fd, rec, RECORD) != RECORD || fsync(fd) < 0)
			die("append");
		printf("synced %ld\n", n);
		if (n % 8)
			continue;
		replace(n);
		printf("replaced %ld\n", n);
	}
}
