/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A guest without Glint's kernel that does one wrong or odd thing, named by its
 * command line: what the hypervisor makes of it is judged from outside.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pv/hv/abi.h"

#ifndef PROBE_ABI
#define PROBE_ABI HV_ABI_VERSION
#endif
#ifndef PROBE_MIN_KIB
#define PROBE_MIN_KIB 64
#endif

typedef int64_t hypercall(uint64_t nr, uint64_t a, uint64_t b, uint64_t c);

void _start(void);
void probe_main(struct hv_start *start);

__asm__(".pushsection .note.hv, \"a\", @note\n"
	".balign 4\n"
	".long 6, 20, 1\n"
	".asciz \"Glint\"\n"
	".balign 4\n"
	".long " "PROBE_ABI_VALUE, 0\n"
	".quad _start\n"
	".long PROBE_KIB_VALUE\n"
	".popsection\n"
	".text\n"
	".globl _start\n"
	"_start:\n"
	"	lea	probe_stack_end(%rip), %rsp\n"
	"	call	probe_main\n"
	"	ud2\n"
	".bss\n"
	".balign 16\n"
	"	.skip 16384\n"
	"probe_stack_end:\n"
	".text\n");
#define STR(x) #x
#define XSTR(x) STR(x)
__asm__("PROBE_ABI_VALUE = " XSTR(PROBE_ABI) "\n"
	"PROBE_KIB_VALUE = " XSTR(PROBE_MIN_KIB) "\n");

/* Sixteen bytes that a test overwrites in the file; they return. */
void probe_opcode(void);
__asm__(".text\n"
	".ascii \"OPCODE>>\"\n"
	"probe_opcode:\n"
	"	.fill 16, 1, 0xc3\n");

static struct hv_start *start;
static hypercall *call;
static const uint64_t constant = 5;

static void put(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	call(HV_PUTS, (uintptr_t)s, n, 0);
}

static void put_number(const char *name, uint64_t v)
{
	static const char digits[] = "0123456789abcdef";
	char text[20] = "0x0";
	int n = 2;

	for (int shift = 60; shift >= 0; shift -= 4) {
		if (v >> shift || shift == 0)
			text[n++] = digits[v >> shift & 15];
	}
	text[n++] = '\n';
	text[n] = 0;
	put(name);
	put(" ");
	put(text);
}

static bool word_is(const char **p, const char *word)
{
	const char *s = *p;

	while (*s == ' ')
		s++;
	while (*word && *s == *word) {
		s++;
		word++;
	}
	if (*word || (*s && *s != ' '))
		return false;
	*p = s;
	return true;
}

static uint64_t number(const char **p)
{
	uint64_t v = 0;

	while (**p == ' ')
		(*p)++;
	for (; **p && **p != ' '; (*p)++)
		v = v * 10 + (uint64_t)(**p - '0');
	return v;
}

static int64_t raw_syscall(uint64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
	register uint64_t d __asm__("r10") = 0;
	int64_t ret;

	__asm__ volatile("syscall" : "=a"(ret) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(d)
			 : "rcx", "r11", "memory");
	return ret;
}

static int32_t raw_int80(uint32_t nr)
{
	int32_t ret;

	__asm__ volatile("int $0x80" : "=a"(ret) : "a"(nr), "b"(0), "c"(0), "d"(0) : "memory");
	return ret;
}

static void __attribute__((noinline)) inner_fault(volatile uint64_t *p)
{
	*p = 1;
}

static void __attribute__((noinline)) outer_fault(uint64_t addr)
{
	inner_fault((volatile uint64_t *)addr);
	put("still here\n");
}

static uint64_t seed = 88172645463325252ull;
static uint64_t random64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

/* A number that is more often interesting than a random one. */
static uint64_t odd_number(void)
{
	static const uint64_t some[] = { 0, 1, 2, 15, 16, 4096, 0xffff, 0x10000, 0x100000, 0xfffff,
		0x200000, 1ull << 31, 1ull << 32, 1ull << 47, 1ull << 63, UINT64_MAX };
	uint64_t r = random64();

	switch (r & 3) {
	case 0:
		return some[r >> 8 & 15];
	case 1:
		return HV_MEM_BASE + (r >> 8) % start->mem_size;
	case 2:
		return (HV_MEM_BASE + (r >> 8) % start->mem_size) & ~4095ull;
	default:
		return r;
	}
}

/* Every hypercall but exit and the blocking wait, with anything. Its own code,
 * stack and data are protected from HV_PROTECT by leaving them out. */
static void calls(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		uint64_t nr = random64() % (HV_N_CALLS + 2), a = odd_number(), b = odd_number(), c = odd_number();

		if (nr == HV_EXIT || nr == HV_PUTS || nr == HV_SET_TLS)
			continue;
		if (nr == HV_WAIT)
			a = 0;
		if (nr == HV_PROTECT && a < start->image_end && a + b > HV_MEM_BASE)
			continue;
		call(nr, a, b, c & 3);
	}
}

static void wait_for_shutdown(bool obey)
{
	put("waiting\n");
	for (;;) {
		uint64_t ev = (uint64_t)call(HV_WAIT, UINT64_MAX, 0, 0);

		if (ev & HV_EV_SHUTDOWN) {
			put("shutdown asked\n");
			if (obey)
				call(HV_EXIT, 7, 0, 0);
		}
	}
}

static uint64_t sum(uint64_t addr, uint64_t len)
{
	uint64_t s = 0;

	for (uint64_t i = 0; i < len; i++)
		s += ((const uint8_t *)addr)[i];
	return s;
}

