/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The first C code: puts the program's own pointers right, sets the canary. The
 * only file that is built without stack protection.
 */
#include <linux/auxvec.h>
#include <linux/elf.h>

#include "hv/host.h"
#include "hv/main.h"
#include "hv/msg.h"
#include "kernel/lib/string.h"

uintptr_t __stack_chk_guard;
void __stack_chk_fail(void);
void host_start(uint64_t *stack, const Elf64_Dyn *dyn);

void __stack_chk_fail(void)
{
	die(EXIT_HOST, "internal error: a stack was overwritten");
}

static uint64_t aux(const uint64_t *auxv, uint64_t type)
{
	for (; auxv[0] != AT_NULL; auxv += 2) {
		if (auxv[0] == type)
			return auxv[1];
	}
	return 0;
}

/* The program is linked at 0 and lies somewhere: its pointers are put right
 * before anything uses one (System V ABI x86-64, R_X86_64_RELATIVE). */
static void relocate(const Elf64_Dyn *dyn)
{
	extern const char __ehdr_start[] __attribute__((visibility("hidden")));
	uintptr_t base = (uintptr_t)__ehdr_start;
	const Elf64_Rela *rela = NULL;
	uint64_t size = 0;

	for (; dyn->d_tag != DT_NULL; dyn++) {
		if (dyn->d_tag == DT_RELA)
			rela = (const Elf64_Rela *)(base + dyn->d_un.d_ptr);
		if (dyn->d_tag == DT_RELASZ)
			size = dyn->d_un.d_val;
	}
	for (uint64_t i = 0; i < size / sizeof(*rela); i++)
		*(uint64_t *)(base + rela[i].r_offset) = base + (uint64_t)rela[i].r_addend;
}

void host_start(uint64_t *stack, const Elf64_Dyn *dyn)
{
	int argc = (int)stack[0];
	char **argv = (char **)(stack + 1);
	const uint64_t *auxv = stack + 1 + argc + 1;
	struct clock_moment began = clock_now_pair();

	relocate(dyn);
	while (*auxv++)
		;			/* the environment */
	memcpy(&__stack_chk_guard, (const void *)aux(auxv, AT_RANDOM), sizeof(__stack_chk_guard));
	sys_exit(glint_main(argc, argv, aux(auxv, AT_HWCAP2), began));
}
