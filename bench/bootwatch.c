// SPDX-License-Identifier: BSD-2-Clause
//
// Starts a program (QEMU) and measures, from just before the fork, the time to
// its first line of output and to the first HTTP answer from the guest. Prints
// one line of JSON, then kills the program. A SYN goes out every millisecond
// while nothing has answered; earlier attempts stay open, so that the answer to
// any of them counts. Give the tap a short queue (txqueuelen 4), or a guest
// finds a pile of stale SYNs when it wakes. Linux only; one thread.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RETRY_US 1000
#define MAX_TRIES 32 /* open attempts; the oldest gives way */

static struct pollfd fds[1 + MAX_TRIES]; /* [0]: the program's output */
static int asked[1 + MAX_TRIES];         /* the request is sent on this one */
static unsigned int next_try;
static int64_t line_us = -1, http_us = -1, start_us;
static char line[200];
static size_t line_len;
static struct sockaddr_in server = {.sin_family = AF_INET};
static const char *path;

static int64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void pin(int core)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)core, &set);
	if (core >= 0)
		sched_setaffinity(0, sizeof(set), &set);
}

static pid_t spawn(char **argv, int core)
{
	int out[2];
	pid_t pid;

	if (pipe2(out, O_CLOEXEC) < 0)
		return -1;
	start_us = now_us();
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pin(core);
		dup2(open("/dev/null", O_RDONLY), 0);
		dup2(out[1], 1);
		dup2(out[1], 2);
		execvp(argv[0], argv);
		dprintf(2, "bootwatch: %s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	close(out[1]);
	fds[0] = (struct pollfd){.fd = out[0], .events = POLLIN};
	return pid;
}

/* Takes output until the first line is whole. 0 when the program has closed it. */
static int read_output(void)
{
	char buf[4096];
	ssize_t n = read(fds[0].fd, buf, sizeof(buf));

	for (ssize_t i = 0; i < n && line_us < 0; i++) {
		if (buf[i] == '\n' && line_len)
			line_us = now_us() - start_us;
		else if (buf[i] >= ' ' && buf[i] != '"' && buf[i] != '\\' && line_len < sizeof(line) - 1)
			line[line_len++] = buf[i];
	}
	return n > 0;
}

static void try_drop(int i)
{
	if (fds[i].fd >= 0)
		close(fds[i].fd);
	fds[i].fd = -1;
	asked[i] = 0;
}

static void try_start(void)
{
	int i = 1 + (int)(next_try++ % MAX_TRIES), one = 1;

	try_drop(i);
	fds[i].fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	fds[i].events = POLLOUT;
	setsockopt(fds[i].fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fds[i].fd, (struct sockaddr *)&server, sizeof(server)) < 0 && errno != EINPROGRESS)
		try_drop(i);
}

static void try_serve(int i)
{
	char buf[512];
	int error = 0;
	socklen_t len = sizeof(error);

	if (asked[i]) {
		ssize_t n = recv(fds[i].fd, buf, sizeof(buf), 0);

		if (n >= 12 && !memcmp(buf, "HTTP/1.1 200", 12))
			http_us = now_us() - start_us;
		try_drop(i);
		return;
	}
	getsockopt(fds[i].fd, SOL_SOCKET, SO_ERROR, &error, &len);
	int n = snprintf(buf, sizeof(buf), "GET %s HTTP/1.1\r\nHost: guest\r\n\r\n", path);
	if (error || send(fds[i].fd, buf, (size_t)n, MSG_NOSIGNAL) != n) {
		try_drop(i);
		return;
	}
	asked[i] = 1;
	fds[i].events = POLLIN;
}

/* An attempt is worth another one beside it until a connection stands. */
static int connected(void)
{
	for (int i = 1; i <= MAX_TRIES; i++) {
		if (fds[i].fd >= 0 && asked[i])
			return 1;
	}
	return 0;
}

static void watch(int64_t timeout_us)
{
	int64_t next = now_us();

	while (now_us() - start_us < timeout_us && (line_us < 0 || (path && http_us < 0))) {
		struct timespec wait = {.tv_nsec = RETRY_US * 1000};

		if (path && now_us() >= next && !connected()) {
			try_start();
			next = now_us() + RETRY_US;
		}
		if (ppoll(fds, 1 + MAX_TRIES, &wait, NULL) <= 0)
			continue;
		if (fds[0].revents && !read_output())
			return;
		for (int i = 1; i <= MAX_TRIES; i++) {
			if (fds[i].fd >= 0 && fds[i].revents && http_us < 0)
				try_serve(i);
		}
	}
}

static int usage(void)
{
	fprintf(stderr, "usage: bootwatch [-g ADDRESS/PATH] [-t timeout_ms] [-p core of the program] [-q own core] PROGRAM ...\n"
	                "exit status: 0 measured, 1 something did not come, 2 wrong usage\n");
	return 2;
}

int main(int argc, char **argv)
{
	int64_t timeout_us = 30000000;
	int opt, core = -1;
	char *slash;
	pid_t pid;

	while ((opt = getopt(argc, argv, "+g:t:p:q:")) != -1) {
		switch (opt) {
		case 'g':
			slash = strchr(optarg, '/');
			if (!slash)
				return usage();
			path = strdup(slash);
			*slash = 0;
			if (inet_pton(AF_INET, optarg, &server.sin_addr) != 1)
				return usage();
			server.sin_port = htons(80);
			break;
		case 't': timeout_us = atoll(optarg) * 1000; break;
		case 'p': core = atoi(optarg); break;
		case 'q': pin(atoi(optarg)); break;
		default: return usage();
		}
	}
	if (optind == argc)
		return usage();
	for (int i = 0; i <= MAX_TRIES; i++)
		fds[i].fd = -1;
	pid = spawn(argv + optind, core);
	if (pid < 0)
		return 1;
	watch(timeout_us);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	printf("{\"line_us\": %lld, \"http_us\": %lld, \"line\": \"%s\"}\n", (long long)line_us, (long long)http_us, line);
	return line_us < 0 || (path && http_us < 0);
}
