/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The guest of probe.c with more words: what only a virtual machine has (ports, tables
 * of the processor, rings of privilege), memory protection by page tables, and
 * rings that lead where a device cannot write.
 */
#define probe_main probe_words
#include "tests/hv/probe.c"
#undef probe_main

#include "hv/kvm/kvm.h"

void probe_main(struct hv_start *s);

/* One- and two-byte opcodes, each with zeros behind it and a stop. */
#define SNIPPET 32
__asm__(".text\n"
	".balign 32\n"
	"snippets:\n"
	"n = 0\n"
	".rept 256\n"
	".balign 32\n"
	".byte n, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0f, 0x0b, 0x0f, 0x0b, 0x0f, 0x0b, 0x0f, 0x0b\n"
	"n = n + 1\n"
	".endr\n"
	"n = 0\n"
	".rept 256\n"
	".balign 32\n"
	".byte 0x0f, n, 0, 0, 0, 0, 0, 0, 0, 0, 0x0f, 0x0b, 0x0f, 0x0b, 0x0f, 0x0b, 0x0f, 0x0b\n"
	"n = n + 1\n"
	".endr\n");
extern const uint8_t snippets[];

static uint8_t page[8192] __attribute__((aligned(4096)));

static uint32_t port_in(uint16_t port, uint64_t size)
{
	uint32_t v = 0;

	if (size == 1)
		__asm__ volatile("inb %%dx, %%al" : "+a"(v) : "d"(port));
	else if (size == 2)
		__asm__ volatile("inw %%dx, %%ax" : "+a"(v) : "d"(port));
	else
		__asm__ volatile("inl %%dx, %%eax" : "+a"(v) : "d"(port));
	return v;
}

static void port_out(uint16_t port, uint64_t size, uint32_t v)
{
	if (size == 1)
		__asm__ volatile("outb %%al, %%dx" : : "a"(v), "d"(port));
	else if (size == 2)
		__asm__ volatile("outw %%ax, %%dx" : : "a"(v), "d"(port));
	else
		__asm__ volatile("outl %%eax, %%dx" : : "a"(v), "d"(port));
}

/* Random registers into the hypercall's port, past the entry code. */
static void calls_by_port(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		uint64_t nr = random64() % 16, a = odd_number(), b = odd_number(), c = odd_number();

		if (nr == HV_EXIT || nr == HV_PUTS || nr == HV_SET_TLS || (nr == HV_PROTECT && a < start->image_end))
			continue;
		if (nr == HV_WAIT)
			a = a % 4096;
		__asm__ volatile("outb %%al, %3" : "+D"(nr), "+S"(a), "+d"(b) : "i"(KVM_PORT_CALL), "c"(c)
				 : "rax", "memory");
	}
}

static bool protect(uint64_t prot)
{
	return call(HV_PROTECT, (uintptr_t)page, 4096, prot) == 0;
}

/* Permissions change at once, both ways, many times; the last is up to the word. */
static void protect_run(uint64_t n, const char *p)
{
	volatile uint64_t *v = (volatile uint64_t *)(void *)page;
	uint64_t far = 40ull << 20;

	for (uint64_t i = 1; i <= n; i++) {
		*v = i;
		if (!protect(HV_PROT_R) || *v != i || !protect(HV_PROT_RW))
			put("protect: wrong\n");
		*v = i + 1;
		if (!protect(HV_PROT_NONE) || !protect(HV_PROT_RW) || *v != i + 1)
			put("protect: lost\n");
	}
	/* memory far above, whose tables nobody made yet */
	if (far + 8192 < HV_MEM_BASE + start->mem_size - start->size &&
	    (call(HV_PROTECT, far, 4096, HV_PROT_R) || *(volatile uint64_t *)far || call(HV_PROTECT, far, 4096, HV_PROT_RW) ||
	     (*(volatile uint64_t *)(far + 4096) = 1) != 1))
		put("protect: far\n");
	put("protected\n");
	if (word_is(&p, "read")) {
		protect(HV_PROT_NONE);
		put_number("read", *v);
	} else if (word_is(&p, "write")) {
		protect(HV_PROT_R);
		*v = 1;
		put("wrote\n");
	}
}

/* All of memory above the image, written and read back, with a hole. */
static void touch_all(void)
{
	uint64_t end = HV_MEM_BASE + start->mem_size - start->size, bad = 0;

	for (uint64_t a = start->image_end; a < end; a += 65536 - 64)
		*(volatile uint64_t *)(a & ~7ull) = a;
	for (uint64_t a = start->image_end; a < end; a += 65536 - 64)
		bad += *(volatile uint64_t *)(a & ~7ull) != a;
	put_number("bad", bad);
}

