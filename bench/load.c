// SPDX-License-Identifier: BSD-2-Clause
//
// An HTTP client that sends an exact number of requests over C keep-alive
// connections, one outstanding on each, and looks for what wrk cannot see:
// a connection that stays silent while the others go on, and a second in
// which nothing arrives. Prints one line of JSON. One thread, epoll, Linux.
// Not a browser: needs Content-Length, and answers of at most 64 KiB.

#define _GNU_SOURCE /* strcasestr */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define HISTOGRAM_US 2000000 /* longer ones count in the last slot */
#define BUFFER 65536

struct conn {
	int fd; /* -1: closed */
	uint64_t sent_us;
	uint32_t have;
	uint8_t waiting;
	char buf[BUFFER];
};

static struct conn *conns;
static int n_conns = 30, epfd;
static uint64_t stall_us = 500000;
static struct sockaddr_in server = {.sin_family = AF_INET};
static char request[512];
static size_t request_len;
static uint64_t limit = UINT64_MAX, started, finished, bad, broken, stalls, zero_seconds, longest;
static long expect = -1;
static uint32_t *histogram;

static uint64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void send_request(struct conn *c)
{
	if (started >= limit)
		return;
	c->sent_us = now_us();
	c->have = 0;
	if (send(c->fd, request, request_len, MSG_NOSIGNAL) == (ssize_t)request_len) {
		c->waiting = 1;
		started++;
	}
}

static void conn_open(struct conn *c)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
	int one = 1;

	c->waiting = 0;
	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&server, sizeof(server)) < 0) {
		fprintf(stderr, "load: connection %d: %s\n", (int)(c - conns), strerror(errno));
		exit(1);
	}
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	epoll_ctl(epfd, EPOLL_CTL_ADD, c->fd, &ev);
}

static void conn_lost(struct conn *c)
{
	if (c->waiting) {
		broken++;
		started--;
	}
	close(c->fd);
	conn_open(c);
	send_request(c);
}

static void note_latency(uint64_t us)
{
	if (us > longest)
		longest = us;
	if (us > stall_us)
		stalls++;
	histogram[us < HISTOGRAM_US ? us : HISTOGRAM_US - 1]++;
}

/* Bytes of the whole answer, 0 if its head is not complete, -1 if it is none. */
static long answer_len(struct conn *c, long *body)
{
	char *end, *field;

	c->buf[c->have] = 0;
	end = strstr(c->buf, "\r\n\r\n");
	if (!end)
		return 0;
	field = strcasestr(c->buf, "\r\ncontent-length:");
	if (strncmp(c->buf, "HTTP/1.1 200", 12) || !field || field > end)
		return -1;
	*body = strtol(field + 17, NULL, 10);
	return end + 4 - c->buf + *body;
}

static void conn_readable(struct conn *c)
{
	long body = 0, len;
	ssize_t n = recv(c->fd, c->buf + c->have, BUFFER - 1 - c->have, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		conn_lost(c);
		return;
	}
	c->have += (uint32_t)n;
	len = answer_len(c, &body);
	if (len > 0 && (long)c->have < len && len < BUFFER)
		return;
	if (len == 0 && c->have < BUFFER - 1)
		return;
	if (len != (long)c->have || (expect >= 0 && body != expect)) {
		bad++;
		conn_lost(c);
		return;
	}
	c->waiting = 0;
	finished++;
	note_latency(now_us() - c->sent_us);
	send_request(c);
}

static uint64_t percentile(double part)
{
	uint64_t want = (uint64_t)((double)finished * part), seen = 0;

	for (uint64_t us = 0; us < HISTOGRAM_US; us++) {
		seen += histogram[us];
		if (seen > want)
			return us;
	}
	return HISTOGRAM_US;
}

/* Runs until all answers are there, the time is over, or nothing has come for 10 s. */
static void loop(uint64_t end_us)
{
	struct epoll_event ev[256];
	uint64_t second = now_us() + 1000000, at_second = finished, last = now_us();

	while (finished < limit) {
		int n = epoll_wait(epfd, ev, 256, 100);
		uint64_t before = finished, now;

		for (int i = 0; i < n; i++)
			conn_readable(ev[i].data.ptr);
		now = now_us();
		if (finished != before)
			last = now;
		if (now >= second) {
			zero_seconds += finished == at_second;
			at_second = finished;
			second += 1000000;
		}
		if (now >= end_us || now - last > 10000000)
			break;
	}
}

static int usage(void)
{
	fprintf(stderr, "usage: load [-c connections] [-n requests] [-d seconds] [-b bytes of the body] [-s ms of a stall]\n"
	                "            ADDRESS PORT PATH\n"
	                "exit status: 0 all answered, 1 something was lost, 2 wrong usage\n");
	return 2;
}

int main(int argc, char **argv)
{
	double seconds = 1e9;
	uint64_t t0, took, stuck = 0;
	struct rlimit files;
	int opt;

	while ((opt = getopt(argc, argv, "c:n:d:b:s:")) != -1) {
		switch (opt) {
		case 'c': n_conns = atoi(optarg); break;
		case 'n': limit = strtoull(optarg, NULL, 10); break;
		case 'd': seconds = atof(optarg); break;
		case 'b': expect = atol(optarg); break;
		case 's': stall_us = strtoull(optarg, NULL, 10) * 1000; break;
		default: return usage();
		}
	}
	if (argc - optind != 3 || n_conns < 1 || inet_pton(AF_INET, argv[optind], &server.sin_addr) != 1)
		return usage();
	server.sin_port = htons((uint16_t)atoi(argv[optind + 1]));
	request_len = (size_t)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n",
	                               argv[optind + 2], argv[optind]);
	if (request_len >= sizeof(request))
		return usage();
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	conns = calloc((size_t)n_conns, sizeof(*conns));
	histogram = calloc(HISTOGRAM_US, sizeof(*histogram));
	epfd = epoll_create1(0);
	if (!conns || !histogram || epfd < 0)
		return 1;
	for (int i = 0; i < n_conns; i++)
		conn_open(&conns[i]);
	t0 = now_us();
	for (int i = 0; i < n_conns; i++)
		send_request(&conns[i]);
	loop(t0 + (uint64_t)(seconds * 1e6));
	took = now_us() - t0;
	for (int i = 0; i < n_conns; i++) {
		stuck += conns[i].waiting && now_us() - conns[i].sent_us > stall_us;
		close(conns[i].fd);
	}
	printf("{\"requests\": %llu, \"seconds\": %.3f, \"bad\": %llu, \"broken\": %llu, \"stalls\": %llu, \"stuck\": %llu, "
	       "\"zero_seconds\": %llu, \"p50\": %llu, \"p99\": %llu, \"max\": %llu}\n",
	       (unsigned long long)finished, (double)took / 1e6, (unsigned long long)bad, (unsigned long long)broken,
	       (unsigned long long)stalls, (unsigned long long)stuck, (unsigned long long)zero_seconds,
	       (unsigned long long)percentile(0.5), (unsigned long long)percentile(0.99), (unsigned long long)longest);
	return bad || broken || stuck || (limit != UINT64_MAX && finished < limit);
}
