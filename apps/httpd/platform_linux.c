/* SPDX-License-Identifier: BSD-2-Clause */
/* httpd on Linux: a process that ends on SIGTERM and takes a modest part of the memory. */
#define _GNU_SOURCE 1
#include "platform.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>

static volatile bool *stop_flag;

static void on_signal(int number)
{
	(void)number;
	*stop_flag = true;
}

void platform_init(volatile bool *stop)
{
	struct sigaction sa;

	stop_flag = stop;
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_signal;
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	sa.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &sa, NULL);
}

size_t platform_memory(void)
{
	return (size_t)64 << 20;
}

void platform_metrics(struct text *t)
{
	struct rusage u;

	if (getrusage(RUSAGE_SELF, &u) < 0)
		return;
	TEXT_LIT(t, "# TYPE process_resident_memory_max_bytes gauge\nprocess_resident_memory_max_bytes ");
	text_u64(t, (uint64_t)u.ru_maxrss * 1024);
	TEXT_LIT(t, "\n# TYPE process_cpu_microseconds_total counter\nprocess_cpu_microseconds_total ");
	text_u64(t, (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
			    (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec));
	TEXT_LIT(t, "\n");
}
