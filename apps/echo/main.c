/* SPDX-License-Identifier: BSD-2-Clause */
/* echo: options, sockets and the event loop. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo.h"

#define DEFAULT_PORT 7
#define EVENTS_MAX 32

int echo_epoll_fd;
char echo_buffer[ECHO_BUFFER];

static void say(const char *s)
{
	if (write(STDERR_FILENO, s, strlen(s)) < 0)
		return;	/* nowhere left to complain */
}

static void complain(const char *what, int error)
{
	say("echo: ");
	say(what);
	say(": ");
	say(strerror(error));
	say("\n");
}

int echo_socket(int family, int type, unsigned port)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	const struct sockaddr *addr = family == AF_INET6 ? (const void *)&six : (const void *)&four;
	socklen_t len = family == AF_INET6 ? sizeof(six) : sizeof(four);
	int on = 1, error, fd = socket(family, type | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (!bind(fd, addr, len))
		return fd;
	error = errno;
	close(fd);
	return -error;
}

int echo_watch(struct watch *w, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data = { .ptr = w } };

	return epoll_ctl(echo_epoll_fd, EPOLL_CTL_ADD, w->fd, &ev) < 0 ? -errno : 0;
}

/* IPv4 must work; IPv6 may be missing on this machine. */
static int start(unsigned port)
{
	static struct watch watches[4];
	static const int family[] = { AF_INET, AF_INET6 };

	for (int i = 0; i < 2; i++) {
		int error = tcp_listen(&watches[i], family[i], port);

		if (!error)
			error = udp_listen(&watches[2 + i], family[i], port);
		if (error && (i == 0 || (error != -EAFNOSUPPORT && error != -EADDRNOTAVAIL))) {
			complain("cannot open the port", -error);
			return error;
		}
	}
	return 0;
}

static bool parse_port(const char *s, unsigned *port)
{
	unsigned long v = 0;

	if (!*s)
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || v > 65535)
			return false;
		v = v * 10 + (unsigned long)(*s - '0');
	}
	*port = (unsigned)v;
	return v >= 1 && v <= 65535;
}

/* -1: go on; otherwise the exit status. */
static int parse_arguments(int argc, char *argv[], unsigned *port)
{
	static const char usage[] = "usage: echo [PORT]\n"
				    "Sends back what arrives by TCP and UDP. PORT: default $PORT, else 7.\n";
	const char *env = getenv("PORT");

	*port = DEFAULT_PORT;
	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		say(usage);
		return 0;
	}
	if (argc > 2) {
		say(usage);
		return 2;
	}
	if (argc == 2 ? !parse_port(argv[1], port) : env && *env && !parse_port(env, port)) {
		say("echo: not a port (1 to 65535): ");
		say(argc == 2 ? argv[1] : env);
		say("\n");
		return 2;
	}
	return -1;
}

int main(int argc, char *argv[])
{
	struct epoll_event events[EVENTS_MAX];
	unsigned port;
	int status = parse_arguments(argc, argv, &port);

	if (status >= 0)
		return status;
	echo_epoll_fd = epoll_create1(0);
	if (echo_epoll_fd < 0) {
		complain("epoll_create1", errno);
		return 1;
	}
	if (start(port) < 0)
		return 1;
	for (;;) {
		int n = epoll_wait(echo_epoll_fd, events, EVENTS_MAX, -1);

		if (n < 0 && errno != EINTR) {
			complain("epoll_wait", errno);
			return 1;
		}
		for (int i = 0; i < n; i++) {
			struct watch *w = events[i].data.ptr;

			w->event(w, events[i].events);
		}
	}
}
