/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Sockets over the loopback interface, blocking and by epoll.
 */
#include "selftest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BULK 300000

static int listener(uint16_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int s = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof(a)) || listen(s, 5) ||
	    getsockname(s, (struct sockaddr *)&a, &len))
		return -1;
	*port = ntohs(a.sin_port);
	return s;
}

static int dial(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int s = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(s, (struct sockaddr *)&a, sizeof(a))) {
		close(s);
		return -1;
	}
	return s;
}

static void *echo_bulk(void *arg)
{
	int s = accept(*(int *)arg, NULL, NULL);
	static char buf[4000];
	ssize_t n;

	while ((n = read(s, buf, sizeof(buf))) > 0)
		for (ssize_t off = 0, w; off < n; off += w)
			if ((w = write(s, buf + off, (size_t)(n - off))) < 0)
				return (void *)1;
	close(s);
	return NULL;
}

static void *send_bulk(void *arg)
{
	static unsigned char buf[1777];
	int s = *(int *)arg;

	for (int sent = 0; sent < BULK;) {
		size_t n = BULK - sent < (int)sizeof(buf) ? (size_t)(BULK - sent) :
			   sizeof(buf);
		ssize_t w;

		for (size_t i = 0; i < n; i++)
			buf[i] = (unsigned char)((sent + (int)i) * 13);
		w = write(s, buf, n);
		if (w <= 0)
			return (void *)1;
		sent += (int)w;
	}
	shutdown(s, SHUT_WR);
	return NULL;
}

static void test_bulk(int ls, uint16_t port)
{
	unsigned char buf[999];
	pthread_t server, sender;
	int s, got = 0;
	bool same = true;
	ssize_t n;

	pthread_create(&server, NULL, echo_bulk, &ls);
	s = dial(port);
	ok(s >= 0, "connect to a listener on loopback");
	pthread_create(&sender, NULL, send_bulk, &s);
	while ((n = read(s, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n; i++, got++)
			same &= buf[i] == (unsigned char)(got * 13);
	ok(got == BULK && same, "%d bytes come back unchanged", got);
	pthread_join(sender, NULL);
	pthread_join(server, NULL);
	close(s);
}

static void test_epoll(int ls, uint16_t port)
{
	struct epoll_event ev = { .events = EPOLLIN }, got[4];
	int ep = epoll_create1(0), c, a, n;

	ev.data.u64 = 1;
	epoll_ctl(ep, EPOLL_CTL_ADD, ls, &ev);
	ok(epoll_wait(ep, got, 4, 0) == 0, "nothing is ready at first");
	c = dial(port);
	n = epoll_wait(ep, got, 4, 2000);
	ok(n == 1 && got[0].data.u64 == 1, "a connection makes the listener ready");
	a = accept4(ls, NULL, NULL, SOCK_NONBLOCK);
	errno = 0;
	ok(read(a, &n, 1) == -1 && errno == EAGAIN, "a non-blocking read is EAGAIN");
	ev.data.u64 = 2;
	ev.events = EPOLLIN | EPOLLET;
	epoll_ctl(ep, EPOLL_CTL_ADD, a, &ev);
	ok(write(c, "x", 1) == 1 && epoll_wait(ep, got, 4, 2000) == 1 &&
	   got[0].data.u64 == 2, "data make the connection ready");
	ok(epoll_wait(ep, got, 4, 0) == 0, "edge triggered: told once");
	close(c);
	n = epoll_wait(ep, got, 4, 2000);
	ok(n == 1 && (got[0].events & EPOLLIN), "the end is told");
	close(a);
	close(ep);
}

static void test_udp(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET }, from;
	socklen_t len = sizeof(a), flen = sizeof(from);
	int s = socket(AF_INET, SOCK_DGRAM, 0), c = socket(AF_INET, SOCK_DGRAM, 0);
	struct pollfd p = { s, POLLIN, 0 };
	char buf[16];

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	bind(s, (struct sockaddr *)&a, sizeof(a));
	getsockname(s, (struct sockaddr *)&a, &len);
	ok(poll(&p, 1, 10) == 0, "poll times out");
	sendto(c, "datagram", 8, 0, (struct sockaddr *)&a, sizeof(a));
	ok(poll(&p, 1, 2000) == 1 && p.revents == POLLIN, "poll sees a datagram");
	ok(recvfrom(s, buf, 4, 0, (struct sockaddr *)&from, &flen) == 4 &&
	   !memcmp(buf, "data", 4) && from.sin_family == AF_INET,
	   "a short buffer cuts the datagram");
	close(s);
	close(c);
}

void test_sockets(void)
{
	uint16_t port = 0;
	int ls = listener(&port);

	ok(ls >= 0 && port >= 1024, "a listener has a random port (%u)", port);
	test_bulk(ls, port);
	test_epoll(ls, port);
	test_udp();
	close(ls);
	errno = 0;
	ok(dial(port) == -1 && errno == ECONNREFUSED, "no listener: ECONNREFUSED");
	errno = 0;
	ok(socket(AF_UNIX, SOCK_STREAM, 0) == -1 && errno == EAFNOSUPPORT,
	   "UNIX sockets are not here yet: EAFNOSUPPORT");
}