static void show_start(void)
{
	uint64_t zero = 0;

	put_number("magic", start->magic);
	put_number("version", start->abi_version);
	put_number("mem", start->mem_size);
	put_number("at", (uintptr_t)start);
	put_number("size", start->size);
	put_number("modules", start->n_modules);
	for (uint32_t i = 0; i < start->n_modules; i++) {
		put(start->module[i].name);
		put("\n");
		put_number("module", start->module[i].addr);
		put_number("len", start->module[i].len);
		put_number("sum", sum(start->module[i].addr, start->module[i].len));
	}
	for (uint32_t i = 0; i < start->n_devices; i++) {
		put(start->device[i].name);
		put("\n");
	}
	/* All that is not image, module or start block must be zero. */
	for (uint64_t a = start->image_end; a < HV_MEM_BASE + start->mem_size - start->size -
	     (start->n_modules ? 65536 : 0); a += 8)
		zero |= *(const uint64_t *)a;
	put_number("zero", zero);
}

static void clock_run(uint64_t ms)
{
	uint64_t t0 = (uint64_t)call(HV_NOW, 0, 0, 0), last = 0, back = 0;

	while ((uint64_t)call(HV_NOW, 0, 0, 0) - t0 < ms * 1000000) {
		uint32_t v = start->clock.version;
		uint64_t tsc, d, ns = start->clock.system_time, mul = start->clock.tsc_to_system_mul;
		int shift = start->clock.tsc_shift;
		uint64_t before, now;

		before = (uint64_t)call(HV_NOW, 0, 0, 0);
		tsc = __builtin_ia32_rdtsc();
		d = tsc - start->clock.tsc_timestamp;
		if (v & 1 || v != start->clock.version)
			continue;
		d = shift < 0 ? d >> -shift : d << shift;
		ns += (uint64_t)((unsigned __int128)d * mul >> 32);
		now = (uint64_t)call(HV_NOW, 0, 0, 0);
		if (ns < last && last - ns > back)
			back = last - ns;
		last = ns;
		if (ns + 5000 < before || ns > now + 5000)
			put_number("off-ns", ns < before ? before - ns : ns - now);
		call(HV_WAIT, now + 500000, 0, 0);
	}
	put_number("back-ns", back);
	put_number("flags", start->clock.flags);
}

void probe_main(struct hv_start *s)
{
	const char *p = s->cmdline;
	uint64_t a, b, c;

	start = s;
	call = (hypercall *)(uintptr_t)s->entry;
	if (word_is(&p, "exit")) {
		put("exiting\n");
		call(HV_EXIT, number(&p), 0, 0);
	} else if (word_is(&p, "reboot")) {
		put("booted\n");
		call(HV_EXIT, HV_EXIT_REBOOT, 0, 0);
	} else if (word_is(&p, "crash")) {
		call(HV_EXIT, HV_EXIT_CRASH, 0, 0);
	} else if (word_is(&p, "start")) {
		show_start();
	} else if (word_is(&p, "cmdline")) {
		put(p);
	} else if (word_is(&p, "syscall")) {
		uint64_t nr = number(&p);

		a = number(&p);
		b = number(&p);
		c = number(&p);
		put_number("returned", (uint64_t)raw_syscall(nr, a, b, c));
	} else if (word_is(&p, "int80")) {
		put_number("returned", (uint64_t)(uint32_t)raw_int80((uint32_t)number(&p)));
	} else if (word_is(&p, "write")) {
		outer_fault(number(&p));
	} else if (word_is(&p, "text")) {
		outer_fault((uintptr_t)&probe_main);
	} else if (word_is(&p, "constant")) {
		outer_fault((uintptr_t)&constant);
	} else if (word_is(&p, "startblock")) {
		outer_fault((uintptr_t)s);
	} else if (word_is(&p, "module")) {
		outer_fault(s->module[0].addr);
	} else if (word_is(&p, "jump")) {
		((void (*)(void))number(&p))();
	} else if (word_is(&p, "stackcode")) {
		volatile uint8_t code[] = { 0xc3 };

		((void (*)(void))(uintptr_t)code)();
		put("ran data\n");
	} else if (word_is(&p, "ud2")) {
		__asm__ volatile("ud2");
	} else if (word_is(&p, "hlt")) {
		__asm__ volatile("hlt");
	} else if (word_is(&p, "divide")) {
		__asm__ volatile("xor %%ecx, %%ecx; div %%rcx" : : : "rax", "rcx", "rdx");
	} else if (word_is(&p, "wait")) {
		wait_for_shutdown(true);
	} else if (word_is(&p, "stubborn")) {
		wait_for_shutdown(false);
	} else if (word_is(&p, "spin")) {
		put("spinning\n");
		for (;;)
			__asm__ volatile("");
	} else if (word_is(&p, "calls")) {
		seed = number(&p) * 2 + 1;
		calls(number(&p));
		put("survived\n");
	} else if (word_is(&p, "flood")) {
		for (a = number(&p); a; a--)
			put("flood flood flood flood flood flood flood flood flood flood\n");
	} else if (word_is(&p, "clock")) {
		clock_run(number(&p));
	} else if (word_is(&p, "opcode")) {
		probe_opcode();
		put("came back\n");
	} else if (word_is(&p, "kicks")) {
		put("kicking\n");
		for (;;)
			call(HV_KICK, random64() & 0x1f0003, 0, 0);
	} else {
		put("probe: unknown word: ");
		put(s->cmdline);
		put("\n");
		call(HV_EXIT, 99, 0, 0);
	}
	call(HV_EXIT, 0, 0, 0);
}
