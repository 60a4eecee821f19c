/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Disks, partitions and raw devices as programs see them. Each argument is a
 * command, WORD or WORD:PATH[:TEXT]; each says what it found in one line. The
 * exit status is the number of checks that failed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static int failed;

#define CHECK(cond) check((cond), #cond, __LINE__)

static void check(int good, const char *what, int line)
{
	if (good)
		return;
	printf("FAILED line %d: %s (errno %d)\n", line, what, errno);
	failed++;
}

static int fails(long r, int err)
{
	return r == -1 && errno == err;
}

static void *block_of(size_t len, const char *text)
{
	char *p = aligned_alloc(4096, len);

	for (size_t i = 0, n = strlen(text); i < len; i++)
		p[i] = text[i % n];
	return p;
}

static void list(void)
{
	DIR *d = opendir("/dev/vol");
	struct dirent *e;

	CHECK(d != NULL);
	while (d && (e = readdir(d))) {
		char path[300];
		struct stat st;

		snprintf(path, sizeof(path), "/dev/vol/%s", e->d_name);
		CHECK(stat(path, &st) == 0);
		CHECK(e->d_type == (e->d_name[0] == '.' ? DT_DIR : DT_BLK));
		if (e->d_name[0] != '.')
			printf("vol %s %s %lld %ld %s\n", e->d_name,
			       S_ISBLK(st.st_mode) ? "block" : "?",
			       (long long)st.st_size, (long)st.st_blksize,
			       st.st_mode & 0222 ? "rw" : "ro");
	}
	if (d)
		closedir(d);
}

/* One block at the start and one at the end. */
static void put(const char *path, const char *text)
{
	int fd = open(path, O_RDWR);
	struct stat st;
	char *b;

	if (fd < 0) {
		printf("put %s: %s\n", path, strerror(errno));
		CHECK(errno != EROFS || fails(access(path, W_OK), EROFS));
		return;
	}
	CHECK(fstat(fd, &st) == 0);
	b = block_of((size_t)st.st_blksize, text);
	CHECK(pwrite(fd, b, st.st_blksize, 0) == st.st_blksize);
	CHECK(pwrite(fd, b, st.st_blksize, st.st_size - st.st_blksize) ==
	      st.st_blksize);
	CHECK(fsync(fd) == 0 && close(fd) == 0);
	printf("put %s: done\n", path);
	free(b);
}

static void get(const char *path, const char *text)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	char *b, *want;

	if (fd < 0) {
		printf("get %s: %s\n", path, strerror(errno));
		return;
	}
	CHECK(fstat(fd, &st) == 0);
	want = block_of((size_t)st.st_blksize, text);
	b = block_of((size_t)st.st_blksize, "?");
	CHECK(pread(fd, b, st.st_blksize, 0) == st.st_blksize);
	CHECK(memcmp(b, want, st.st_blksize) == 0);
	CHECK(pread(fd, b, st.st_blksize, st.st_size - st.st_blksize) ==
	      st.st_blksize);
	CHECK(memcmp(b, want, st.st_blksize) == 0);
	printf("get %s: %.8s\n", path, b);
	free(b);
	free(want);
	close(fd);
}

/* What a database relies on, on the device's first 64 blocks. */
static void raw_edges(int fd, const struct stat *st)
{
	size_t bs = (size_t)st->st_blksize;
	char *b = block_of(2 * bs, "edge");
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };

	CHECK(lseek(fd, 0, SEEK_END) == st->st_size);
	CHECK(read(fd, b, bs) == 0);
	CHECK(fails(write(fd, b, bs), ENOSPC));
	CHECK(lseek(fd, -(off_t)bs, SEEK_END) == st->st_size - (off_t)bs);
	CHECK(write(fd, b, 2 * bs) == (long)bs);	/* as far as it goes */
	CHECK(pread(fd, b, 2 * bs, st->st_size - (off_t)bs) == (long)bs);
	CHECK(fails(pread(fd, b, bs, 1), EINVAL));
	CHECK(fails(pwrite(fd, b, bs - 1, 0), EINVAL));
	CHECK(fails(pread(fd, b, bs, -(off_t)bs), EINVAL));
	CHECK(fails(ftruncate(fd, 0), EINVAL));
	CHECK(lseek(fd, 0, SEEK_CUR) == st->st_size);
	CHECK(poll(&p, 1, 0) == 1 && p.revents == (POLLIN | POLLOUT));
	CHECK(read(fd, b, 0) == 0 && fsync(fd) == 0 && fdatasync(fd) == 0);
	free(b);
}

static void raw_vectors(int fd, size_t bs)
{
	char *b = block_of(64 * bs, "0123456789abcdefg");
	char *in = block_of(64 * bs + 4096, "?");
	struct iovec even[3] = { { b, bs }, { b + bs, 62 * bs }, { b + 63 * bs, bs } };
	struct iovec odd[3] = { { in + 1, 24 }, { in + 25, 63 * bs }, { in + 25 + 63 * bs, bs - 24 } };

	CHECK(pwrite(fd, b, 64 * bs, 0) == (long)(64 * bs));
	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	CHECK(writev(fd, even, 3) == (long)(64 * bs));
	CHECK(lseek(fd, 0, SEEK_CUR) == (long)(64 * bs));
	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	CHECK(readv(fd, odd, 3) == (long)(64 * bs));
	CHECK(memcmp(in + 1, b, 64 * bs) == 0);
	memset(in, '?', 64 * bs);
	CHECK(pread(fd, in + 3, 32 * bs, (off_t)(32 * bs)) == (long)(32 * bs));
	CHECK(memcmp(in + 3, b + 32 * bs, 32 * bs) == 0 && in[2] == '?');
	CHECK(pwrite(fd, in + 3, 32 * bs, 0) == (long)(32 * bs));
	CHECK(pread(fd, in, 64 * bs, 0) == (long)(64 * bs));
	CHECK(memcmp(in, b + 32 * bs, 32 * bs) == 0);
	CHECK(memcmp(in + 32 * bs, b + 32 * bs, 32 * bs) == 0);
	free(b);
	free(in);
}

