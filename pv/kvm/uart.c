/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Transmit-only text for machines without a paravirtual console: the debug
 * port 0xe9 where one answers, else the first serial port, if there is one
 * (Firecracker, QEMU -nographic). Nothing is ever received or configured.
 */
#include "pv/kvm/kvm.h"

#include "pv/x86/cpu.h"

#define DEBUG_PORT	0xe9
#define COM1		0x3f8
#define COM1_LSR	(COM1 + 5)
#define COM1_SCRATCH	(COM1 + 7)
#define LSR_EMPTY	0x20
#define POLL_MAX	100000	/* a stuck port costs this once, then is left */

static enum { UNKNOWN, DEBUG, SERIAL, NONE } port;

static void choose(void)
{
	if (x86_inb(DEBUG_PORT) == DEBUG_PORT) {
		port = DEBUG;
		return;
	}
	x86_outb(COM1_SCRATCH, 0x5a);
	port = x86_inb(COM1_SCRATCH) == 0x5a ? SERIAL : NONE;
}

static bool serial_ready(void)
{
	for (unsigned i = 0; i < POLL_MAX; i++)
		if (x86_inb(COM1_LSR) & LSR_EMPTY)
			return true;
	return false;
}

void kvm_puts(const char *text, size_t len)
{
	if (port == UNKNOWN)
		choose();
	if (port == NONE && !kvm_mapped)
		kvm_emerg_puts(text, len);
	for (size_t i = 0; i < len && port != NONE; i++) {
		if (port == SERIAL && !serial_ready())
			port = NONE;
		else
			x86_outb(port == SERIAL ? COM1 : DEBUG_PORT,
				 (uint8_t)text[i]);
	}
}
