/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What every entry path hands to kmain(): the same facts, whatever the boot
 * protocol. boot/ fills it from the protocol's own structures, which are
 * untrusted in form (overlaps, overflow, unterminated strings): it checks,
 * sorts and copies, so that nobody behind it needs to.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define BOOT_CMDLINE_MAX	2048	/* bytes with the NUL; longer: boot error */
#define BOOT_REGIONS_MAX	64
#define BOOT_MODULES_MAX	8

enum boot_protocol {
	BOOT_PVH = 1,		/* Xen PVH: QEMU -kernel, Xen, Firecracker */
	BOOT_MULTIBOOT2,	/* GRUB on BIOS and UEFI */
	BOOT_LINUX64,		/* boot_params, 64-bit entry */
	BOOT_XEN_PV,
	BOOT_HV,		/* Glint's own hypervisor */
	BOOT_HOST_TEST,
};

/* A range of usable RAM: page aligned, below no other, not overlapping. */
struct boot_region {
	uint64_t start, end;		/* bytes, end exclusive */
};

struct boot_module {
	uint64_t start, end;		/* inside RAM; never part of regions[] */
	char name[64];			/* the protocol's string, may be "" */
};

struct boot_info {
	enum boot_protocol protocol;
	/* Usable RAM, ascending, less the image, modules, page 0 and all that
	 * lies below 1 MiB. Boot structures were copied and need no room. */
	struct boot_region region[BOOT_REGIONS_MAX];
	unsigned n_regions;
	uint64_t ram_bytes;		/* RAM of the machine, for messages */
	bool ram_is_zero;		/* what region[] names, by the protocol */
	struct boot_module module[BOOT_MODULES_MAX];
	unsigned n_modules;
	char cmdline[BOOT_CMDLINE_MAX];
	uint64_t rsdp;			/* paddr of (a copy of) the ACPI RSDP or 0 */
	uint64_t start_block;		/* BOOT_HV: where it lies, for good; or 0 */
	uint64_t tsc_at_entry;		/* cycle counter in the first instructions */
	uint8_t seed[32];		/* from the boot protocol */
	unsigned seed_len;		/* bytes of seed, 0: none */
	/* Set when the boot structures are unusable: kmain prints it through
	 * the platform and stops with exit status 1. */
	const char *error;
};

/* Never returns. Called on the boot stack with identity-mapped memory, SSE on,
 * interrupts off (ring 0) or none (ring 3). */
void kmain(const struct boot_info *bi) __attribute__((noreturn));
