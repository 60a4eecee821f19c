/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The table of contents of the system: what happens between the boot protocol
 * and the application. Every entry path ends in kmain(), on the boot stack;
 * from thread_start_first() on, the machine runs threads.
 */
#include "kernel/app.h"
#include "kernel/arch/arch.h"
#include "kernel/boot_info.h"
#include "kernel/cmdline.h"
#include "kernel/console.h"
#include "kernel/entropy.h"
#include "kernel/image.h"
#include "kernel/init.h"
#include "kernel/lib/fmt.h"
#include "kernel/log.h"
#include "kernel/module.h"
#include "kernel/page.h"
#include "kernel/panic.h"
#include "kernel/power.h"
#include "kernel/stack_guard.h"
#include "kernel/thread.h"
#include "kernel/trace.h"

#define BOOT_FAILED 1			/* exit status */
#define HALF_MIB (1u << 19)		/* holes and tables are not counted away */

extern const struct pv_platform *const __pv_platforms_start[];
extern const struct pv_platform *const __pv_platforms_end[];
extern const struct init_hook __init_hooks_start[], __init_hooks_scan[];
extern const struct init_hook __init_hooks_end[];

RO_AFTER_INIT const struct pv_platform *pv;

static void find_platform(const struct boot_info *bi)
{
	const struct pv_platform *const *p;

	for (p = __pv_platforms_start; p < __pv_platforms_end; p++) {
		if ((*p)->probe(bi)) {
			pv = *p;
			return;
		}
	}
	/* Nobody here knows how to print or to stop. */
	for (;;)
		__asm__ volatile("pause");
}

static bool can_scan;			/* platform is up, devices not yet */

static void boot_failed(const char *what, int err) NORETURN;
static void boot_failed(const char *what, int err)
{
	if (err)
		log_err(LOG_KERNEL, "boot stops: %s (error %d)", what, -err);
	else
		log_err(LOG_KERNEL, "boot stops: %s", what);
	/* The only console may be a device: bring it up for the message. */
	if (can_scan) {
		can_scan = false;
		(void)pv->scan();
	}
	console_use_platform();
	power_exit(BOOT_FAILED);
}

static void boot_step(const char *what, int err)
{
	trace_boot_phase(what);
	if (err)
		boot_failed(what, err);
}

static void run_hooks(const struct init_hook *h, const struct init_hook *end)
{
	for (; h < end; h++)
		boot_step(h->name, h->fn());
}

static void add_boot_seed(const struct boot_info *bi)
{
	uint64_t now[2] = { arch_cycles(), bi->tsc_at_entry };

	entropy_add(bi->seed, bi->seed_len, bi->seed_len * 8);
	entropy_add(now, sizeof(now), 0);
	entropy_reseed();
}

static size_t main_stack_len(void)
{
	const char *text = cmdline_get("stack");
	uint64_t len = THREAD_STACK_DEFAULT;

	if (text && (fmt_parse_size(text, &len) || len < 2 * PAGE_SIZE ||
		     len / PAGE_SIZE > page_total()))
		boot_failed("stack= takes bytes, with K or M, at least 8K", 0);
	return (size_t)len;
}

static void main_thread(void *arg)
{
	(void)arg;
	trace_boot_phase("first thread");
	boot_step("options", cmdline_parse_options());
	run_hooks(__init_hooks_start, __init_hooks_scan);
	can_scan = false;
	boot_step("devices", pv->scan());
	console_use_platform();
	run_hooks(__init_hooks_scan, __init_hooks_end);
	cmdline_warn_unknown();
	boot_step("seal", image_seal());
	trace_print_boot();
	power_exit(app_start(cmdline_argc(), cmdline_argv(), cmdline_envp()));
}

void kmain(const struct boot_info *bi)
{
	int err;

	arch_cpu_init();
	stack_guard_init(bi);
	trace_boot_phase("entry");
	find_platform(bi);
	if (bi->error)
		boot_failed(bi->error, 0);
	page_init(bi);
	module_set(bi);
	if (!page_total())
		boot_failed("no usable memory", 0);
	err = cmdline_init(bi->cmdline);
	boot_step("platform", pv->init(bi));
	can_scan = true;
	boot_step("command line", err);
	add_boot_seed(bi);
	trace_boot_phase("entropy");
	log_info(LOG_KERNEL, "Glint on %s, %u MiB", pv->name,
		 (unsigned)((bi->ram_bytes + HALF_MIB) >> 20));
	thread_start_first("main", main_thread, NULL, main_stack_len());
}
