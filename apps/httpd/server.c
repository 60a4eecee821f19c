/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listening, accepting and the event loop. When connections or memory run short, the server stops
 * accepting: new clients wait in the backlog, established ones go on.
 */
#define _GNU_SOURCE 1
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_MAX 64
#define ACCEPTS_MAX 64		/* in one round, before those who are connected get their turn */
#define BACKLOG 1024	/* clients may come all at once; half-open ones take little */
#define SHORTAGE_MS 200		/* no accept() for this long after it failed */
#define LINGER_MS 2000

static void complain(const char *what, int error)
{
	char buf[160];
	struct text t;

	text_init(&t, buf, sizeof(buf));
	TEXT_LIT(&t, "httpd: ");
	text_str(&t, what);
	if (error) {
		TEXT_LIT(&t, ": ");
		text_str(&t, strerror(error));
	}
	text_char(&t, '\n');
	if (write(STDERR_FILENO, t.buf, t.len) < 0)
		return;	/* nowhere left to complain */
}

static void announce(const struct server *s)
{
	char buf[FILES_ROOT_MAX + 128];
	struct text t;

	text_init(&t, buf, sizeof(buf));
	TEXT_LIT(&t, "httpd: serving ");
	text_str(&t, s->options.root);
	TEXT_LIT(&t, " on port ");
	text_u64(&t, s->options.port);
	TEXT_LIT(&t, " to at most ");
	text_u64(&t, s->options.max_conns);
	TEXT_LIT(&t, " connections, cache ");
	text_u64(&t, s->options.cache_bytes / 1024);
	TEXT_LIT(&t, " KiB\n");
	if (write(STDERR_FILENO, t.buf, t.len) < 0)
		return;	/* nobody listens */
}

static int listen_on(int family, unsigned port)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	const struct sockaddr *addr = family == AF_INET6 ? (const void *)&six : (const void *)&four;
	socklen_t addr_len = family == AF_INET6 ? sizeof(six) : sizeof(four);
	int on = 1, error, fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (!bind(fd, addr, addr_len) && !listen(fd, BACKLOG))
		return fd;
	error = errno;
	close(fd);
	return -error;
}

/* (Dis)arms the listening sockets. Level-triggered: what waits in the backlog is reported when they are armed again. */
static void set_accepting(struct server *s, bool on)
{
	if (s->accepting == on)
		return;
	for (int i = 0; i < SERVER_LISTENERS; i++) {
		struct epoll_event ev = { .events = on ? EPOLLIN : 0, .data = { .ptr = &s->listeners[i] } };

		if (s->listeners[i] >= 0)
			epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, s->listeners[i], &ev);
	}
	s->accepting = on;
	if (!on)
		s->stats.n_accept_pauses++;
}