static void raw(const char *path)
{
	int fd = open(path, O_RDWR | O_TRUNC), second;
	struct stat st, by_name;

	CHECK(fd >= 0);
	if (fd < 0)
		return;
	CHECK(fstat(fd, &st) == 0 && stat(path, &by_name) == 0);
	CHECK(st.st_ino == by_name.st_ino && st.st_size == by_name.st_size);
	CHECK(S_ISBLK(st.st_mode) && st.st_size > 0 &&
	      st.st_size % st.st_blksize == 0);
	raw_edges(fd, &st);
	raw_vectors(fd, (size_t)st.st_blksize);
	second = open(path, O_RDWR);
	CHECK(second >= 0 && close(second) == 0);
	second = open(path, O_RDONLY);
	CHECK(second >= 0 && fails(write(second, &st, 0), EBADF) && close(second) == 0);
	CHECK(close(fd) == 0);
	CHECK(access(path, R_OK | W_OK) == 0 && access("/dev/null", W_OK) == 0);
	CHECK(fails(open("/dev/vol/none", O_RDWR), ENOENT));
	CHECK(fails(open("/dev/vol/none", O_RDWR | O_CREAT, 0600), EROFS));
	CHECK(fails(open(path, O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST));
	CHECK(fails(open(path, O_RDONLY | O_DIRECTORY), ENOTDIR));
	CHECK(fails(unlink(path), EROFS));
	printf("raw %s: %d failed\n", path, failed);
}

/* Says what reading the last block comes to, whenever that changes: 3 s long. */
static void watch(const char *path)
{
	int fd = open(path, O_RDONLY), last = -1;
	struct stat st;
	char *b;

	CHECK(fd >= 0 && fstat(fd, &st) == 0);
	if (fd < 0)
		return;
	b = block_of((size_t)st.st_blksize, "?");
	for (int i = 0; i < 300; i++) {
		int r = pread(fd, b, st.st_blksize, st.st_size - st.st_blksize) ==
			st.st_blksize ? 0 : errno;

		if (r != last)
			printf("watch %s: %s\n", path, r ? strerror(r) : "read");
		last = r;
		usleep(10000);
	}
	free(b);
	close(fd);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void speed_of(int fd, char *b, size_t piece, int n)
{
	double t0 = now(), t1, t2;

	for (int i = 0; i < n; i++)
		CHECK(pwrite(fd, b, piece, (off_t)(piece * (size_t)i)) == (long)piece);
	t1 = now();
	for (int i = 0; i < n; i++)
		CHECK(pread(fd, b, piece, (off_t)(piece * (size_t)i)) == (long)piece);
	t2 = now();
	printf("speed %u KiB: write %.0f us %.0f MB/s, read %.0f us %.0f MB/s\n",
	       (unsigned)(piece / 1024), (t1 - t0) / n * 1e6,
	       (double)piece * n / (t1 - t0) / 1e6, (t2 - t1) / n * 1e6,
	       (double)piece * n / (t2 - t1) / 1e6);
}

static void speed(const char *path)
{
	int fd = open(path, O_RDWR);
	char *b = block_of(4 << 20, "speed");
	double t;

	CHECK(fd >= 0);
	speed_of(fd, b, 4096, 2000);
	speed_of(fd, b, 65536, 400);
	speed_of(fd, b, 1 << 20, 30);
	speed_of(fd, b, 4 << 20, 7);
	t = now();
	for (int i = 0; i < 300; i++)
		CHECK(pwrite(fd, b, 4096, 4096 * i) == 4096 && fdatasync(fd) == 0);
	printf("speed 4 KiB write + fdatasync: %.0f us\n", (now() - t) / 300 * 1e6);
	free(b);
	close(fd);
}

static void save(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	ssize_t n = (ssize_t)strlen(text);

	if (fd < 0 || write(fd, text, (size_t)n) != n || fsync(fd) < 0)
		printf("save %s: %s\n", path, strerror(errno));
	else
		printf("save %s: done\n", path);
	if (fd >= 0)
		close(fd);
}

static void show(const char *path)
{
	int fd = open(path, O_RDONLY);
	char text[80];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	printf("show %s: %.*s\n", path, n < 0 ? 80 : (int)n,
	       n < 0 ? strerror(errno) : text);
	if (fd >= 0)
		close(fd);
}

static void command(char *word)
{
	char *path = strchr(word, ':'), *text = NULL;

	if (path) {
		*path++ = '\0';
		text = strchr(path, ':');
	}
	if (text)
		*text++ = '\0';
	if (!strcmp(word, "list"))
		list();
	else if (!strcmp(word, "put"))
		put(path, text);
	else if (!strcmp(word, "get"))
		get(path, text);
	else if (!strcmp(word, "raw"))
		raw(path);
	else if (!strcmp(word, "watch"))
		watch(path);
	else if (!strcmp(word, "speed"))
		speed(path);
	else if (!strcmp(word, "save"))
		save(path, text);
	else if (!strcmp(word, "show"))
		show(path);
	else
		failed++;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 1; i < argc; i++)
		command(argv[i]);
	printf("end, %d failed\n", failed);
	return failed;
}
