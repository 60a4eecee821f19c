/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See fake_pv.h. Also what the guest has from its linker script and from
 * kernel/arch: places of the image, thread-local storage, hardware random
 * numbers (here a fixed sequence, so that tests repeat).
 */
#include "tests/host/fake_pv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/arch/arch.h"
#include "kernel/event.h"
#include "kernel/image.h"
#include "kernel/page.h"
#include "kernel/panic.h"
#include "kernel/thread.h"

#define EVENTS_MAX 64
#define SKIPPED_MAX 65536
#define CLOCK_START NSEC_PER_SEC

struct boot_info fake_pv_boot_info;
nsec_t fake_pv_clock = CLOCK_START, fake_pv_wall;
void (*fake_pv_wait_hook)(nsec_t deadline);
unsigned fake_pv_waits, fake_pv_fail_protect;
char fake_pv_output[65536];
size_t fake_pv_output_len;
jmp_buf fake_pv_exit_jmp;
int fake_pv_exit_status = -1;
bool fake_pv_exit_armed;

static struct { nsec_t when; unsigned line; bool used; } script[EVENTS_MAX];
static bool lines[EVENT_LINES];

/* Tables are empty unless tables.ld defines them. */
__asm__(".section .rodata\n"
	".weak __cmdline_options_start\n.weak __cmdline_options_end\n"
	".weak __drivers_start\n.weak __drivers_end\n"
	".weak __init_hooks_start\n.weak __init_hooks_end\n"
	".balign 16\n"
	"__cmdline_options_start:\n__cmdline_options_end:\n"
	"__drivers_start:\n__drivers_end:\n"
	"__init_hooks_start:\n__init_hooks_end:\n"
	".quad 0\n"
	".text\n");

/* ---- clock and events ---- */

static nsec_t fake_now(void)
{
	return fake_pv_clock;
}

static nsec_t fake_wall_now(void)
{
	return fake_pv_wall;
}

void fake_pv_advance(nsec_t by)
{
	fake_pv_clock += by;
}

void fake_pv_event_at(nsec_t when, unsigned line)
{
	for (int i = 0; i < EVENTS_MAX; i++) {
		if (!script[i].used) {
			script[i].when = when;
			script[i].line = line;
			script[i].used = true;
			return;
		}
	}
	fprintf(stderr, "fake_pv: more than %d scripted events\n", EVENTS_MAX);
	abort();
}

/* Delivers what is due on unmasked lines; returns when the next one is. */
static nsec_t deliver(void)
{
	nsec_t next = NSEC_NEVER;

	for (int i = 0; i < EVENTS_MAX; i++) {
		if (!script[i].used || !lines[script[i].line])
			continue;
		if (script[i].when <= fake_pv_clock) {
			script[i].used = false;
			event_set_pending(script[i].line);
		} else if (script[i].when < next) {
			next = script[i].when;
		}
	}
	return next;
}

static void fake_wait(nsec_t deadline)
{
	nsec_t next;

	if (fake_pv_wait_hook)
		fake_pv_wait_hook(deadline);
	next = deliver();
	if (event_pending() || deadline <= fake_pv_clock)
		return;
	fake_pv_waits++;
	if (deadline < next)
		next = deadline;
	if (next == NSEC_NEVER) {
		fprintf(stderr, "fake_pv: deadlock: thread %u (%s) waits, and "
			"nothing will ever happen\n", thread_current()->id,
			thread_current()->name);
		abort();
	}
	fake_pv_clock = next;
	deliver();
}

static void fake_line(unsigned line, bool on)
{
	lines[line] = on;
}

bool fake_pv_line_on(unsigned line)
{
	return lines[line];
}

/* ---- text and the end ---- */

static void fake_puts(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (fake_pv_output_len == sizeof(fake_pv_output) - 1) {
			size_t half = sizeof(fake_pv_output) / 2;

			memmove(fake_pv_output, fake_pv_output + half,
				fake_pv_output_len - half);
			fake_pv_output_len -= half;
		}
		fake_pv_output[fake_pv_output_len++] = text[i];
	}
	fake_pv_output[fake_pv_output_len] = '\0';
}

void fake_pv_output_clear(void)
{
	fake_pv_output_len = 0;
	fake_pv_output[0] = '\0';
}

bool fake_pv_output_has(const char *text)
{
	return strstr(fake_pv_output, text) != NULL;
}

/* ---- threads under sanitizers ---- */

/* There only in a program built with ASan. */
__attribute__((weak)) void
__sanitizer_start_switch_fiber(void **save, const void *bottom, size_t len);
__attribute__((weak)) void
__sanitizer_finish_switch_fiber(void *save, const void **bottom, size_t *len);
__attribute__((weak)) void
__asan_unpoison_memory_region(void const volatile *addr, size_t len);

void arch_switch_raw(struct thread *from, struct thread *to);
void arch_thread_start(void);

static const void *host_stack;		/* the process's own */
static size_t host_stack_len;
static bool left_host_stack;
static struct thread *exit_thread;	/* whose stack a captured exit returns to */

static void start_switch(void **save, const struct thread *to)
{
	if (!__sanitizer_start_switch_fiber)
		return;
	if (to->stack)
		__sanitizer_start_switch_fiber(save, to->stack, to->stack_len);
	else
		__sanitizer_start_switch_fiber(save, host_stack, host_stack_len);
}

static void finish_switch(void *saved)
{
	if (!__sanitizer_finish_switch_fiber)
		return;
	if (left_host_stack)
		__sanitizer_finish_switch_fiber(saved, NULL, NULL);
	else
		__sanitizer_finish_switch_fiber(saved, &host_stack,
						&host_stack_len);
	left_host_stack = true;
}

