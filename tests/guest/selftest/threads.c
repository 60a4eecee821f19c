/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Threads of C programs: life, mutexes, conditions, thread-local data.
 */
#include "selftest.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int counter, turn;
static _Thread_local int own = 7;

static void *worker(void *arg)
{
	int me = (int)(intptr_t)arg;

	own += me;
	for (int i = 0; i < 100; i++) {
		pthread_mutex_lock(&lock);
		int seen = counter;

		if (i % 10 == 0)
			sched_yield();
		counter = seen + 1;
		pthread_mutex_unlock(&lock);
	}
	errno = me;
	usleep(1000);
	return (void *)(intptr_t)(own * 1000 + errno);
}

static void *ping(void *arg)
{
	int parity = (int)(intptr_t)arg;

	pthread_mutex_lock(&lock);
	for (int i = 0; i < 50; i++) {
		while (turn % 2 != parity)
			pthread_cond_wait(&cond, &lock);
		turn++;
		pthread_cond_broadcast(&cond);
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

static void destructor(void *v)
{
	*(int *)v += 1;
}

static pthread_key_t key;
static int destroyed;

static void *with_key(void *arg)
{
	(void)arg;
	pthread_setspecific(key, &destroyed);
	return pthread_getspecific(key);
}

void test_threads(void)
{
	pthread_t t[16];
	void *result;
	bool fine = true;
	struct timespec at;

	for (int i = 0; i < 16; i++)
		fine &= pthread_create(&t[i], NULL, worker, (void *)(intptr_t)i) == 0;
	for (int i = 0; i < 16; i++) {
		pthread_join(t[i], &result);
		fine &= (intptr_t)result == (7 + i) * 1000 + i;
	}
	ok(fine, "16 threads, each with its own errno and thread-local data");
	ok(counter == 1600, "a mutex keeps 1,600 increments apart (%d)", counter);
	pthread_create(&t[0], NULL, ping, (void *)0);
	pthread_create(&t[1], NULL, ping, (void *)1);
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	ok(turn == 100, "two threads take turns by a condition");
	pthread_key_create(&key, destructor);
	pthread_create(&t[0], NULL, with_key, NULL);
	pthread_join(t[0], &result);
	ok(result == &destroyed && destroyed == 1, "keys and their destructors");
	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_nsec += 20000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_nsec -= 1000000000;
		at.tv_sec++;
	}
	pthread_mutex_lock(&lock);
	ok(pthread_cond_timedwait(&cond, &lock, &at) == ETIMEDOUT,
	   "a timed wait ends");
	pthread_mutex_unlock(&lock);
}
