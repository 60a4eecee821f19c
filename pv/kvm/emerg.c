/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The last resort for a message when boot stops before devices can be set up
 * and no port takes text: the emergency write of a virtio-mmio console
 * (virtio 1.2, 5.3.6.1), which needs no negotiation and no queue. Only at the
 * fixed places of QEMU's microvm, and only on the boot page tables, which map
 * them.
 */
#include "pv/kvm/kvm.h"

#include "kernel/lib/mmio.h"

#define SLOTS		24
#define SLOT_BASE	0xfeb00000u
#define SLOT_LEN	512u
#define MAGIC		0x74726976u
#define REG_DEVICE_ID	0x008u
#define REG_FEATURES	0x010u
#define REG_FEATURES_SEL 0x014u
#define REG_CONFIG	0x100u
#define CONFIG_EMERG_WR	8u
#define DEVICE_CONSOLE	3u
#define F_EMERG_WRITE	(1u << 2)

static volatile uint8_t *find(void)
{
	for (uintptr_t i = 0; i < SLOTS; i++) {
		volatile uint8_t *r = (volatile uint8_t *)
			(SLOT_BASE + i * SLOT_LEN);

		if (mmio_read32(r) != MAGIC ||
		    mmio_read32(r + REG_DEVICE_ID) != DEVICE_CONSOLE)
			continue;
		mmio_write32(r + REG_FEATURES_SEL, 0);
		if (mmio_read32(r + REG_FEATURES) & F_EMERG_WRITE)
			return r;
	}
	return NULL;
}

void kvm_emerg_puts(const char *text, size_t len)
{
	volatile uint8_t *console = find();

	for (size_t i = 0; console && i < len; i++)
		mmio_write32(console + REG_CONFIG + CONFIG_EMERG_WR,
			     (uint8_t)text[i]);
}