void arch_switch(struct thread *from, struct thread *to)
{
	void *fake_stack = NULL;

	/* A reused stack still has the marks of who died on it. */
	if (__asan_unpoison_memory_region && to->stack &&
	    (char *)to->sp + 104 == (char *)to->stack + to->stack_len)
		__asan_unpoison_memory_region(to->stack, to->stack_len);
	start_switch(&fake_stack, to);
	arch_switch_raw(from, to);
	finish_switch(fake_stack);
}

void arch_thread_start(void)
{
	finish_switch(NULL);
	thread_entry();
}

NORETURN static void fake_exit(int status)
{
	fake_pv_exit_status = status;
	if (!fake_pv_exit_armed) {
		fprintf(stderr, "fake_pv: unexpected exit %d\n%s\n", status,
			fake_pv_output);
		abort();
	}
	fake_pv_exit_armed = false;
	if (thread_current() != exit_thread && __sanitizer_start_switch_fiber) {
		start_switch(NULL, exit_thread);
		_longjmp(fake_pv_exit_jmp, 2);
	}
	_longjmp(fake_pv_exit_jmp, 1);
}

void fake_pv_arm_exit(void)
{
	fake_pv_exit_status = -1;
	fake_pv_exit_armed = true;
	exit_thread = thread_current();
}

/* After an exit from another thread's stack, that thread still is the current
 * one; a test that goes on does so at its own risk. */
int fake_pv_after_exit(void)
{
	if (thread_current() != exit_thread && __sanitizer_finish_switch_fiber)
		__sanitizer_finish_switch_fiber(NULL, NULL, NULL);
	/* The frames that the jump skipped left their marks below this one. */
	if (__asan_unpoison_memory_region)
		__asan_unpoison_memory_region((char *)__builtin_frame_address(0) -
					      SKIPPED_MAX, SKIPPED_MAX);
	return fake_pv_exit_status;
}

int fake_pv_fork(void)
{
	int pid = fork();

	fflush(stdout);
	if (pid < 0) {
		perror("fake_pv: fork");
		abort();
	}
	if (pid == 0)
		fake_pv_output_clear();
	return pid;
}

/* Says on stderr what came instead. */
void fake_pv_child_end(int status, const char *text)
{
	bool good = status == PV_EXIT_PANIC && fake_pv_output_has("panic: ") &&
		    fake_pv_output_has(text);

	if (!good)
		fprintf(stderr, "# status %d, wanted a panic with \"%s\":\n%s\n",
			status, text, fake_pv_output);
	_exit(good ? 0 : 1);
}

bool fake_pv_child_ok(int pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && status == 0;
}

/* ---- memory ---- */

static int fake_protect(uintptr_t addr, size_t len, enum pv_prot prot)
{
	static const int host_prot[] = {
		[PV_PROT_NONE] = PROT_NONE, [PV_PROT_R] = PROT_READ,
		[PV_PROT_RW] = PROT_READ | PROT_WRITE,
		[PV_PROT_RX] = PROT_READ | PROT_EXEC,
	};

	if (fake_pv_fail_protect) {
		fake_pv_fail_protect--;
		return -ENOMEM;
	}
	return mprotect((void *)addr, len, host_prot[prot]) ? -ENOMEM : 0;
}

static void fake_set_tls(uintptr_t base)
{
	(void)base;
}

void *fake_pv_map(size_t bytes)
{
	void *ram = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (ram == MAP_FAILED) {
		perror("fake_pv: mmap");
		abort();
	}
	return ram;
}

static bool fake_probe(const struct boot_info *bi)
{
	return bi->protocol == BOOT_HOST_TEST;
}

static int fake_init(const struct boot_info *bi)
{
	(void)bi;
	return 0;
}

static int fake_scan(void)
{
	return 0;
}

static const struct pv_platform fake_platform = {
	.name = "fake", .probe = fake_probe, .init = fake_init,
	.puts = fake_puts, .exit = fake_exit,
	.now = fake_now, .wall = fake_wall_now, .wait = fake_wait,
	.line = fake_line, .scan = fake_scan, .protect = fake_protect,
	.set_tls = fake_set_tls,
};

const struct pv_platform *pv = &fake_platform;

void fake_pv_init(size_t ram_bytes)
{
	uintptr_t ram = (uintptr_t)fake_pv_map(ram_bytes);

	fake_pv_boot_info.protocol = BOOT_HOST_TEST;
	fake_pv_boot_info.n_regions = 1;
	fake_pv_boot_info.region[0].start = ram;
	fake_pv_boot_info.region[0].end = ram + ram_bytes;
	fake_pv_boot_info.ram_bytes = ram_bytes;
	page_init(&fake_pv_boot_info);
}

/* ---- kernel/image.c and kernel/arch ---- */

extern char __executable_start[], etext[];

bool image_is_text(uintptr_t addr)
{
	return addr >= (uintptr_t)__executable_start && addr < (uintptr_t)etext;
}

bool image_is_data(uintptr_t addr)
{
	(void)addr;
	return false;
}

uintptr_t image_text_start(void)
{
	return (uintptr_t)__executable_start;
}

const uint8_t *image_symbols(size_t *len)
{
	*len = 0;
	return NULL;
}

int image_seal(void)
{
	return 0;
}

__attribute__((weak)) bool arch_hw_random(uint64_t *out)
{
	static uint64_t state = 0x853c49e6748fea9b;

	state = state * 6364136223846793005u + 1442695040888963407u;
	*out = state ^ state >> 29;
	return true;
}

size_t arch_tls_size(void)
{
	return 0;
}

size_t arch_tls_align(void)
{
	return 16;
}

uintptr_t arch_tls_init(void *block)
{
	return (uintptr_t)block;
}
