/* SPDX-License-Identifier: BSD-2-Clause
 *
 * From the kernel to main() and back: constructors, the three standard
 * descriptors, exit.
 */
#include "libc_impl.h"

#include <stdlib.h>
#include <unistd.h>

#include "kernel/app.h"
#include "kernel/panic.h"
#include "kernel/power.h"
#include "kernel/thread.h"

typedef void (*init_fn)(void);
extern const init_fn __preinit_array_start[], __preinit_array_end[];
extern const init_fn __init_array_start[], __init_array_end[];

int main(int argc, char **argv, char **envp);

char **environ;

static void run_all(const init_fn *p, const init_fn *end)
{
	for (; p < end; p++)
		(*p)();
}

static void open_console(void)
{
	struct file *f;

	if (console_file_create(&f) != 0)
		panic("no memory for the console's file");
	for (int fd = 0; fd < 3; fd++)
		if (fd_install(file_get(f), false) != fd)
			panic("descriptor %d is taken at start", fd);
	file_put(f);
}

int app_start(int argc, char **argv, char **envp)
{
	environ = envp;
	open_console();
	libc_threads_init();
	run_all(__preinit_array_start, __preinit_array_end);
	run_all(__init_array_start, __init_array_end);
	exit(main(argc, argv, envp));
}

/* After atexit handlers and flushed streams. The first caller's status counts;
 * others wait for the end, which may take some writes to a disk. */
void _exit(int status)
{
	static struct thread *ender;

	if (ender && ender != thread_current())
		thread_sleep_until(NSEC_NEVER);
	ender = thread_current();
	power_exit(status & 0xff);
}
