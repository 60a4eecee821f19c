/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Clocks and sleeping.
 */
#include "libc_impl.h"

#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#include "kernel/clock.h"
#include "kernel/thread.h"

#define CLOCK_CPUTIME ((clockid_t)2)	/* picolibc hides its own name */

uint64_t libc_deadline_ms(long timeout_ms)
{
	if (timeout_ms < 0)
		return NSEC_NEVER;
	return clock_now() + (nsec_t)timeout_ms * NSEC_PER_MSEC;
}

uint64_t libc_timespec_ns(const struct timespec *ts)
{
	nsec_t ns;

	if (__builtin_mul_overflow((nsec_t)ts->tv_sec, NSEC_PER_SEC, &ns) ||
	    __builtin_add_overflow(ns, (nsec_t)ts->tv_nsec, &ns))
		return NSEC_NEVER;
	return ns;
}

uint64_t libc_deadline(const struct timespec *from_now)
{
	nsec_t at;

	return __builtin_add_overflow(libc_timespec_ns(from_now), clock_now(),
				      &at) ? NSEC_NEVER : at;
}

static bool valid(const struct timespec *ts)
{
	return ts->tv_sec >= 0 && ts->tv_nsec >= 0 &&
	       ts->tv_nsec < (long)NSEC_PER_SEC;
}

static void to_timespec(nsec_t ns, struct timespec *ts)
{
	ts->tv_sec = (time_t)(ns / NSEC_PER_SEC);
	ts->tv_nsec = (long)(ns % NSEC_PER_SEC);
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
	if (id == CLOCK_REALTIME)
		to_timespec(clock_wall(), ts);
	else if (id == CLOCK_MONOTONIC || id == CLOCK_CPUTIME)
		to_timespec(clock_now(), ts);
	else
		return (int)libc_result(-EINVAL);
	return 0;
}

int clock_getres(clockid_t id, struct timespec *ts)
{
	if (id != CLOCK_REALTIME && id != CLOCK_MONOTONIC &&
	    id != CLOCK_CPUTIME)
		return (int)libc_result(-EINVAL);
	if (ts)
		to_timespec(1, ts);
	return 0;
}

int clock_settime(clockid_t id, const struct timespec *ts)
{
	/* Signed 64-bit nanoseconds are what everybody computes with. */
	if (id != CLOCK_REALTIME || !valid(ts) ||
	    libc_timespec_ns(ts) > INT64_MAX)
		return (int)libc_result(-EINVAL);
	clock_set_wall(libc_timespec_ns(ts));
	return 0;
}

int settimeofday(const struct timeval *tv, const struct timezone *tz)
{
	struct timespec ts;

	(void)tz;
	if (!tv)
		return 0;
	if (tv->tv_usec < 0 || tv->tv_usec > 999999)
		return (int)libc_result(-EINVAL);
	ts = (struct timespec){ tv->tv_sec, (long)tv->tv_usec * 1000 };
	return clock_settime(CLOCK_REALTIME, &ts);
}

int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
	nsec_t now = clock_wall();

	(void)tz;
	tv->tv_sec = (time_t)(now / NSEC_PER_SEC);
	tv->tv_usec = (suseconds_t)(now % NSEC_PER_SEC / NSEC_PER_USEC);
	return 0;
}

int nanosleep(const struct timespec *want, struct timespec *rest)
{
	nsec_t deadline;
	int r;

	if (!valid(want))
		return (int)libc_result(-EINVAL);
	deadline = libc_deadline(want);
	r = libc_sleep_until(deadline);
	if (r < 0 && rest) {
		nsec_t now = clock_now();

		to_timespec(deadline > now ? deadline - now : 0, rest);
	}
	return (int)libc_result(r);
}

/* The error is the result; errno stays as it is. */
int clock_nanosleep(clockid_t id, int flags, const struct timespec *want,
		    struct timespec *rest)
{
	struct timespec d = *want;
	nsec_t at, base;
	int saved = errno, r;

	if ((id != CLOCK_REALTIME && id != CLOCK_MONOTONIC) || !valid(want))
		return EINVAL;
	if (flags & TIMER_ABSTIME) {
		base = id == CLOCK_REALTIME ? clock_wall() : clock_now();
		at = libc_timespec_ns(want);
		to_timespec(at > base ? at - base : 0, &d);
		rest = NULL;
	}
	r = nanosleep(&d, rest) < 0 ? errno : 0;
	errno = saved;
	return r;
}

/* What is left, in whole seconds, if a signal came. */
unsigned sleep(unsigned seconds)
{
	struct timespec t = { .tv_sec = seconds };

	return nanosleep(&t, &t) < 0 ? (unsigned)t.tv_sec + (t.tv_nsec > 0) : 0;
}

int usleep(useconds_t usec)
{
	struct timespec t = { (time_t)(usec / 1000000),
			      (long)(usec % 1000000) * 1000 };

	return nanosleep(&t, NULL);
}

/* One address space, one virtual CPU: all time is the program's. */
clock_t times(struct tms *t)
{
	clock_t now = (clock_t)(clock_now() / (NSEC_PER_SEC / CLOCKS_PER_SEC));

	if (t)
		*t = (struct tms){ .tms_utime = now };
	return now;
}
