/* SPDX-License-Identifier: BSD-2-Clause
 *
 * How a program may end: by return, exit, abort, assert, a signal, the last of
 * its threads; and what must have happened by then. argv[1] chooses the way;
 * test_ends.py judges status and console.
 */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t told;

static int partial(void)
{
	printf("a line without its end");
	return 5;
}

/* Never closed: exit must write it out. */
static int unclosed(void)
{
	FILE *f = fopen("/data/unclosed", "w");

	if (!f || fputs("kept by exit", f) < 0)
		return 1;
	return 6;
}

static int check(void)
{
	char line[40] = "";
	FILE *f = fopen("/data/unclosed", "r");

	if (!f || !fgets(line, sizeof(line), f))
		return 1;
	printf("found: %s\n", line);
	return strcmp(line, "kept by exit") != 0;
}

static void first(void)
{
	printf("registered first\n");
}

static void second(void)
{
	printf("registered second\n");
}

__attribute__((destructor)) static void at_the_end(void)
{
	printf("destructor");
}

static int handlers(void)
{
	atexit(first);
	atexit(second);
	exit(300);		/* the status has eight bits */
}

static int aborts(void)
{
	abort();
}

static int asserts(void)
{
	assert(told == 1);
	return 0;
}

static int order(void)
{
	fprintf(stdout, "one\n");
	fprintf(stderr, "two\n");
	fprintf(stdout, "three ");
	fflush(NULL);
	fprintf(stderr, "four\n");
	return 0;
}

static void *blocked(void *arg)
{
	getchar();
	return arg;
}

/* Another thread sits in a read of stdin and has its lock. */
static int reader(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, blocked, NULL))
		return 1;
	usleep(20000);
	printf("leaving");
	return 4;
}

static void *outlive(void *arg)
{
	usleep(100000);
	printf("the last thread\n");
	return arg;
}

static int main_exits(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, outlive, NULL))
		return 1;
	pthread_detach(pthread_self());
	pthread_exit(NULL);
}

static pthread_t main_id;

static void *joiner(void *arg)
{
	void *got = NULL;
	int err = pthread_join(main_id, &got);

	printf("main was joined: %d %s\n", err, (char *)got);
	exit(11);
	return arg;
}

static int join_main(void)
{
	static char result[] = "its result";
	pthread_t t;

	main_id = pthread_self();
	if (pthread_create(&t, NULL, joiner, NULL))
		return 1;
	pthread_exit(result);
}

static void exit_now(int sig)
{
	printf("handler for %d, a thread of its own: %d\n", sig,
	       pthread_self() != NULL);
	exit(7);
}

static int term_exit(void)
{
	signal(SIGTERM, exit_now);
	printf("ready\n");
	sleep(3600);
	return 1;
}

/* A handler that waits for the disk. */
static void save(int sig)
{
	FILE *f = fopen("/data/saved", "w");
	bool fine = f && fprintf(f, "by signal %d", sig) > 0 &&
		    fflush(f) == 0 && fsync(fileno(f)) == 0;

	printf("saved: %d\n", fine);
	usleep(10000);
	exit(8);
}

static int term_save(void)
{
	signal(SIGTERM, save);
	printf("ready\n");
	sleep(3600);
	return 1;
}

static void set_flag(int sig)
{
	told = sig;
}

static int term_flag(void)
{
	signal(SIGTERM, set_flag);
	printf("ready\n");
	while (!told)
		if (poll(NULL, 0, -1) < 0 && errno != EINTR)
			return 1;
	printf("told\n");
	return 9;
}

static int term_sleep(void)
{
	struct sigaction sa = { .sa_handler = set_flag };
	unsigned left;

	sigaction(SIGTERM, &sa, NULL);
	printf("ready\n");
	left = sleep(3600);
	printf("told: %d\n", told == SIGTERM && left > 3500);
	return 10;
}

static int term_ignored(void)
{
	signal(SIGTERM, SIG_IGN);
	printf("ready\n");
	sleep(3600);
	return 1;
}

static int echo(void)
{
	char line[80];

	printf("name? ");
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	printf("hello %s", line);
	return 3;
}

static const struct {
	const char *name;
	int (*fn)(void);
} ways[] = {
	{ "partial", partial }, { "unclosed", unclosed }, { "check", check },
	{ "handlers", handlers }, { "abort", aborts }, { "assert", asserts },
	{ "order", order }, { "reader", reader }, { "main-exits", main_exits },
	{ "join-main", join_main }, { "term-exit", term_exit },
	{ "term-save", term_save }, { "term-flag", term_flag }, { "term-sleep", term_sleep },
	{ "term-ignored", term_ignored }, { "echo", echo },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(argv[1], ways[i].name))
			return ways[i].fn();
	fprintf(stderr, "usage: ends WAY\n");
	return 2;
}
