/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A program whose disk fails. It does what stdin says, one command a line, and
 * tells which call failed and how; test_ioerror.py plays the disk. A file's
 * content is its name and the number of each 64 bytes, so that the host finds
 * a block of it in the image.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 4096

static char block[BLOCK] __attribute__((aligned(BLOCK))), want[BLOCK];

static void make_block(char *to, const char *path, long n)
{
	const char *slash = strrchr(path, '/');
	char piece[65];

	for (int i = 0; i < BLOCK / 64; i++) {
		int len = snprintf(piece, sizeof(piece), "%s:%06ld:%02d", slash ? slash + 1 : path, n, i);

		memset(piece + len, '.', (size_t)(63 - len));
		piece[63] = '\n';
		memcpy(to + i * 64, piece, 64);
	}
}

static void say(const char *what, const char *call, long at)
{
	printf("%s: %s fails at %ld: %s\n", what, call, at, strerror(errno));
}

/* A new file of `kib`, synced. */
static void do_write(const char *path, long kib)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	const char *bad = NULL;
	long n = 0;

	if (fd < 0) {
		say("write", "open", 0);
		return;
	}
	for (; !bad && n < kib / 4; n++) {
		make_block(block, path, n);
		if (write(fd, block, BLOCK) != BLOCK)
			bad = "write";
	}
	if (!bad && fsync(fd) < 0)
		bad = "fsync";
	if (bad)
		say("write", bad, n);
	if (close(fd) < 0 && !bad)
		say("write", bad = "close", n);
	if (!bad)
		printf("write: %ld KiB of %s are synced\n", n * 4, path);
}

static void do_read(const char *path)
{
	int fd = open(path, O_RDONLY);
	long n = 0, got;

	if (fd < 0) {
		say("read", "open", 0);
		return;
	}
	while ((got = read(fd, block, BLOCK)) == BLOCK) {
		make_block(want, path, n);
		if (memcmp(block, want, BLOCK)) {
			printf("read: WRONG content of %s at %ld\n", path, n);
			close(fd);
			return;
		}
		n++;
	}
	if (got < 0)
		say("read", "read", n);
	else
		printf("read: %ld KiB of %s are right\n", n * 4, path);
	close(fd);
}

/* One block in the middle of a raw device, written, synced, read back. */
static void do_raw(const char *path, long at)
{
	int fd = open(path, O_RDWR);

	make_block(want, path, at);
	if (fd < 0)
		say("raw", "open", at);
	else if (pwrite(fd, want, BLOCK, at * BLOCK) != BLOCK)
		say("raw", "pwrite", at);
	else if (fsync(fd) < 0)
		say("raw", "fsync", at);
	else if (pread(fd, block, BLOCK, at * BLOCK) != BLOCK)
		say("raw", "pread", at);
	else
		printf("raw: block %ld of %s is %s\n", at, path, memcmp(block, want, BLOCK) ? "WRONG" : "right");
	if (fd >= 0)
		close(fd);
}

/* Writes until something fails, and says so; then goes on answering. */
static void do_flood(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	long n = 0;

	if (fd < 0) {
		say("flood", "open", 0);
		return;
	}
	printf("flood: begins\n");
	for (;; n++) {
		make_block(block, path, n);
		if (write(fd, block, BLOCK) != BLOCK) {
			say("flood", "write", n);
			break;
		}
		if (fsync(fd) < 0) {
			say("flood", "fsync", n);
			break;
		}
		printf("flood: %ld\n", n);
	}
	close(fd);
}

int main(void)
{
	char line[256], word[16], path[128];
	long number;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("ready\n");
	while (fgets(line, sizeof(line), stdin)) {
		number = 0;
		path[0] = '\0';
		if (sscanf(line, "%15s %127s %ld", word, path, &number) < 1)
			continue;
		if (!strcmp(word, "write"))
			do_write(path, number);
		else if (!strcmp(word, "read"))
			do_read(path);
		else if (!strcmp(word, "raw"))
			do_raw(path, number);
		else if (!strcmp(word, "flood"))
			do_flood(path);
		else if (!strcmp(word, "exit"))
			return 0;
		printf("that was %s\n", word);
	}
	return 0;
}
