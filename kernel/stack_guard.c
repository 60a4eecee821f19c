/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See stack_guard.h. A global canary (-mstack-protector-guard=global), because
 * one at %fs:0x28 would fault before the thread pointer is set. It lives on
 * the page that becomes read-only after start-up.
 */
#include "kernel/stack_guard.h"

#include "kernel/arch/arch.h"
#include "kernel/image.h"
#include "kernel/panic.h"

extern uintptr_t __stack_chk_guard;
RO_AFTER_INIT uintptr_t __stack_chk_guard = 0x595e9fbd94fda766;

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 29;
}

__attribute__((no_stack_protector))
void stack_guard_init(const struct boot_info *bi)
{
	uint64_t h = mix(arch_cycles(), bi->tsc_at_entry);
	uint64_t hw;

	for (unsigned i = 0; i < bi->seed_len && i < sizeof(bi->seed); i++)
		h = mix(h, bi->seed[i]);
	if (arch_hw_random(&hw))
		h ^= hw;
	/* A zero low byte stops string functions from copying it out. */
	__stack_chk_guard = h & ~(uint64_t)0xff;
}

void __stack_chk_fail(void)
{
	panic("stack smashed: the canary of a function was overwritten");
}
