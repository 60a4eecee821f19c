/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Lines to vectors and back; the interrupt handler. A handler only records;
 * devices are serviced later, so a level interrupt stays asserted until then:
 * its pin is masked here and opened again by irq_rearm().
 */
#include "pv/x86/irq.h"

#include <errno.h>

#include "kernel/event.h"
#include "pv/x86/cpu.h"
#include "pv/x86/ioapic.h"
#include "pv/x86/lapic.h"
#include "pv/x86/trap.h"

#define PIC1_DATA	0x21
#define PIC2_DATA	0xa1
#define MSI_ADDR	0xfee00000ull

static uint8_t flags[IRQ_LINES];
#define LINE_ON		1u
#define LINE_LEVEL	2u
#define LINE_LOW	4u
#define LINE_HELD	8u	/* level: masked until irq_rearm() */

static unsigned next_msi = IRQ_GSI_LINES;
static unsigned n_held;
static bool timer_fired;

void irq_init(void)
{
	x86_outb(PIC1_DATA, 0xff);
	x86_outb(PIC2_DATA, 0xff);
}

void irq_set_trigger(unsigned line, bool level, bool active_low)
{
	if (line >= IRQ_GSI_LINES)
		return;
	/* Devices may share the line: what it is in the middle of stays. */
	flags[line] = (uint8_t)((flags[line] & (LINE_ON | LINE_HELD)) |
				(level ? LINE_LEVEL : 0) |
				(active_low ? LINE_LOW : 0));
}

static void route(unsigned line)
{
	struct ioapic_route r = {
		.vector = (uint8_t)(IRQ_VECTOR_BASE + line),
		.dest = (uint8_t)lapic_id(),
		.level = flags[line] & LINE_LEVEL,
		.active_low = flags[line] & LINE_LOW,
	};

	/* A line without a pin never fires; its device is polled for nothing. */
	(void)!ioapic_route(line, &r);
}

void irq_line(unsigned line, bool on)
{
	if (line >= IRQ_LINES)
		return;
	if (flags[line] & LINE_HELD)
		n_held--;
	flags[line] &= (uint8_t)~(LINE_ON | LINE_HELD);
	if (on)
		flags[line] |= LINE_ON;
	if (line >= IRQ_GSI_LINES)
		return;
	if (on)
		route(line);
	else
		ioapic_mask(line);
}

int irq_msi_alloc(unsigned *line, uint64_t *msg_addr, uint32_t *msg_data)
{
	uint32_t id = lapic_id();

	if (id > 0xff)
		return -ENODEV;
	if (next_msi == IRQ_LINES)
		return -ENOSPC;
	*line = next_msi++;
	*msg_addr = MSI_ADDR | id << 12;
	*msg_data = IRQ_VECTOR_BASE + *line;
	return 0;
}

void irq_rearm(void)
{
	for (unsigned line = 0; n_held && line < IRQ_GSI_LINES; line++) {
		if (!(flags[line] & LINE_HELD))
			continue;
		flags[line] &= (uint8_t)~LINE_HELD;
		n_held--;
		route(line);
	}
}

bool irq_timer_fired(void)
{
	bool fired = timer_fired;

	timer_fired = false;
	return fired;
}

static void line_fired(unsigned line)
{
	if (!(flags[line] & LINE_ON))
		return;		/* on its way when the line was masked */
	if (flags[line] & LINE_LEVEL && !(flags[line] & LINE_HELD)) {
		ioapic_mask(line);
		flags[line] |= LINE_HELD;
		n_held++;
	}
	event_set_pending(line);
}

void x86_irq(unsigned vector)
{
	if (vector == LAPIC_SPURIOUS_VECTOR)
		return;			/* needs no EOI */
	if (vector == LAPIC_TIMER_VECTOR)
		timer_fired = true;
	else if (vector >= IRQ_VECTOR_BASE &&
		 vector - IRQ_VECTOR_BASE < IRQ_LINES)
		line_fired(vector - IRQ_VECTOR_BASE);
	lapic_eoi();
}
