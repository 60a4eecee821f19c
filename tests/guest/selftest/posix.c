/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The corners of POSIX that programs lean on: descriptors, the allocator's odd
 * arguments, time that overflows, threads that end in every order, services
 * and addresses that are no such thing.
 */
#include "selftest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* An expression that fails with exactly this errno. */
#define FAILS(expr, want) (errno = 0, (expr) == -1 && errno == (want))

static void test_descriptors(void)
{
	int a = dup(1), b, c, d, n = 0, *all = malloc(17000 * sizeof(int));

	b = dup(1);
	c = dup(1);
	ok(a == 3 && b == 4 && c == 5, "dup gives the lowest number (%d)", a);
	close(b);
	d = fcntl(1, F_DUPFD, 10);
	ok(d == 10 && dup(1) == 4, "F_DUPFD starts at its argument");
	ok(dup2(1, 40) == 40 && close(4) == 0 && dup(1) == 4 && dup(1) == 6,
	   "dup2 far up leaves the low numbers free");
	ok(dup2(3, 3) == 3 && FAILS(dup2(99, 3), EBADF) &&
	   FAILS(dup2(3, -1), EBADF) && FAILS(dup2(3, 1 << 20), EBADF) &&
	   write(3, "", 0) == 0, "dup2's errors leave the target alone");
	ok(FAILS(fcntl(1, F_DUPFD, -1), EINVAL) &&
	   FAILS(fcntl(99, F_GETFL), EBADF) && FAILS(fcntl(1, 999), EINVAL) &&
	   FAILS(ioctl(1, 0x1234, NULL), ENOTTY), "fcntl's and ioctl's errors");
	ok(fcntl(3, F_SETFD, FD_CLOEXEC) == 0 && fcntl(3, F_GETFD) == FD_CLOEXEC &&
	   dup2(3, 5) == 5 && fcntl(5, F_GETFD) == 0,
	   "close-on-exec is the descriptor's, not the file's");
	while (n < 17000 && (all[n] = dup(1)) >= 0)
		n++;
	ok(n > 16000 && errno == EMFILE, "%d more descriptors, then EMFILE", n);
	while (n)
		close(all[--n]);
	free(all);
	close(3), close(4), close(5), close(6), close(10), close(40);
	ok((a = dup(1)) == 3 && close(a) == 0, "and all are free again");
	ok(FAILS(lseek(1, 0, SEEK_SET), ESPIPE) &&
	   FAILS(pread(0, &a, 1, 0), ESPIPE) && FAILS(fsync(1), EINVAL) &&
	   FAILS(read(-1, &a, 1), EBADF) && FAILS(write(INT_MAX, &a, 1), EBADF) &&
	   FAILS(readv(0, NULL, -1), EINVAL), "a console is no file");
}

static void test_malloc(void)
{
	volatile size_t most = SIZE_MAX;
	void *p, *q;

	p = malloc(0);
	q = malloc(0);
	ok(p && q && p != q, "malloc(0) gives two pointers");
	free(p);
	free(q);
	p = realloc(malloc(10), 0);
	free(p);
	p = calloc(0, 5);
	ok(p != NULL, "calloc(0, n)");
	free(p);
	p = aligned_alloc(4096, 100);
	ok(p && !((uintptr_t)p & 4095), "aligned_alloc(4096)");
	q = realloc(p, 20000);
	ok(q != NULL, "realloc of an aligned block");
	free(q);
	errno = 0;
	ok(!aligned_alloc(24, 100) && errno == EINVAL &&
	   posix_memalign(&p, 3, 10) == EINVAL &&
	   posix_memalign(&p, 64, SIZE_MAX - 100) == ENOMEM &&
	   !memalign(48, 10), "bad alignments are refused");
	p = malloc(100);
	memset(p, 7, 100);
	q = realloc(p, (size_t)1 << 45);
	ok(!q && ((char *)p)[99] == 7, "a realloc that fails keeps the block");
	free(p);
	ok(!malloc(most) && !malloc(most - 4096) && !malloc(most / 2) &&
	   !reallocarray(NULL, most / 2, 4),
	   "sizes near the end of the world");
}

static long ms_since(const struct timespec *a)
{
	struct timespec b;

	clock_gettime(CLOCK_MONOTONIC, &b);
	return (b.tv_sec - a->tv_sec) * 1000 + (b.tv_nsec - a->tv_nsec) / 1000000;
}

static void *long_sleep(void *arg)
{
	struct timespec ever = { INT64_MAX, 999999999 };

	nanosleep(&ever, NULL);
	*(int *)arg = 1;
	return NULL;
}

static void *long_wait(void *arg)
{
	static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
	struct timespec ever = { INT64_MAX, 0 };

	pthread_mutex_lock(&m);
	pthread_cond_timedwait(&c, &m, &ever);
	*(int *)arg = 1;
	return NULL;
}

