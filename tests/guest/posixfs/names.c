/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A directory of many entries: made, listed, looked at, removed while it is
 * read; and how long each takes.
 */
#include "posixfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static const char *entry(int i)
{
	static char path[40];

	snprintf(path, sizeof(path), "many/entry-%05d", i);
	return path;
}

static int number(const struct dirent *e)
{
	return e && !strncmp(e->d_name, "entry-", 6) ? atoi(e->d_name + 6) : -1;
}

static int list(int many)
{
	char *seen = calloc(1, (size_t)many);
	DIR *d = opendir("many");
	struct dirent *e;
	int n = 0;

	while (d && (e = readdir(d)) != NULL) {
		int i = number(e);

		if (i >= 0 && i < many && !seen[i]++)
			n++;
		else if (e->d_name[0] != '.')
			n -= many;
	}
	closedir(d);
	free(seen);
	return n;
}

static void test_places(void)
{
	DIR *d = opendir("many");
	char third[256];
	long at;

	readdir(d);
	readdir(d);
	at = telldir(d);
	strcpy(third, readdir(d)->d_name);
	readdir(d);
	seekdir(d, at);
	ok(!strcmp(readdir(d)->d_name, third), "telldir, seekdir");
	rewinddir(d);
	ok(!strcmp(readdir(d)->d_name, "."), "rewinddir");
	closedir(d);
}

void test_names(int many)
{
	double t[5];
	struct dirent *e;
	struct stat st;
	int n = 0, fd;
	DIR *d;

	mkdir("many", 0755);
	t[0] = now();
	for (int i = 0; i < many; i++) {
		fd = open(entry(i), O_WRONLY | O_CREAT | O_EXCL, 0644);
		n += fd >= 0 && write(fd, "content", 7) == 7 && close(fd) == 0;
	}
	t[1] = now();
	ok(n == many, "%d files made", n);
	ok(list(many) == many, "each is listed once");
	t[2] = now();
	n = 0;
	for (int i = 0; i < many; i++)
		n += stat(entry(i), &st) == 0 && st.st_size == 7;
	t[3] = now();
	ok(n == many && FAILS(stat("many/none", &st), ENOENT), "each is there");
	test_places();
	t[3] = t[3] - t[2];
	t[4] = now();
	d = opendir("many");
	n = 0;
	while ((e = readdir(d)) != NULL)
		n += number(e) >= 0 && unlink(entry(number(e))) == 0;
	closedir(d);
	ok(n == many && list(many) == 0, "each is removed while they are read");
	printf("# %d entries: make %.2f s, list %.2f s, stat %.2f s, remove %.2f s\n",
	       many, t[1] - t[0], t[2] - t[1], t[3], now() - t[4]);
	ok(rmdir("many") == 0, "then the directory goes");
}
