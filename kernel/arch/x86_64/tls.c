/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Thread-local storage, variant II of the ELF TLS document (Drepper, section
 * 3.4.6): the data end at the thread pointer, which points to itself.
 */
#include "kernel/arch/arch.h"

#include "kernel/lib/compiler.h"
#include "kernel/lib/string.h"

extern const char __tdata_start[], __tdata_end[];
extern const char __tls_size[], __tls_align[];	/* values, not places */

struct tcb {
	struct tcb *self;
	uint64_t reserved[5];
};

/* What the linker takes for the distance of the first byte to %fs:0. */
static size_t data_size(void)
{
	return ALIGN_UP((size_t)(uintptr_t)__tls_size, arch_tls_align());
}

size_t arch_tls_align(void)
{
	size_t align = (size_t)(uintptr_t)__tls_align;

	return align > 16 ? align : 16;
}

size_t arch_tls_size(void)
{
	return data_size() + sizeof(struct tcb);
}

uintptr_t arch_tls_init(void *block)
{
	char *data = block;
	struct tcb *tcb = (struct tcb *)(void *)(data + data_size());
	size_t n_init = (size_t)(__tdata_end - __tdata_start);

	memset(data, 0, arch_tls_size());
	memcpy(data, __tdata_start, n_init);
	tcb->self = tcb;
	return (uintptr_t)tcb;
}
