/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams go back where they came from; a full send queue drops them, as networks do. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo.h"

#define DATAGRAMS_MAX 32	/* in one turn */

static char datagram[65536];	/* any datagram goes back whole */

/* Services that answer everything: answering them would never end. */
static bool answers_everything(const struct sockaddr_storage *a)
{
	unsigned port = ntohs(a->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)a)->sin6_port
						       : ((const struct sockaddr_in *)a)->sin_port);

	return port == 7 || port == 13 || port == 17 || port == 19 || port == 37;
}

static void udp_event(struct watch *w, uint32_t events)
{
	(void)events;
	for (int i = 0; i < DATAGRAMS_MAX; i++) {
		struct sockaddr_storage from = { 0 };
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(w->fd, datagram, sizeof(datagram), 0, (struct sockaddr *)&from, &len);

		if (n < 0)
			return;
		if (!answers_everything(&from) &&
		    sendto(w->fd, datagram, (size_t)n, 0, (struct sockaddr *)&from, len) < 0)
			continue;	/* lost, as a datagram may be */
	}
}

int udp_listen(struct watch *w, int family, unsigned port)
{
	int error;

	w->event = udp_event;
	w->fd = echo_socket(family, SOCK_DGRAM, port);
	if (w->fd < 0)
		return w->fd;
	error = echo_watch(w, EPOLLIN);
	if (error)
		close(w->fd);
	return error;
}