static int open_listeners(struct server *s)
{
	static const int family[SERVER_LISTENERS] = { AF_INET, AF_INET6 };
	int error = 0;

	for (int i = 0; i < SERVER_LISTENERS; i++) {
		struct epoll_event ev = { .events = EPOLLIN, .data = { .ptr = &s->listeners[i] } };
		int fd = listen_on(family[i], s->options.port);

		s->listeners[i] = fd < 0 ? -1 : fd;
		if (fd >= 0 && epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
			fd = -errno;
		if (fd < 0 && (i == 0 || (fd != -EAFNOSUPPORT && fd != -EADDRNOTAVAIL)))
			error = fd;
	}
	if (error)
		complain("cannot listen on the port", -error);
	return error;
}

/*
 * Connections must leave descriptors for the files that are to be sent: with none left, every answer that is not in the
 * cache would be a 503.
 */
static void limit_connections(struct server *s)
{
	long n_fds = sysconf(_SC_OPEN_MAX);
	const unsigned n_reserved = 2 * FILECACHE_OPEN_MAX;

	if (n_fds <= 0 || s->options.max_conns + n_reserved <= (unsigned long)n_fds)
		return;
	s->options.max_conns = n_fds > 2 * n_reserved ? (unsigned)n_fds - n_reserved : (unsigned)n_fds / 2;
	complain("fewer connections at a time: descriptors are limited", 0);
}

int server_init(struct server *s, const struct options *options)
{
	const uint32_t timeouts[CONN_TIMERS] = {
		[CONN_WAIT_HEADER] = options->header_s * 1000,
		[CONN_WAIT_IDLE] = options->idle_s * 1000,
		[CONN_WAIT_SEND] = options->send_s * 1000,
		[CONN_WAIT_CLOSE] = LINGER_MS,
	};

	s->options = *options;
	limit_connections(s);
	s->listeners[0] = s->listeners[1] = -1;
	for (int i = 0; i < CONN_TIMERS; i++)
		s->timers[i].timeout_ms = timeouts[i];
	now_update(&s->now);
	s->stats.started_ms = s->now.mono_ms;
	accesslog_init(&s->log, STDOUT_FILENO, options->quiet);
	s->epoll_fd = epoll_create1(0);
	if (s->epoll_fd < 0) {
		complain("epoll_create1", errno);
		return -errno;
	}
	files_init(&s->files, options->root, options->cache_bytes);
	if (!files_root_ok(&s->files, s->now.second))
		complain("the document root is not there; answering 503 until it is", 0);
	s->accepting = true;
	int error = open_listeners(s);

	if (!error && !options->quiet)
		announce(s);
	return error;
}

/* Why accept() failed decides: a client that left is nothing, a shortage is a pause. */
static void accept_failed(struct server *s, int error)
{
	if (error == EAGAIN || error == EWOULDBLOCK || error == ECONNABORTED || error == EINTR)
		return;
	set_accepting(s, false);
	s->accept_again_ms = s->now.mono_ms + SHORTAGE_MS;
}

static void accept_one(struct server *s, int fd, const struct sockaddr_storage *addr)
{
	char peer[INET6_ADDRSTRLEN] = "?";
	int on = 1;
	const void *ip = addr->ss_family == AF_INET6 ? (const void *)&((const struct sockaddr_in6 *)addr)->sin6_addr
						     : (const void *)&((const struct sockaddr_in *)addr)->sin_addr;

	inet_ntop(addr->ss_family, ip, peer, sizeof(peer));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (conn_open(s, fd, peer) < 0) {
		close(fd);
		accept_failed(s, ENOMEM);
	}
}

static void accept_from(struct server *s, int listener)
{
	for (int i = 0; i < ACCEPTS_MAX && s->accepting; i++) {
		struct sockaddr_storage addr = { 0 };
		socklen_t len = sizeof(addr);

		if (s->stats.n_connections >= s->options.max_conns) {
			set_accepting(s, false);
			return;
		}
		if (conn_reserve(s) < 0) {
			accept_failed(s, ENOMEM);
			return;
		}
		int fd = accept4(listener, (struct sockaddr *)&addr, &len, SOCK_NONBLOCK);

		if (fd < 0) {
			accept_failed(s, errno);
			return;
		}
		accept_one(s, fd, &addr);
	}
}

static void consider_accepting(struct server *s)
{
	if (s->accepting || s->stats.n_connections >= s->options.max_conns || s->now.mono_ms < s->accept_again_ms)
		return;
	s->accept_again_ms = 0;
	set_accepting(s, true);
}

static int sooner(int a, int b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

static int timeout_of_round(const struct server *s, unsigned log_ms)
{
	int timeout = sooner(conn_next_timeout(s), log_ms ? (int)log_ms : -1);

	if (s->accept_again_ms > s->now.mono_ms)
		timeout = sooner(timeout, (int)(s->accept_again_ms - s->now.mono_ms));
	return timeout;
}

int server_run(struct server *s)
{
	struct epoll_event events[EVENTS_MAX];
	unsigned log_ms = 0;

	while (!s->stop) {
		bool ready[SERVER_LISTENERS] = { false };
		int n = epoll_wait(s->epoll_fd, events, EVENTS_MAX, timeout_of_round(s, log_ms));

		if (n < 0 && errno != EINTR) {
			complain("epoll_wait", errno);
			return -errno;
		}
		now_update(&s->now);
		for (int i = 0; i < n; i++) {
			void *p = events[i].data.ptr;

			if (p == &s->listeners[0] || p == &s->listeners[1])
				ready[p == &s->listeners[1]] = true;
			else
				conn_event(s, p, events[i].events);
		}
		conn_expire(s);
		/* Last, so that a connection closed above is not mistaken for a new one in its place. */
		for (int i = 0; i < SERVER_LISTENERS; i++)
			if (ready[i])
				accept_from(s, s->listeners[i]);
		consider_accepting(s);
		log_ms = accesslog_flush(&s->log);
	}
	return 0;
}

void server_destroy(struct server *s)
{
	for (int i = 0; i < CONN_TIMERS; i++)
		while (s->timers[i].first)
			conn_close(s, s->timers[i].first);
	while (s->free_conns) {
		struct conn *c = s->free_conns;

		s->free_conns = c->next;
		free(c);
	}
	for (int i = 0; i < SERVER_LISTENERS; i++)
		if (s->listeners[i] >= 0)
			close(s->listeners[i]);
	if (s->epoll_fd >= 0)
		close(s->epoll_fd);
	files_destroy(&s->files);
	accesslog_drain(&s->log);
}