static void *long_poll(void *arg)
{
	struct timeval tv = { INT64_MAX / 4, 0 };

	if (poll(NULL, 0, INT_MAX) == 0)
		select(0, NULL, NULL, NULL, &tv);
	*(int *)arg = 1;
	return NULL;
}

static void test_time(void)
{
	void *(*const fn[])(void *) = { long_sleep, long_wait, long_poll };
	struct timespec a, t = { 0, 1000000000 }, neg = { -1, 0 };
	struct timeval tv = { 0, 20000 }, bad = { 0, -1 };
	static int done[3];
	pthread_t p;
	long ms;

	for (int i = 0; i < 3; i++) {
		pthread_create(&p, NULL, fn[i], &done[i]);
		pthread_detach(p);
	}
	usleep(30000);
	ok(!done[0] && !done[1] && !done[2],
	   "times that overflow are for ever (%d %d %d)", done[0], done[1], done[2]);
	ok(FAILS(nanosleep(&t, NULL), EINVAL) && FAILS(nanosleep(&neg, NULL), EINVAL) &&
	   clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL) == EINVAL &&
	   FAILS(clock_gettime(77, &a), EINVAL) &&
	   FAILS(clock_settime(CLOCK_MONOTONIC, &a), EINVAL) &&
	   FAILS(select(0, NULL, NULL, NULL, &bad), EINVAL), "bad times are EINVAL");
	clock_gettime(CLOCK_MONOTONIC, &a);
	ok(select(0, NULL, NULL, NULL, &tv) == 0 && (ms = ms_since(&a)) >= 19 &&
	   ms < 5000, "select without descriptors sleeps");
	clock_gettime(CLOCK_MONOTONIC, &a);
	t = a;
	t.tv_nsec += 20000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_nsec -= 1000000000;
		t.tv_sec++;
	}
	ok(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == 0 &&
	   ms_since(&a) >= 19 &&
	   clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &a, NULL) == 0,
	   "clock_nanosleep until");
	clock_gettime(CLOCK_REALTIME, &a);
	t = (struct timespec){ 1000000000, 5 };
	ok(clock_settime(CLOCK_REALTIME, &t) == 0 && time(NULL) - 1000000000 < 5 &&
	   gettimeofday(&tv, NULL) == 0 && tv.tv_sec - 1000000000 < 5,
	   "the time of day can be set");
	clock_settime(CLOCK_REALTIME, &a);
}

static void test_poll(void)
{
	struct pollfd p[40];
	fd_set r;

	for (int i = 0; i < 40; i++)
		p[i] = (struct pollfd){ i == 39 ? 1 : -1, POLLOUT, 77 };
	ok(poll(p, 40, 0) == 1 && p[39].revents == POLLOUT && p[0].revents == 0,
	   "poll of 40, of which 39 are skipped");
	p[0] = (struct pollfd){ 1, POLLWRNORM, 0 };
	ok(poll(p, 1, 0) == 1 && p[0].revents == POLLWRNORM, "POLLWRNORM");
	p[0] = (struct pollfd){ 999, POLLIN, 0 };
	ok(poll(p, 1, -1) == 1 && p[0].revents == POLLNVAL,
	   "POLLNVAL at once, also without a time-out");
	FD_ZERO(&r);
	FD_SET(30, &r);
	ok(FAILS(select(31, &r, NULL, NULL, NULL), EBADF) &&
	   FAILS(select(-1, NULL, NULL, NULL, NULL), EINVAL), "select's errors");
}

static pthread_key_t key;

static void *ends_at_once(void *arg)
{
	return arg;
}

static void *sees_key(void *arg)
{
	pthread_key_t again;
	void *v;

	(void)arg;
	pthread_setspecific(key, &key);
	pthread_key_delete(key);
	pthread_key_create(&again, NULL);
	v = pthread_getspecific(again);
	pthread_key_delete(again);
	return v;
}

static void *detaches(void *arg)
{
	pthread_detach(pthread_self());
	sched_yield();
	return arg;
}

static void test_thread_ends(void)
{
	pthread_t t;
	void *v = &key;
	bool fine = true;

	for (int i = 0; i < 300; i++) {
		fine &= pthread_create(&t, NULL, ends_at_once, &v) == 0;
		if (i % 3 == 0)
			sched_yield();		/* it has finished */
		fine &= (i & 1 ? pthread_detach(t) : pthread_join(t, &v)) == 0;
		fine &= pthread_create(&t, NULL, detaches, NULL) == 0;
		if (i % 50 == 0)
			usleep(1000);
	}
	usleep(1000);
	ok(fine, "600 threads, joined or detached before and after their end");
	ok(pthread_join(pthread_self(), NULL) == EDEADLK, "join of oneself");
	pthread_key_create(&key, NULL);
	pthread_create(&t, NULL, sees_key, NULL);
	pthread_join(t, &v);
	ok(v == NULL, "a key made anew has no value");
}

