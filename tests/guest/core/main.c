/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What a program can see of the kernel's and the platform's work: timers that
 * meet interrupts, disks that fail, a console that nobody reads. argv[1]
 * chooses; test_core.py plays the host.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

static void busy(int ms)
{
	for (long long end = now_ms() + ms; now_ms() < end;)
		sched_yield();
}

/* The timer of the poll is still armed when input ends it, and fires while
 * nobody sleeps: the next sleep must arm its own. */
static int timers(void)
{
	struct pollfd p = { .fd = 0, .events = POLLIN };
	char line[80];
	long long begun;
	int got;

	printf("ready\n");
	begun = now_ms();
	got = poll(&p, 1, 1000);
	if (got != 1 || !fgets(line, sizeof(line), stdin))
		return 1;
	printf("poll took %s\n", now_ms() - begun < 900 ? "little" : "long");
	busy(1500);
	usleep(200000);
	printf("slept\n");
	return 0;
}

/* argv[2]: a file on the disk that fails. Writes until something goes wrong,
 * then shows that the guest is still there. */
static int disk(const char *path)
{
	static char block[65536];
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644), err = 0;

	if (fd < 0)
		err = errno;
	for (int i = 0; !err && i < 16; i++) {
		memset(block, 'a' + i, sizeof(block));
		if (write(fd, block, sizeof(block)) != sizeof(block) || fsync(fd))
			err = errno;
	}
	printf("disk: %s\n", err ? strerror(err) : "fine");
	usleep(20000);
	printf("still here\n");
	return err == EIO ? 3 : err == ENOSPC ? 4 : err ? 5 : 0;
}

/* More than any buffer on the way holds. */
static int flood(void)
{
	for (int i = 0; i < 20000; i++)
		printf("line %d of a text that nobody reads .......................\n", i);
	return 6;
}

_Noreturn static void idle(void)
{
	printf("ready\n");
	for (;;)
		sleep(1);
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "";

	if (!strcmp(way, "timers"))
		return timers();
	if (!strcmp(way, "disk") && argc > 2)
		return disk(argv[2]);
	if (!strcmp(way, "flood"))
		return flood();
	if (!strcmp(way, "idle"))
		idle();
	fprintf(stderr, "usage: core timers|disk PATH|flood|idle\n");
	return 2;
}