/* The console's queue with its used ring at `used`. */
static void ring_at(uint64_t used)
{
	static struct hv_queue q;
	static struct { uint64_t addr; uint32_t len; uint16_t flags, next; } desc[8] __attribute__((aligned(16)));
	static struct { uint16_t flags, idx, ring[8], event; } avail;
	uint64_t dev = 0;

	q = (struct hv_queue){ 8, 0, (uintptr_t)desc, (uintptr_t)&avail, used };
	desc[0].addr = (uintptr_t)"ring\n";
	desc[0].len = 5;
	avail.idx = 1;
	call(HV_DEVICE_STATUS, dev, 0, 0);
	call(HV_DEVICE_STATUS, dev, 3, 0);
	call(HV_DEVICE_FEATURES, dev, 1ull << 32, 0);
	call(HV_DEVICE_STATUS, dev, 11, 0);
	put_number("queue", (uint64_t)call(HV_QUEUE, dev << 16 | 1, (uintptr_t)&q, 0));
	call(HV_DEVICE_STATUS, dev, 15, 0);
	for (int i = 0; i < 100; i++) {
		call(HV_KICK, dev << 16 | 1, 0, 0);
		call(HV_WAIT, (uint64_t)call(HV_NOW, 0, 0, 0) + 1000000, 0, 0);
	}
	put("rang\n");
}

static void opcode(uint64_t n)
{
	/* registers that lead nowhere; rax: a page that can be written */
	__asm__ volatile("xor %%ebx, %%ebx\n\txor %%ecx, %%ecx\n\txor %%edx, %%edx\n\txor %%esi, %%esi\n\t"
			 "xor %%edi, %%edi\n\tcall *%0"
			 : : "r"(snippets + n * SNIPPET), "a"(page + 64) : "rbx", "rcx", "rdx", "rsi", "rdi", "memory");
	put("returned\n");
}

static void far_to(uint64_t selector)
{
	__asm__ volatile("push %0\n\tlea 1f(%%rip), %%rcx\n\tpush %%rcx\n\tlretq\n1:" : : "r"(selector) : "rcx", "memory");
	put("far\n");
}

static void iret_to(uint64_t selector)
{
	__asm__ volatile("mov %%rsp, %%rdx\n\tpush $0x2b\n\tpush %%rdx\n\tpush $0x3202\n\tpush %0\n\tlea 1f(%%rip), %%rcx\n\t"
			 "push %%rcx\n\tiretq\n1:" : : "r"(selector) : "rcx", "rdx", "memory");
	put("iret\n");
}

void probe_main(struct hv_start *s)
{
	const char *p = s->cmdline;
	uint64_t a, b;

	start = s;
	call = (hypercall *)(uintptr_t)s->entry;
	if (word_is(&p, "in")) {
		a = number(&p);
		put_number("in", port_in((uint16_t)a, number(&p)));
	} else if (word_is(&p, "out")) {
		a = number(&p);
		port_out((uint16_t)a, number(&p), 0xfffe);
		put("out\n");
	} else if (word_is(&p, "outs")) {
		a = number(&p);
		b = 3;
		__asm__ volatile("rep outsb" : "+c"(b) : "d"((uint16_t)a), "S"(page) : "memory");
		put("outs\n");
	} else if (word_is(&p, "portcalls")) {
		seed = number(&p) * 2 + 1;
		calls_by_port(number(&p));
		put("survived\n");
	} else if (word_is(&p, "read")) {
		put_number("read", *(volatile uint64_t *)number(&p));
	} else if (word_is(&p, "protect")) {
		a = number(&p);
		protect_run(a, p);
	} else if (word_is(&p, "touchall")) {
		touch_all();
	} else if (word_is(&p, "ring")) {
		ring_at(number(&p));
	} else if (word_is(&p, "ringtext")) {
		ring_at(((uintptr_t)snippets + 4095) & ~4095ull);
	} else if (word_is(&p, "kicks")) {
		for (a = number(&p); a; a--)
			call(HV_KICK, random64(), 0, 0);
		put("kicked\n");
	} else if (word_is(&p, "live")) {
		volatile uint64_t *live = (volatile uint64_t *)(KVM_VIEW + KVM_AREA_LIVE * 4096ull);

		for (unsigned i = 0; i < 512; i++)
			live[i] = ~0ull;
		put_number("wait", (uint64_t)call(HV_WAIT, 0, 0, 0));
		for (unsigned i = 0; i < 512; i++)
			live[i] = 0;
		call(HV_WAIT, (uint64_t)call(HV_NOW, 0, 0, 0) + 1000000, 0, 0);
		put("lived\n");
	} else if (word_is(&p, "tls")) {
		*(uint64_t *)(void *)page = 0x1234;
		if (call(HV_SET_TLS, 1ull << 47, 0, 0) && call(HV_SET_TLS, ~0ull << 47, 0, 0))
			put("refused\n");
		call(HV_SET_TLS, (uintptr_t)page, 0, 0);
		__asm__ volatile("mov %%fs:0, %0" : "=r"(a));
		put_number("tls", a);
	} else if (word_is(&p, "opcode")) {
		opcode(number(&p));
	} else if (word_is(&p, "far")) {
		far_to(number(&p));
	} else if (word_is(&p, "iret")) {
		iret_to(number(&p));
	} else if (word_is(&p, "trapflag")) {
		__asm__ volatile("pushf\n\torl $0x100, (%%rsp)\n\tpopf\n\tnop\n\tnop" : : : "memory", "cc");
		put("stepped\n");
	} else if (word_is(&p, "badstack")) {
		__asm__ volatile("mov %0, %%rsp\n\tud2" : : "r"(number(&p)) : "memory");
	} else {
		probe_words(s);
	}
	call(HV_EXIT, 0, 0, 0);
}
