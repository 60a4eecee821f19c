/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The hv platform's entries over a simulated entry function: what each asks of
 * the hypervisor, and what it makes of answers that are wrong.
 *
 * SOURCES: pv/hv/clock.c pv/x86/pvclock.c kernel/lib/shared.c kernel/lib/fmt.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pv/hv/hv.c"			/* its one symbol is a table's entry */

#include "kernel/event.h"
#include "kernel/panic.h"
#include "kernel/power.h"
#include "tests/unit/tap.h"

/* The image: a page read-only, one of text, two of data; as the linker would
 * name them. */
char image[4 * 4096] __attribute__((aligned(4096)));
__asm__(".globl _image_start, _text_start, _text_end, _image_end, boot_stack_guard\n"
	".set _image_start, image\n.set _text_start, image + 0x1000\n"
	".set _text_end, image + 0x2000\n.set boot_stack_guard, image + 0x2000\n"
	".set _image_end, image + 0x4000");
unsigned char log_threshold[LOG_AREAS];

static struct hv_start block __attribute__((aligned(4096)));
static struct boot_info bi;
static struct call {
	uint64_t nr, a, b, c;
} called;				/* the last */
static unsigned n_calls;
static int64_t answer;
static jmp_buf ended;
static uint64_t pending;
static bool some_pending;
static unsigned n_off, n_devices, fail_alloc;
static char names[40][32];
static const void *infos[40];

static int64_t peer(uint64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
	called = (struct call){ nr, a, b, c };
	n_calls++;
	if (nr == HV_EXIT)
		longjmp(ended, 1);
	return answer;
}

/* ---- the kernel around it ---- */

bool event_pending(void)
{
	return some_pending;
}

void event_set_pending(unsigned line)
{
	if (line >= 64)
		abort();
	pending |= 1ull << line;
}

void power_request(enum power_kind kind)
{
	n_off += kind == POWER_OFF;
}

void *heap_zalloc(enum heap_owner owner, size_t len)
{
	(void)owner;
	return fail_alloc && !--fail_alloc ? NULL : calloc(1, len);
}

void device_announce(struct device *dev)
{
	strcpy(names[n_devices], dev->name);
	infos[n_devices++] = dev->bus_info;	/* which keeps the block alive */
}

/* ---- */

static void fresh(void)
{
	memset(&block, 0, sizeof(block));
	block.entry = (uintptr_t)peer;
	block.clock = (struct hv_clock){
		.tsc_timestamp = __builtin_ia32_rdtsc(), .tsc_to_system_mul = 1u << 31,
		.tsc_shift = -20, .flags = 1,
	};
	bi = (struct boot_info){ .protocol = BOOT_HV, .start_block = (uintptr_t)&block };
	answer = 0;
	n_calls = n_off = 0;
	pending = 0;
	some_pending = false;
	called = (struct call){ 0 };
	hv.probe(&bi);
	n_calls = 0;
}

static bool last_call(uint64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
	return called.nr == nr && called.a == a && called.b == b && called.c == c;
}

static void probing(void)
{
	struct boot_info other = { .protocol = BOOT_PVH };

	ok(!hv.probe(&other), "other protocols are not its own");
	other.protocol = BOOT_HV;
	ok(hv.probe(&other) && hv_call(HV_PUTS, 0, 0, 0) == -HV_ENOSYS,
	   "its own without a block: nobody to call");
	hv.puts("x", 1);
	ok(hv.now() == 0 && hv.wall() == 0, "and no time");
	fresh();
	hv.puts("text", 4);
	ok(called.nr == HV_PUTS && !memcmp((char *)(uintptr_t)called.a, "text", 4) &&
	   called.b == 4, "text");
}

static uint64_t exit_of(int status)
{
	if (!setjmp(ended))
		hv.exit(status);
	return called.nr == HV_EXIT ? called.a : UINT64_MAX;
}

static void ending(void)
{
	fresh();
	ok(exit_of(0) == 0 && exit_of(7) == 7 && exit_of(255) == 255, "statuses");
	ok(exit_of(256 + 3) == 3, "eight bits of them");
	ok(exit_of(PANIC_EXIT_STATUS) == PANIC_EXIT_STATUS, "a program may end with 125");
	ok(exit_of(PV_EXIT_PANIC) == HV_EXIT_CRASH, "a panic is a crash");
	ok(exit_of(PV_EXIT_REBOOT) == HV_EXIT_REBOOT, "reboot");
}

