/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The guest of probe.c with more words: a guest that means harm, seeded. What
 * it leaves of itself is judged from outside, by test_hostile.py.
 */
#define probe_main probe_words
#include "tests/hv/probe.c"
#undef probe_main

#include "hv/proc/proc.h"

void probe_main(struct hv_start *s);

#define RING		64u
#define F_NEXT		1u
#define F_WRITE		2u
#define F_INDIRECT	4u
#define USER32_CS	0x23

/* A page that a test overwrites in the file with anything; it ends in ud2. */
void any_code(void);
__asm__(".text\n"
	".balign 16\n"
	".ascii \"ANYCODE>ANYCODE>\"\n"
	"any_code:\n"
	"	.fill 2048, 2, 0x0b0f\n");

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

/* Where a device may write; the program itself stays whole. */
static uint64_t arena, arena_end;

static uint64_t below(uint64_t n)
{
	return random64() % n;
}

/* Mostly inside the arena; else at an edge, read-only, outside, or around the end. */
static uint64_t bad_address(void)
{
	uint64_t top = HV_MEM_BASE + start->mem_size;

	switch (below(16)) {
	case 0:
		return top - below(64);
	case 1:
		return top + below(8192);
	case 2:
		return HV_MEM_BASE - 1 - below(8192);
	case 3:
		return (uintptr_t)&probe_main & ~4095ull;
	case 4:
		return (uintptr_t)start + below(2 * HV_PAGE);
	case 5:
		return PROC_SHARED + below(PROC_SHARED_LEN);
	case 6:
		return PROC_BLOB + below(PROC_BLOB_MAX);
	case 7:
		return UINT64_MAX - below(8192);
	case 8:
		return random64();
	default:
		return arena + below(arena_end - arena);
	}
}

static uint32_t bad_length(void)
{
	static const uint32_t some[] = { 0, 1, 11, 12, 16, 511, 512, 4096, 65535, 65536, 1u << 30, UINT32_MAX };

	return below(3) ? some[below(12)] : (uint32_t)below(4096);
}

static void bad_descriptors(struct desc *d, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		d[i] = (struct desc){ bad_address(), bad_length(), (uint16_t)below(below(8) ? 4 : 65536),
				      (uint16_t)(below(8) ? (i + 1) % n : below(65536)) };
		if (!below(8)) {	/* a table: sometimes in itself, sometimes at its own end */
			d[i].addr = below(2) ? (uintptr_t)d : arena + (below(arena_end - arena) & ~15ull);
			d[i].len = (uint32_t)below(20) * 16;
			d[i].flags = F_INDIRECT | (below(4) ? 0 : F_NEXT | F_WRITE);
		}
	}
	/* now and then what a driver would do, so that the devices get far */
	if (!below(2)) {
		static const uint8_t types[] = { 0, 1, 4, 8, 11, 13, 77 };

		*(volatile uint64_t *)arena = types[below(7)];
		*(volatile uint64_t *)(arena + 8) = below(4) ? below(128) : random64();
		d[0] = (struct desc){ arena, 16, F_NEXT, 1 };
		d[1] = (struct desc){ bad_address(), (uint32_t)below(20) * 512, (uint16_t)(F_NEXT | (below(2) ? F_WRITE : 0)), 2 };
		d[2] = (struct desc){ arena + 64, 1, F_WRITE, 0 };
	}
}

static struct hv_queue queues[HV_DEVICES_MAX][HV_QUEUES_MAX];

static uint64_t place_of(unsigned dev, unsigned q)
{
	return arena + 65536 + (dev * HV_QUEUES_MAX + q) * 8192ull;
}

static void set_up(unsigned dev)
{
	const struct hv_device *d = &start->device[dev];

	call(HV_DEVICE_STATUS, dev, 0, 0);
	call(HV_DEVICE_STATUS, dev, 3, 0);
	call(HV_DEVICE_FEATURES, dev, below(8) ? d->features & (random64() | 1ull << 32) : random64(), 0);
	call(HV_DEVICE_STATUS, dev, 11, 0);
	for (unsigned q = 0; q < d->n_queues && q < HV_QUEUES_MAX; q++) {
		uint64_t at = place_of(dev, q);

		queues[dev][q] = (struct hv_queue){ RING, 0, at, at + 4096, at + 6144 };
		if (!below(8))
			queues[dev][q].avail = bad_address();
		if (!below(8))
			queues[dev][q].desc = bad_address() & ~15ull;
		if (!below(8))
			queues[dev][q].num = (uint32_t)below(2048);
		/* A used ring that cannot be written ends the guest: one run in some. */
		if (!below(64))
			queues[dev][q].used = bad_address() & ~3ull;
		call(HV_QUEUE, (uint64_t)dev << 16 | q, (uintptr_t)&queues[dev][q], 0);
	}
	call(HV_DEVICE_STATUS, dev, 15, 0);
}

