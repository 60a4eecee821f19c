/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Early text longer than its buffer: the end is kept, the loss is said.
 *
 * SOURCES: tests/host/fake_pv.c kernel/page.c kernel/heap.c kernel/thread.c
 * SOURCES: kernel/event.c kernel/timer.c kernel/clock.c kernel/log.c
 * SOURCES: kernel/console.c kernel/trace.c kernel/panic.c kernel/backtrace.c
 * SOURCES: kernel/symbols.c kernel/watchdog.c kernel/cmdline.c
 * SOURCES: kernel/device.c kernel/lib/fmt.c kernel/arch/x86_64/switch.S
 */
#include "tests/unit/tap.h"

#include <string.h>

#include "kernel/console.h"
#include "tests/host/fake_pv.h"

int main(void)
{
	char line[16];

	for (int i = 0; i < 2000; i++)
		console_write(line, (size_t)snprintf(line, sizeof(line), "<%07d>\n", i));
	console_use_platform();
	ok(fake_pv_output_has("[11808 bytes of early output lost]\n"), "said: %.40s",
	   fake_pv_output);
	ok(fake_pv_output_has("<0001999>\n") && !fake_pv_output_has("<0001000>"),
	   "the end is there");
	ok(fake_pv_output_len == 35 + 8192, "all that the buffer holds: %zu",
	   fake_pv_output_len);
	fake_pv_output_clear();
	console_panic_write("p\n", 2);
	ok(!strcmp(fake_pv_output, "p\n"), "nothing comes twice");
	return done_testing();
}