static void time_by_record(void)
{
	nsec_t a, b;

	fresh();
	block.clock.system_time = 1000000;
	hv.probe(&bi);
	a = hv.now();
	b = hv.now();
	ok(n_calls == 0 && b >= a && b < 1000000, "time begins with us: %llu",
	   (unsigned long long)b);
	block.clock.system_time += 5000000000;
	b = hv.now();
	ok(b >= 5000000000 && b < 5001000000, "and moves with the record");
	block.clock.system_time = 0;
	ok(hv.now() == b, "but never back");
	ok(hv.wall() == 0, "no time of day");
	block.clock.system_time = 6000000000;
	block.wall_ns = 1700000000ull * NSEC_PER_SEC;
	a = hv.wall();
	ok(a >= 1700000006ull * NSEC_PER_SEC && a < 1700000007ull * NSEC_PER_SEC,
	   "the time of day is of the clock's own time 0");
	block.wall_ns += 3600 * NSEC_PER_SEC;
	ok(hv.wall() - a >= 3600 * NSEC_PER_SEC && hv.wall() - a < 3601 * NSEC_PER_SEC,
	   "and is read anew");
	fresh();
	block.clock.system_time = 9000000000;
	block.start_ns = 8000000000;
	hv.probe(&bi);
	ok(hv.now() >= 1000000000 && hv.now() < 1001000000, "time 0 is the start of the host's program");
	block.start_ns = 99000000000;
	hv.probe(&bi);
	ok(hv.now() < 1000000, "a start in the future is not believed");
	block.clock.system_time += 1000000000;
	ok(hv.now() >= 1000000000, "and does not stop time");
}

static void time_by_call(void)
{
	fresh();
	block.clock.flags = 0;
	answer = 5000;
	hv.probe(&bi);
	answer = 12000;
	ok(hv.now() == 7000 && last_call(HV_NOW, 0, 0, 0), "a counter that is not usable: by call");
	answer = -HV_ENOSYS;
	ok(hv.now() == 7000, "which fails: time stands");
	answer = 4000;
	ok(hv.now() == 7000, "or goes back: it does not");
	fresh();
	block.clock.system_time = 1000;
	block.clock.tsc_to_system_mul = 0;
	answer = 30000;
	ok(hv.now() >= 30000 && called.nr == HV_NOW, "a record that was never written: by call");
	fresh();
	block.clock.version = 1;
	answer = 60000000000;
	ok(hv.now() >= 50000000000 && called.nr == HV_NOW, "a record that never settles: by call");
}

/* Longer than the pause between two looks at the devices. */
static void later(void)
{
	usleep(2000);
}

static void waiting(void)
{
	nsec_t base;

	fresh();
	block.clock.system_time = 1000000000;
	hv.probe(&bi);
	base = 1000000000;
	hv.wait(NSEC_NEVER);
	ok(last_call(HV_WAIT, UINT64_MAX, 0, 0), "no deadline");
	hv.wait(500);
	ok(called.nr == HV_WAIT && called.a >= base + 500 && called.a < base + 1000500,
	   "a deadline, in the hypervisor's time");
	hv.wait(NSEC_NEVER - 1);
	ok(called.a == UINT64_MAX, "one that would overflow");
	n_calls = 0;
	hv.wait(0);
	ok(n_calls == 0, "a look right after a wait is spared");
	some_pending = true;
	later();
	hv.wait(NSEC_NEVER);
	ok(last_call(HV_WAIT, 0, 0, 0), "something is pending: no sleep");
	some_pending = false;
	later();
	n_calls = 0;
	hv.wait(0);
	ok(n_calls == 1 && last_call(HV_WAIT, 0, 0, 0), "a look");
	for (unsigned i = 0; i < 1000; i++)
		hv.wait(0);
	ok(n_calls < 500, "not at each call: %u of 1001", n_calls);
	later();
	n_calls = 0;
	hv.wait(0);
	later();
	hv.wait(0);
	ok(n_calls == 2, "but each that comes after some time");
	n_calls = 0;
	for (unsigned i = 0; i < 10; i++)
		hv.wait(1);
	ok(n_calls == 10, "but each that may sleep");
	block.flags = HV_F_ASYNC;
	hv.probe(&bi);
	later();
	n_calls = 0;
	hv.wait(0);
	hv.wait(0);
	ok(n_calls == 0, "devices beside us: no call while nothing is pending");
	block.pending = 2;
	hv.wait(0);
	ok(n_calls == 1 && last_call(HV_WAIT, 0, 0, 0), "but one when there is");
	block.pending = 0;
	hv.wait(1);
	ok(n_calls == 2, "and to sleep");
}

