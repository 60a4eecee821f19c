/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See backtrace.h.
 */
#include "kernel/backtrace.h"

#include <stdbool.h>
#include <stddef.h>

#include "kernel/image.h"
#include "kernel/lib/fmt.h"
#include "kernel/symbols.h"
#include "kernel/thread.h"

#define FRAMES_MAX 32
#define SCAN_WORDS 512
#define SCAN_FOUND_MAX 12

/* The end of the stack that `addr` is on, or 0: not a stack. The boot stack
 * lies in the image's data. */
static uintptr_t stack_end(uintptr_t addr)
{
	const struct thread *t = thread_of_stack(addr);

	if (t)
		return (uintptr_t)t->stack + t->stack_len;
	if (image_is_data(addr))
		return ALIGN_UP(addr + 1, PAGE_SIZE);
	return 0;
}

static bool readable(uintptr_t addr, size_t len)
{
	uintptr_t end = stack_end(addr);

	return addr % sizeof(uintptr_t) == 0 && end && end - addr >= len;
}

static void print_frame(int n, uintptr_t ip, const char *mark,
			backtrace_emit_fn emit)
{
	struct symbol sym;
	size_t len;
	const uint8_t *table = image_symbols(&len);
	uintptr_t off = ip - image_text_start();
	char line[SYMBOL_NAME_MAX + 64];

	if (image_is_text(ip) && symbols_lookup(table, len, off, &sym))
		fmt_snprintf(line, sizeof(line), "  #%d %s+0x%zx%s (0x%zx)\n",
			     n, sym.name, (size_t)(off - sym.start), mark,
			     (size_t)ip);
	else
		fmt_snprintf(line, sizeof(line), "  #%d 0x%zx%s\n", n,
			     (size_t)ip, mark);
	emit(line);
}

/* Returns how many frames were printed. Frames must go strictly upwards. */
static int walk(int n, uintptr_t fp, backtrace_emit_fn emit)
{
	while (n < FRAMES_MAX && readable(fp, 2 * sizeof(uintptr_t))) {
		const uintptr_t *frame = (const uintptr_t *)fp;
		uintptr_t ip = frame[1];

		if (!image_is_text(ip))
			break;
		print_frame(n++, ip, "", emit);
		if (frame[0] <= fp)
			break;
		fp = frame[0];
	}
	return n;
}

/* Is the instruction before `ip` a call? E8 rel32, or FF /2 of 2 to 7 bytes. */
static bool follows_call(uintptr_t ip)
{
	const uint8_t *p = (const uint8_t *)ip;

	if (!image_is_text(ip) || !image_is_text(ip - 7))
		return false;
	if (p[-5] == 0xe8)
		return true;
	for (int i = 2; i <= 7; i++) {
		if (p[-i] == 0xff && (p[-i + 1] & 0x38) == 0x10)
			return true;
	}
	return false;
}

static void scan(int n, uintptr_t sp, backtrace_emit_fn emit)
{
	int found = 0;

	sp = ALIGN_DOWN(sp, sizeof(uintptr_t));
	for (int i = 0; i < SCAN_WORDS && found < SCAN_FOUND_MAX; i++) {
		uintptr_t at = sp + (size_t)i * sizeof(uintptr_t);
		uintptr_t ip;

		if (!readable(at, sizeof(ip)))
			break;
		ip = *(const uintptr_t *)at;
		if (follows_call(ip)) {
			print_frame(n++, ip, " ?", emit);
			found++;
		}
	}
}

void backtrace_print(uintptr_t fp, backtrace_emit_fn emit)
{
	walk(0, fp, emit);
}

void backtrace_print_trap(uintptr_t ip, uintptr_t sp, uintptr_t fp,
			  backtrace_emit_fn emit)
{
	int n;

	print_frame(0, ip, "", emit);
	n = walk(1, fp, emit);
	if (n < 3)
		scan(n, sp, emit);
}