/* Lies in every word of the rings, then rings. */
static void lie(unsigned dev, unsigned q)
{
	uint64_t at = place_of(dev, q);
	volatile uint16_t *avail = (volatile uint16_t *)(at + 4096);

	bad_descriptors((struct desc *)at, RING);
	avail[0] = (uint16_t)below(3);
	for (unsigned i = 0; i < RING; i++)
		avail[2 + i] = (uint16_t)(below(8) ? below(RING) : random64());
	avail[2 + RING] = (uint16_t)random64();
	avail[1] = (uint16_t)(below(8) ? avail[1] + below(6) : random64());
	if (!below(8))
		*(volatile uint16_t *)(at + 6146) = (uint16_t)random64();
	call(HV_KICK, (uint64_t)dev << 16 | q, 0, 0);
	call(HV_WAIT, below(8) ? 0 : (uint64_t)call(HV_NOW, 0, 0, 0) + 200000, 0, 0);
}

static void rings(uint64_t rounds)
{
	for (uint64_t i = 0; i < rounds; i++) {
		unsigned dev = (unsigned)below(start->n_devices);

		if (i < start->n_devices)
			set_up((unsigned)i);
		/* after a lie that was found, anew */
		else if (start->device[dev].status & 64 || !below(32))
			set_up(dev);
		lie(dev, (unsigned)below(HV_QUEUES_MAX));
	}
}

/* Truly any call, with the program itself at stake, through any stack and flags. */
static void anything(bool own_stack)
{
	for (;;) {
		uint64_t nr = below(HV_N_CALLS + 1), a = odd_number(), b = odd_number();
		/* DF, AC, NT, ID: what a hypercall must not trip over */
		uint64_t flags = 0x202 | (below(32) ? 0 : random64() & (1u << 10 | 1u << 18 | 1u << 14 | 1u << 21));
		uint64_t sp = below(256) ? arena + 32768 : odd_number();

		if (nr == HV_WAIT)
			a = 0;
		if (nr == HV_EXIT && below(4096))
			continue;
		/* where it is not needed, the filter does not permit it */
		if (nr == HV_SET_TLS && below(512))
			continue;
		/* its own stack and code: seldom, so that it lives for a while */
		if (nr == HV_PROTECT && a < arena && below(512))
			continue;
		if (own_stack)
			call(nr, a, b, below(4));
		else
			__asm__ volatile("mov %%rsp, %%r15\n\tmov %5, %%rsp\n\tpush %4\n\tpopf\n\tcall *%6\n\t"
					 "cld\n\tmov %%r15, %%rsp"
					 : "+D"(nr), "+S"(a), "+d"(b) : "c"(2ull), "r"(flags), "r"(sp), "r"(call)
					 : "rax", "r8", "r9", "r10", "r11", "r15", "memory", "cc");
	}
}

/* What process mode shares with the monitor, and what the device code goes by. */
static void scribble(void)
{
	static const uint64_t where[] = { PROC_CTL, PROC_SHARED, PROC_STATE, PROC_DEVS };
	static const uint64_t length[] = { 512, PROC_SHARED_LEN, PROC_STATE_LEN, 4096 };
	static const uint32_t words[] = { 0, 1, 2, 0x100, 0x101, 0x7fffffff, 0x80000000, UINT32_MAX };
	unsigned i = below(2) ? 0 : (unsigned)below(4);
	volatile uint32_t *p = (volatile uint32_t *)where[i];
	uint64_t n = length[i] / 4;

	for (uint64_t k = 0; k < n; k++) {
		if (below(2))
			p[k] = below(2) ? words[below(8)] : (uint32_t)random64();
	}
	switch (below(5)) {
	case 0:
		raw_syscall(231, below(256), 0, 0);
		break;
	case 1:
		raw_syscall(below(400), 0, 0, 0);
		break;
	case 2:
		*(volatile uint64_t *)bad_address() = 1;
		break;
	case 3:
		call(HV_WAIT, (uint64_t)call(HV_NOW, 0, 0, 0) + 1000000, 0, 0);
		break;
	default:
		break;
	}
	call(HV_EXIT, below(0x102), 0, 0);
}

/* Every second page has a protection of its own, until the host has enough of it. */
static void splinter(void)
{
	uint64_t refused = 0, done = 0;

	for (uint64_t a = arena; a + 2 * HV_PAGE <= arena_end; a += 2 * HV_PAGE) {
		if (call(HV_PROTECT, a, HV_PAGE, HV_PROT_R))
			refused++;
		else
			done++;
	}
	put_number("done", done);
	put_number("refused", refused);
}

/* 32-bit code: another set of system calls, and registers of another layout. */
static void compat(uint64_t what)
{
	__asm__ volatile("mov %0, %%rdi\n\t"
			 "mov %1, %%rsp\n\t"
			 "push %2\n\tlea 1f(%%rip), %%rax\n\tpush %%rax\n\tlretq\n"
			 ".code32\n"
			 "1:	mov $0x12345678, %%esi\n\t"
			 "mov $1, %%eax\n\tmov $77, %%ebx\n\t"
			 "cmp $0, %%edi\n\tjz 2f\n\tcmp $1, %%edi\n\tjz 3f\n\tcmp $2, %%edi\n\tjz 4f\n\t"
			 "xor %%ecx, %%ecx\n\txor %%edx, %%edx\n\tdiv %%ecx\n"
			 "2:	int $0x80\n\tud2\n"
			 "3:	mov %%esp, %%ebp\n\tsysenter\n\tud2\n"
			 "4:	syscall\n\tud2\n"
			 ".code64\n"
			 : : "r"(what), "r"(arena + 4096), "r"((uint64_t)USER32_CS) : "rax", "rdi", "memory");
}

