/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A guest that must die, each time in the way that its argument names: the
 * protections of pages, stacks and heap seen at work. What it prints last is
 * "survived", which no test wants to read.
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const char _text_start[];

static unsigned char code_in_data[16] = { 0xc3 };	/* ret */
static const char constant[16] = "constant";
static void *volatile hidden;

/* Keeps the caller's frame, for the backtrace. */
static void not_a_tail_call(void)
{
	__asm__ volatile("");
}

static void write_text(void)
{
	hidden = (void *)(uintptr_t)_text_start;
	*(volatile char *)hidden = 0;
}

static void write_rodata(void)
{
	hidden = (void *)(uintptr_t)constant;
	*(volatile char *)hidden = 0;
}

static void run_data(void)
{
	hidden = code_in_data;
	((void (*)(void))(uintptr_t)hidden)();
}

static void run_heap(void)
{
	unsigned char *p = malloc(16);

	p[0] = 0xc3;
	hidden = p;
	((void (*)(void))(uintptr_t)hidden)();
}

static void run_stack(void)
{
	volatile unsigned char code[16] = { 0xc3 };

	hidden = (void *)(uintptr_t)code;
	((void (*)(void))(uintptr_t)hidden)();
}

static void read_null(void)
{
	hidden = (void *)8;
	(void)*(volatile char *)hidden;
}

static void call_null(void)
{
	hidden = NULL;
	((void (*)(void))(uintptr_t)hidden)();
}

static int deeper(int n)
{
	volatile char room[512];

	room[0] = (char)n;
	return n <= 0 ? 0 : deeper(n - 1) + room[0];
}

static void stack_overflow(void)
{
	printf("%d\n", deeper(1 << 20));
}

static void smash_stack(void)
{
	char small[16];

	hidden = small;
	memset(hidden, 'A', 64);
}

static void double_free(void)
{
	void *p = malloc(100);

	hidden = p;
	free(p);
	free(hidden);
	not_a_tail_call();
}

static void free_wild(void)
{
	static char not_heap[64];

	hidden = not_heap + 16;
	free(hidden);
	not_a_tail_call();
}

static void use_after_free(void)
{
	/* A block's guard is the check of its free list: seen when the block
	 * is handed out again, while others of its slab live. */
	static void *volatile other;
	void *p = malloc(100);

	other = malloc(100);
	hidden = p;
	free(p);
	*(volatile uintptr_t *)hidden = 0x4141414141414141;
	hidden = malloc(100);
	free(other);
	not_a_tail_call();
}

static void divide(void)
{
	volatile int one = 10, zero = 0;

	printf("%d\n", one / zero);
}

static void undefined(void)
{
	__asm__ volatile("ud2");
}

static void privileged(void)
{
	/* Port I/O faults in ring 3; in ring 0 a non-canonical address does. */
	hidden = (void *)(uintptr_t)0x8000000000000000;
	(void)*(volatile char *)hidden;
}

/* The canary, on the page that is sealed when start-up is over. */
extern uintptr_t __stack_chk_guard;

static void write_sealed(void)
{
	*(volatile uintptr_t *)&__stack_chk_guard = 1;
}

static void *digger(void *arg)
{
	stack_overflow();
	return arg;
}

static void thread_overflow(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, digger, NULL) == 0)
		pthread_join(t, NULL);
}

static void do_abort(void)
{
	abort();
}

static const struct {
	const char *name;
	void (*fn)(void);
} ways[] = {
	{ "write-text", write_text }, { "write-rodata", write_rodata },
	{ "run-data", run_data }, { "run-heap", run_heap },
	{ "run-stack", run_stack }, { "read-null", read_null },
	{ "call-null", call_null }, { "stack-overflow", stack_overflow },
	{ "smash-stack", smash_stack }, { "double-free", double_free },
	{ "free-wild", free_wild }, { "use-after-free", use_after_free },
	{ "divide", divide }, { "undefined", undefined },
	{ "non-canonical", privileged }, { "write-sealed", write_sealed },
	{ "thread-overflow", thread_overflow }, { "abort", do_abort },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(argv[1], ways[i].name)) {
			printf("about to %s\n", ways[i].name);
			ways[i].fn();
			printf("survived\n");
			return 0;
		}
	fprintf(stderr, "usage: die WAY\n");
	return 2;
}
