/* SPDX-License-Identifier: BSD-2-Clause */
/* diskbench: reads commands, one a line, and does them. See diskbench.h. */
#define _GNU_SOURCE 1
#include "diskbench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int put_any;

void put(const char *name, uint64_t value)
{
	printf("%s %s=%llu", put_any ? "" : "=", name, (unsigned long long)value);
	put_any = 1;
}

void put_line_end(void)
{
	printf("%s\n", put_any ? "" : "=");
	put_any = 0;
}

void work_done(void)
{
	printf("done\n");
	fflush(stdout);
}

int trouble(const char *what)
{
	printf("! %s: %s\n", what, strerror(errno));
	return -1;
}

static int plain(int failed, const char *what)
{
	if (failed)
		return trouble(what);
	work_done();
	put_line_end();
	return 0;
}

static int do_sync(int argc, char **argv)
{
	uint64_t began = now_ns();

	(void)argc;
	(void)argv;
	sync();
	work_done();
	put("ns", now_ns() - began);
	put_line_end();
	return 0;
}

static int do_unlink(int argc, char **argv)
{
	return argc < 2 ? -1 : plain(unlink(argv[1]), argv[1]);
}

static int do_rmdir(int argc, char **argv)
{
	return argc < 2 ? -1 : plain(rmdir(argv[1]), argv[1]);
}

static int do_mkdir(int argc, char **argv)
{
	return argc < 2 ? -1 : plain(mkdir(argv[1], 0755), argv[1]);
}

/* FILE KIB: a file that only takes room. */
static int do_reserve(int argc, char **argv)
{
	int fd = argc > 2 ? open(argv[1], O_WRONLY | O_CREAT, 0644) : -1;
	int failed = fd < 0 || platform_reserve(fd, strtoull(argv[2], NULL, 10) * 1024) < 0;

	if (fd >= 0)
		close(fd);
	return plain(failed, "reserve");
}

/* DEVICE PATH, where mounting is the program's business. */
static int do_mount(int argc, char **argv)
{
	uint64_t began = now_ns();

	if (argc < 3 || platform_mount(argv[1], argv[2]) < 0)
		return trouble("mount");
	work_done();
	put("ns", now_ns() - began);
	put_line_end();
	return 0;
}

static int do_metrics(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	work_done();
	platform_metrics();
	put_line_end();
	return 0;
}

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "append", do_append }, { "overwrite", do_overwrite }, { "replace", do_replace },
	{ "first", do_first }, { "write", do_write }, { "read", do_read },
	{ "create", do_create }, { "list", do_list }, { "stat", do_stat },
	{ "load", do_load }, { "remove", do_remove }, { "tidy", do_tidy },
	{ "sync", do_sync }, { "unlink", do_unlink }, { "rmdir", do_rmdir }, { "mkdir", do_mkdir },
	{ "reserve", do_reserve }, { "mount", do_mount }, { "metrics", do_metrics },
};

static void run_line(char *line)
{
	char *argv[WORDS_MAX], *rest = line;
	int argc = 0;

	while (argc < WORDS_MAX && (argv[argc] = strtok_r(rest, " \r\n", &rest)) != NULL)
		argc++;
	if (argc == 0)
		return;
	if (!strcmp(argv[0], "exit"))
		exit(0);
	for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!strcmp(commands[i].name, argv[0])) {
			commands[i].run(argc, argv);
			return;
		}
	}
	errno = EINVAL;
	trouble(argv[0]);
}

int main(void)
{
	char line[512];

	setvbuf(stdout, NULL, _IOLBF, 0);
	platform_init();
	printf("diskbench ready\n");
	while (fgets(line, sizeof(line), stdin))
		run_line(line);
	return 0;
}
