/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Event lines of a platform with APICs: line n is vector 0x30 + n. The first
 * ones are the I/O APICs' global interrupts, the rest are handed out for MSI.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/lib/compiler.h"

#define IRQ_VECTOR_BASE	0x30
#define IRQ_GSI_LINES	64	/* lines 0..63: global interrupts */
#define IRQ_LINES	192	/* lines 64..191: MSI */

/* Masks the PICs. The local APIC is up. */
void irq_init(void);

/* How a global interrupt is signalled; the default is edge, active high. */
void irq_set_trigger(unsigned line, bool level, bool active_low);

void irq_line(unsigned line, bool on);		/* pv_platform.line */

/* A line of its own for a message-signalled interrupt.
 * 0, -ENOSPC, -ENODEV (this CPU's id does not fit a message). */
int irq_msi_alloc(unsigned *line, uint64_t *msg_addr, uint32_t *msg_data)
	MUST_CHECK;

/* Before each wait: level interrupts, masked when they came, have been seen to
 * by now and may come again. */
void irq_rearm(void);

/* Did the timer fire since the last call? */
bool irq_timer_fired(void);
