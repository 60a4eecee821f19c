/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The first C code of every protocol, on the boot stack with memory identity
 * mapped (4 GiB of it in ring 0, all of it by our own hypervisor): fills the
 * one struct boot_info and enters the kernel.
 * Whatever is wrong with the loader's structures becomes bi.error, which
 * kmain prints.
 */
#include "boot/boot.h"

#include "pv/hv/abi.h"

#define VIEW_START	0x10ull	/* not 0: SeaBIOS leaves PVH data in page 0 */
#define VIEW_END	(4ull << 30)	/* start.S maps that much */

extern char _image_start[], _image_end[];

/* An image has the protocols of its platforms (Makefile): one that is not there
 * is never named by an entry. */
extern uint64_t boot_pdpt[512] __attribute__((weak));
#pragma weak pvh_parse
#pragma weak multiboot2_parse
#pragma weak linux64_parse
#pragma weak hv_parse
#pragma weak boot_map_high

static struct boot_info boot_info;
static struct boot_parser parser;
static const struct view memory = {
	.mem = (const uint8_t *)VIEW_START,
	.base = VIEW_START,
	.len = VIEW_END - VIEW_START,
};
/* How much is there, the start block says. */
static const struct view hv_memory = {
	.mem = (const uint8_t *)HV_MEM_BASE,
	.base = HV_MEM_BASE,
	.len = HV_MEM_MAX,
};

static const char *parse(uint32_t protocol, uint64_t info, uint32_t magic)
{
	const char *error;

	switch (protocol) {
	case BOOT_PVH:
		error = pvh_parse(&parser, info);
		break;
	case BOOT_HV:
		error = hv_parse(&parser, info);
		break;
	case BOOT_MULTIBOOT2:
		error = multiboot2_parse(&parser, info, magic);
		break;
	default:
		error = linux64_parse(&parser, info);
		break;
	}
	if (error)
		return error;
	error = boot_finish(&parser, (uintptr_t)_image_start,
			    (uintptr_t)_image_end);
	if (error || protocol == BOOT_HV)	/* it maps all memory itself */
		return error;
	return boot_map_high(&boot_info, boot_pdpt);
}

void boot_main(uint32_t protocol, uint64_t info, uint32_t magic, uint64_t tsc)
{
	boot_info.protocol = (enum boot_protocol)protocol;
	boot_info.tsc_at_entry = tsc;
	parser.bi = &boot_info;
	parser.mem = protocol == BOOT_HV ? &hv_memory : &memory;
	boot_info.error = parse(protocol, info, magic);
	kmain(&boot_info);
}
