/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The command line, which the host writes: any text gives an error or words
 * that together are no longer than it.
 *
 * SOURCES: tests/host/fake_pv.c kernel/page.c kernel/heap.c kernel/thread.c
 * SOURCES: kernel/event.c kernel/timer.c kernel/clock.c kernel/log.c
 * SOURCES: kernel/console.c kernel/trace.c kernel/panic.c kernel/backtrace.c
 * SOURCES: kernel/symbols.c kernel/watchdog.c kernel/cmdline.c
 * SOURCES: kernel/device.c kernel/lib/fmt.c kernel/arch/x86_64/switch.S
 * FLAGS: -Wl,-T,tests/host/tables.ld -mllvm -asan-globals=0
 */
#include <stdlib.h>
#include <string.h>

#include "kernel/boot_info.h"
#include "kernel/cmdline.h"
#include "tests/host/fake_pv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(size_t len)
{
	size_t sum = 0, pos = 0;
	int n = cmdline_argc();

	for (int i = 1; i < n; i++)
		sum += strlen(cmdline_argv()[i]);
	for (char **e = cmdline_envp(); *e; e++)
		sum += strlen(*e) + !strchr(*e, '=') * 100000;
	while (cmdline_next("ip", &pos))
		sum++;
	if (sum > len || cmdline_argv()[n])
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static char text[BOOT_CMDLINE_MAX + 64];

	if (!fake_pv_boot_info.n_regions)
		fake_pv_init(4u << 20);
	if (len >= sizeof(text))
		len = sizeof(text) - 1;
	memcpy(text, data, len);
	text[len] = '\0';
	if (cmdline_init(text))
		return 0;
	if (cmdline_parse_options() == 0)
		cmdline_warn_unknown();
	check(len);
	return 0;
}
