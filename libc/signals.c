/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The host's shutdown request as SIGTERM: a program that installed a handler
 * (signal or sigaction) has it called and gets the grace period; any other is
 * ended in good order at once. The handler runs in a thread of its own, so it
 * may do what any thread may (print, write files, exit). When it returns,
 * sleeps, pause(), poll() and select() of the others end with EINTR, so that a
 * main loop looks at its flag; epoll_wait and socket calls go on.
 */
#include "libc_impl.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "kernel/init.h"
#include "kernel/log.h"
#include "kernel/poll.h"
#include "kernel/power.h"
#include "kernel/thread.h"

static struct wait_queue sleepers = WAIT_QUEUE_INIT(sleepers);
static bool handled;		/* once in a life: the second request ends it */

static unsigned signal_poll(struct file *f)
{
	(void)f;
	return handled ? FILE_IN : 0;
}

static const struct file_ops signal_ops = { .poll = signal_poll };
static struct file signal_file = {
	.ops = &signal_ops, .refs = 1, .watches = LIST_INIT(signal_file.watches),
};

struct file *libc_signal_file(void)
{
	return handled ? NULL : &signal_file;
}

int libc_sleep_until(uint64_t deadline)
{
	return wait_queue_sleep(&sleepers, deadline) == 0 ? -EINTR : 0;
}

int pause(void)
{
	return (int)libc_result(libc_sleep_until(NSEC_NEVER));
}

static void *run_handler(void *arg)
{
	raise(SIGTERM);
	handled = true;
	wait_queue_wake_all(&sleepers);
	file_notify(&signal_file, FILE_IN);
	return arg;
}

static int on_power(enum power_kind kind)
{
	pthread_attr_t attr = { .detached = PTHREAD_CREATE_DETACHED };
	void (*h)(int) = signal(SIGTERM, SIG_IGN);
	pthread_t t;

	(void)kind;
	signal(SIGTERM, h);
	if (h == SIG_DFL || h == SIG_ERR)
		return 0;
	if (h == SIG_IGN)
		return 1;
	if (pthread_create(&t, &attr, run_handler, NULL) == 0)
		return 1;
	log_err(LOG_KERNEL, "no memory to run the program's SIGTERM handler");
	return 0;
}

/* Masks are not kept: nothing interrupts a thread here. */
int sigaction(int sig, const struct sigaction *restrict new,
	      struct sigaction *restrict old)
{
	void (*h)(int);

	if (new && (new->sa_flags & SA_SIGINFO))
		return (int)libc_result(-EINVAL);
	h = signal(sig, new ? new->sa_handler : SIG_IGN);
	if (h == SIG_ERR)
		return -1;
	if (!new)
		signal(sig, h);
	if (old) {
		memset(old, 0, sizeof(*old));
		old->sa_handler = h;
	}
	return 0;
}

static struct power_hook hook = { on_power, 0 };

static int signals_init(void)
{
	power_add_hook(&hook);
	return 0;
}

static const struct init_hook init INIT_HOOK(INIT_LIBC) = {
	"signals", signals_init,
};