static void test_mutexes(void)
{
	pthread_mutex_t m;
	pthread_mutexattr_t a;
	pthread_cond_t c = PTHREAD_COND_INITIALIZER;
	struct timespec past = { 1, 0 }, bad = { 1, -1 };

	pthread_mutexattr_init(&a);
	pthread_mutexattr_settype(&a, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&m, &a);
	ok(pthread_mutex_lock(&m) == 0 && pthread_mutex_lock(&m) == 0 &&
	   pthread_cond_timedwait(&c, &m, &past) == ETIMEDOUT &&
	   pthread_mutex_unlock(&m) == 0 && pthread_mutex_unlock(&m) == 0 &&
	   pthread_mutex_unlock(&m) == EPERM, "a recursive mutex counts");
	ok(pthread_cond_wait(&c, &m) == EPERM, "waiting without the mutex");
	pthread_mutexattr_settype(&a, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&m, &a);
	ok(pthread_mutex_lock(&m) == 0 && pthread_mutex_lock(&m) == EDEADLK &&
	   pthread_mutex_trylock(&m) == EBUSY &&
	   pthread_cond_timedwait(&c, &m, &bad) == EINVAL &&
	   pthread_mutex_destroy(&m) == EBUSY && pthread_mutex_unlock(&m) == 0 &&
	   pthread_mutex_destroy(&m) == 0, "an error checking one checks");
}

static bool service_refused(const char *s)
{
	struct addrinfo *ai = NULL;
	int err = getaddrinfo("127.0.0.1", s, NULL, &ai);

	if (err == 0)
		freeaddrinfo(ai);
	return err == EAI_SERVICE;
}

static void test_names(void)
{
	static const char *const bad6[] = { ":", ":::", "1:", ":1", "1:2:3",
		"1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "g::", "::1.2.3",
		"1:2:3:4:5:6:7:1.2.3.4", "::1.2.3.4.5", "1:2:3:4:5:6:7:8::", "",
		"::1.2.3.256", "1.2.3.4", "::ffff:1.2.3.4:1" };
	static const char *const bad4[] = { "", "1", "1.2.3", "1.2.3.4.", "01.2.3.4",
		"1.2.3.4x", " 1.2.3.4", "1..3.4", "1.2.3.1000", "-1.2.3.4" };
	struct addrinfo hints = { .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM };
	struct addrinfo *ai = NULL;
	unsigned char a[16];
	char buf[8];
	bool fine = true;
	int n = 0;

	for (size_t i = 0; i < sizeof(bad6) / sizeof(bad6[0]); i++)
		fine &= inet_pton(AF_INET6, bad6[i], a) == 0;
	for (size_t i = 0; i < sizeof(bad4) / sizeof(bad4[0]); i++)
		fine &= inet_pton(AF_INET, bad4[i], a) == 0;
	ok(fine && inet_pton(AF_INET6, "1:2:3:4:5:6:7::", a) == 1 &&
	   FAILS(inet_pton(1234, "::", a), EAFNOSUPPORT), "bad addresses are refused");
	memset(a, 0xff, 16);
	errno = 0;
	ok(!inet_ntop(AF_INET6, a, buf, sizeof(buf)) && errno == ENOSPC,
	   "an address that does not fit");
	ok(service_refused("http") && service_refused("-1") &&
	   service_refused(" 80") && service_refused("65536") &&
	   service_refused("18446744073709551696"), "services that are no port");
	ok(getaddrinfo(NULL, NULL, NULL, &ai) == EAI_NONAME &&
	   getaddrinfo(NULL, "80", &hints, &ai) == 0, "getaddrinfo for a server");
	for (struct addrinfo *i = ai; i; i = i->ai_next)
		n += i->ai_socktype == SOCK_STREAM && i->ai_addrlen > 0;
	ok(n == 2, "one address of each family (%d)", n);
	freeaddrinfo(ai);
}

static void test_environment(void)
{
	char longest[200];

	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	ok(setenv("NEW", "1", 0) == 0 && setenv("NEW", longest, 0) == 0 &&
	   !strcmp(getenv("NEW"), "1") && setenv("NEW", longest, 1) == 0 &&
	   !strcmp(getenv("NEW"), longest) && unsetenv("NEW") == 0 &&
	   !getenv("NEW") && FAILS(setenv("A=B", "", 1), EINVAL),
	   "setenv, unsetenv");
	ok(sysconf(_SC_PAGESIZE) == 4096 && sysconf(_SC_NPROCESSORS_ONLN) == 1 &&
	   sysconf(_SC_PHYS_PAGES) > sysconf(_SC_AVPHYS_PAGES) &&
	   FAILS(sysconf(12345), EINVAL), "sysconf");
}

void test_posix(void)
{
	test_descriptors();
	test_malloc();
	test_time();
	test_poll();
	test_thread_ends();
	test_mutexes();
	test_names();
	test_environment();
}
