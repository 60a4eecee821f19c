/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP clients. What a client does not take is kept, and nothing is read from it until that is gone; so a client
 * costs a few bytes, or at most ECHO_BUFFER, and never the others' time.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo.h"

#define ACCEPTS_MAX 32	/* in one turn */

struct client {
	struct watch watch;	/* first: epoll's pointer is the client's */
	char *kept;		/* to be sent before anything is read */
	size_t kept_len, kept_at;
};

/* Listeners that were switched off for want of descriptors or memory; a client that leaves brings them back. */
static struct watch *listeners[2];
static int n_listeners;
static unsigned n_clients;

static void arm_listeners(uint32_t events)
{
	for (int i = 0; i < n_listeners; i++) {
		struct epoll_event ev = { .events = events, .data = { .ptr = listeners[i] } };

		epoll_ctl(echo_epoll_fd, EPOLL_CTL_MOD, listeners[i]->fd, &ev);
	}
}

static void client_close(struct client *c)
{
	close(c->watch.fd);
	free(c->kept);
	free(c);
	n_clients--;
	arm_listeners(EPOLLIN);
}

static void client_wait(struct client *c, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data = { .ptr = c } };

	epoll_ctl(echo_epoll_fd, EPOLL_CTL_MOD, c->watch.fd, &ev);
}

/* Bytes taken; -1: the connection is broken. */
static ssize_t client_send(struct client *c, const char *p, size_t len)
{
	ssize_t n = send(c->watch.fd, p, len, MSG_NOSIGNAL);

	return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) ? 0 : n;
}

static void client_readable(struct client *c)
{
	ssize_t got = recv(c->watch.fd, echo_buffer, sizeof(echo_buffer), 0);

	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (got <= 0)
		goto fail;
	ssize_t sent = client_send(c, echo_buffer, (size_t)got);

	if (sent < 0)
		goto fail;
	if (sent == got)
		return;
	c->kept_len = (size_t)(got - sent);
	c->kept_at = 0;
	c->kept = malloc(c->kept_len);
	if (!c->kept)
		goto fail;
	memcpy(c->kept, echo_buffer + sent, c->kept_len);
	client_wait(c, EPOLLOUT);
	return;
fail:
	client_close(c);
}

static void client_writable(struct client *c)
{
	ssize_t sent = client_send(c, c->kept + c->kept_at, c->kept_len - c->kept_at);

	if (sent < 0) {
		client_close(c);
		return;
	}
	c->kept_at += (size_t)sent;
	if (c->kept_at < c->kept_len)
		return;
	free(c->kept);
	c->kept = NULL;
	client_wait(c, EPOLLIN);
}

static void client_event(struct watch *w, uint32_t events)
{
	struct client *c = (struct client *)w;

	(void)events;
	if (c->kept)
		client_writable(c);
	else
		client_readable(c);
}

static void client_open(int fd)
{
	struct client *c = calloc(1, sizeof(*c));
	int on = 1;

	if (!c)
		goto fail;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c->watch = (struct watch){ client_event, fd };
	if (!echo_watch(&c->watch, EPOLLIN)) {
		n_clients++;
		return;
	}
	free(c);
fail:
	close(fd);
}

static void listener_event(struct watch *w, uint32_t events)
{
	(void)events;
	for (int i = 0; i < ACCEPTS_MAX; i++) {
		int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK);

		if (fd >= 0)
			client_open(fd);
		else if (n_clients && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS))
			arm_listeners(0);
		if (fd < 0)
			return;
	}
}

int tcp_listen(struct watch *w, int family, unsigned port)
{
	int error;

	w->event = listener_event;
	w->fd = echo_socket(family, SOCK_STREAM, port);
	if (w->fd < 0)
		return w->fd;
	error = listen(w->fd, 128) < 0 ? -errno : echo_watch(w, EPOLLIN);
	if (error) {
		close(w->fd);
		return error;
	}
	listeners[n_listeners++] = w;
	return 0;
}