static void flood_for_ever(void)
{
	for (;;)
		put("flood flood flood flood flood flood flood flood flood flood flood\n");
}

/* By the console device, each buffer as long as it may be. */
static void flood_by_device(void)
{
	struct desc *d = (struct desc *)place_of(0, 1);
	volatile uint16_t *avail = (volatile uint16_t *)(place_of(0, 1) + 4096);

	call(HV_DEVICE_STATUS, 0, 0, 0);
	call(HV_DEVICE_STATUS, 0, 3, 0);
	call(HV_DEVICE_FEATURES, 0, 1ull << 32, 0);
	call(HV_DEVICE_STATUS, 0, 11, 0);
	queues[0][1] = (struct hv_queue){ RING, 0, (uintptr_t)d, (uintptr_t)avail, (uintptr_t)avail + 2048 };
	call(HV_QUEUE, 1, (uintptr_t)&queues[0][1], 0);
	call(HV_DEVICE_STATUS, 0, 15, 0);
	for (unsigned i = 0; i < RING; i++)
		d[i] = (struct desc){ HV_MEM_BASE, 4096, 0, 0 };
	for (unsigned i = 0; i < RING; i++)
		avail[2 + i] = (uint16_t)i;
	for (;;) {
		/* a driver that does not lie: all are used before all are given again */
		avail[1] = (uint16_t)(avail[1] + RING);
		call(HV_KICK, 1, 0, 0);
		while (avail[1025] != avail[1])
			call(HV_WAIT, (uint64_t)call(HV_NOW, 0, 0, 0) + 1000000, 0, 0);
	}
}

static void doorbells(void)
{
	for (unsigned i = 0; i < start->n_devices; i++)
		set_up(i);
	put("ringing\n");
	for (;;)
		call(HV_KICK, below(start->n_devices + 1) << 16 | below(3), 0, 0);
}

/* The monitor's wake-up is full, so it cannot be written. */
static void full_event(uint64_t fd)
{
	static const uint64_t most = UINT64_MAX - 1;

	put_number("wrote", (uint64_t)raw_syscall(1, fd, (uintptr_t)&most, 8));
	put("full\n");
	for (;;)
		__asm__ volatile("");
}

static void random_jump(void)
{
	static const uint64_t where[] = { HV_MEM_BASE, PROC_BLOB, KVM_VIEW, KVM_HOST };
	uint64_t to = below(5) ? where[below(4)] + below(0x10000) : random64() >> below(40);

	put_number("to", to);
	__asm__ volatile("mov %1, %%rsp\n\tmov %1, %%rbp\n\tjmp *%0" : : "r"(to), "r"(arena + 32768) : "memory");
}

/* Registers that lead to what would hurt. */
static void run_any_code(void)
{
	__asm__ volatile("mov %1, %%rsp\n\tmov %2, %%rbx\n\tmov %3, %%rbp\n\tjmp *%0"
			 : : "r"(any_code), "r"(arena + 32768), "r"((uint64_t)PROC_CTL), "r"((uint64_t)PROC_DEVS),
			 "a"(arena), "D"(PROC_SHARED), "S"(arena), "c"(16), "d"(0xe0) : "rbx", "memory");
}

void probe_main(struct hv_start *s)
{
	const char *p = s->cmdline;

	start = s;
	call = (hypercall *)(uintptr_t)s->entry;
	arena = (s->image_end + 2 * HV_PAGE - 1) & ~(HV_PAGE - 1ull);
	arena_end = (uintptr_t)s;
	if (s->n_modules)
		arena_end = s->module[0].addr;
	if (word_is(&p, "rings")) {
		seed = number(&p) * 2 + 1;
		rings(number(&p));
		put("survived\n");
	} else if (word_is(&p, "anything")) {
		seed = number(&p) * 2 + 1;
		anything(seed & 2);
	} else if (word_is(&p, "scribble")) {
		seed = number(&p) * 2654435761u + 1;
		for (int i = 0; i < 9; i++)
			random64();
		scribble();
	} else if (word_is(&p, "splinter")) {
		splinter();
	} else if (word_is(&p, "compat")) {
		compat(number(&p));
	} else if (word_is(&p, "floods")) {
		flood_for_ever();
	} else if (word_is(&p, "floodring")) {
		flood_by_device();
	} else if (word_is(&p, "doorbells")) {
		doorbells();
	} else if (word_is(&p, "event")) {
		full_event(number(&p));
	} else if (word_is(&p, "wild")) {
		seed = number(&p) * 2654435761u + 1;
		for (int i = 0; i < 9; i++)
			random64();
		random_jump();
	} else if (word_is(&p, "code")) {
		run_any_code();
	} else {
		probe_words(s);
	}
	call(HV_EXIT, 0, 0, 0);
}
