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
	if (id != CLOCK_REALTIME || ts->tv_sec < 0 || ts->tv_nsec < 0 ||
	    ts->tv_nsec >= (long)NSEC_PER_SEC)
		return (int)libc_result(-EINVAL);
	clock_set_wall((nsec_t)ts->tv_sec * NSEC_PER_SEC + (nsec_t)ts->tv_nsec);
	return 0;
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
	if (want->tv_sec < 0 || want->tv_nsec < 0 ||
	    want->tv_nsec >= (long)NSEC_PER_SEC)
		return (int)libc_result(-EINVAL);
	thread_sleep_until(clock_now() + (nsec_t)want->tv_sec * NSEC_PER_SEC +
			   (nsec_t)want->tv_nsec);
	if (rest)
		*rest = (struct timespec){ 0 };
	return 0;
}

unsigned sleep(unsigned seconds)
{
	thread_sleep_until(clock_now() + seconds * NSEC_PER_SEC);
	return 0;
}

int usleep(useconds_t usec)
{
	thread_sleep_until(clock_now() + usec * NSEC_PER_USEC);
	return 0;
}

/* One address space, one virtual CPU: all time is the program's. */
clock_t times(struct tms *t)
{
	clock_t now = (clock_t)(clock_now() / (NSEC_PER_SEC / CLOCKS_PER_SEC));

	if (t)
		*t = (struct tms){ .tms_utime = now };
	return now;
}