static void events(void)
{
	fresh();
	hv.line(0, true);
	hv.line(3, true);
	hv.line(15, true);
	hv.line(16, true);
	hv.line(200, true);
	answer = 1 << 0 | 1 << 3 | 1 << 15;
	hv.wait(1);
	ok(pending == (1 << 0 | 1 << 3 | 1 << 15), "bits become lines");
	pending = 0;
	answer = INT64_MAX & ~HV_EV_SHUTDOWN;
	hv.wait(1);
	ok(pending == (1 << 0 | 1 << 3 | 1 << 15) && n_off == 0,
	   "bits of devices that nobody listens to, or that do not exist, are dropped");
	pending = 0;
	hv.line(3, false);
	answer = 1 << 3;
	hv.wait(1);
	ok(pending == 0, "a masked line");
	answer = -HV_EFAULT;
	hv.wait(1);
	ok(pending == 0 && n_off == 0, "an error is no event");
	answer = (int64_t)(HV_EV_SHUTDOWN | 1);
	hv.wait(1);
	ok(n_off == 1 && pending == 1, "the wish to end, beside an event");
}

static void protection(void)
{
	uintptr_t page = 0x700000000000;

	fresh();
	ok(hv.protect(page, 8192, PV_PROT_NONE) == 0 &&
	   last_call(HV_PROTECT, page, 8192, HV_PROT_NONE), "nothing");
	ok(hv.protect(page, 4096, PV_PROT_R) == 0 && called.c == HV_PROT_R, "read");
	ok(hv.protect(page, 4096, PV_PROT_RW) == 0 && called.c == HV_PROT_RW, "write");
	n_calls = 0;
	ok(hv.protect(page, 4096, PV_PROT_RX) == -EINVAL && n_calls == 0, "never to executable");
	ok(hv.protect(page + 1, 4096, PV_PROT_R) == -EINVAL &&
	   hv.protect(page, 100, PV_PROT_R) == -EINVAL &&
	   hv.protect((uintptr_t)-4096, 8192, PV_PROT_R) == -EINVAL && n_calls == 0,
	   "no pages, or too many");
	answer = -HV_ENOMEM;
	ok(hv.protect(page, 4096, PV_PROT_R) == -ENOMEM, "the host has no memory");
	answer = -HV_EINVAL;
	ok(hv.protect(page, 4096, PV_PROT_R) == -EINVAL, "it refuses");
	answer = 0;
	n_calls = 0;
	ok(hv.protect(page, 0, PV_PROT_R) == 0 && n_calls == 0, "no length: nothing to do");
	page = (uintptr_t)image;
	ok(hv.protect(page, 4096, PV_PROT_RW) == -EINVAL &&
	   hv.protect(page + 3 * 4096, 4096, PV_PROT_RW) == -EINVAL &&
	   hv.protect(page - 4096, 8192, PV_PROT_RW) == -EINVAL && n_calls == 0,
	   "nothing of the image becomes writable");
	ok(hv.protect(page + 4096, 4096, PV_PROT_RX) == 0 && n_calls == 0, "text is executable");
	ok(hv.protect(page + 4096, 8192, PV_PROT_RX) == -EINVAL &&
	   hv.protect(page, 8192, PV_PROT_RX) == -EINVAL && n_calls == 0, "what is around it, not");
	ok(hv.protect(page + 4 * 4096, 4096, PV_PROT_RW) == 0 && n_calls == 1, "what is behind it may");
	fresh();
	ok(hv.init(&bi) == 0 && last_call(HV_PROTECT, page + 8192, 4096, HV_PROT_NONE),
	   "the boot stack gets its guard");
}

static void tls(void)
{
	fresh();
	hv.set_tls(0x1234560);
	ok(last_call(HV_SET_TLS, 0x1234560, 0, 0), "the thread pointer, by call");
}

static void scanning(void)
{
	fresh();
	block.n_devices = 3;
	strcpy(block.device[0].name, "net0");
	memset(block.device[1].name, 'n', sizeof(block.device[1].name));
	ok(hv.scan() == 0 && n_devices == 3 && !strcmp(names[0], "net0") &&
	   strlen(names[1]) == 31 && !names[2][0], "devices by name, also without an end");
	ok(((const struct bus_virtio_hv *)infos[2])->index == 2 &&
	   ((const struct bus_virtio_hv *)infos[2])->line == 2 &&
	   (uintptr_t)((const struct bus_virtio_hv *)infos[2])->dev == (uintptr_t)&block.device[2],
	   "each its index, line and entry");
	fail_alloc = 1;
	ok(hv.scan() == -ENOMEM, "no memory");
	block.n_devices = HV_DEVICES_MAX + 1;
	ok(hv.scan() == 0 && n_devices == 3 + HV_DEVICES_MAX, "no more than there can be");
}

int main(void)
{
	probing();
	ending();
	time_by_record();
	time_by_call();
	waiting();
	events();
	protection();
	tls();
	scanning();
	return done_testing();
}
