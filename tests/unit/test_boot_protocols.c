/* SPDX-License-Identifier: BSD-2-Clause
 *
 * PVH, Multiboot2 and Linux boot structures: good ones, and each way in which
 * a loader can get them wrong.
 * SOURCES: boot/memory.c boot/strings.c boot/pvh.c boot/multiboot2.c
 * SOURCES: boot/linux64.c
 */
#include "boot/boot.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/tap.h"

#define BASE 0x10000ull
#define LEN 0x4000u
#define MIB (1ull << 20)

static uint8_t mem[LEN];
static struct view view = { mem, BASE, LEN };
static struct boot_info bi;
static struct boot_parser p;

static void start(void)
{
	memset(mem, 0, sizeof(mem));
	memset(&bi, 0, sizeof(bi));
	memset(&p, 0, sizeof(p));
	p.bi = &bi;
	p.mem = &view;
}

static void put(unsigned off, uint64_t v, unsigned width)
{
	memcpy(mem + off, &v, width);
}

static bool says(const char *error, const char *part)
{
	if (error && strstr(error, part))
		return true;
	printf("# error: %s\n", error ? error : "none");
	return false;
}

/* ---- PVH: start info at 0, map at 0x100, modules at 0x200, strings 0x400 */
static void pvh_good(void)
{
	start();
	put(0, 0x336ec578, 4);
	put(4, 1, 4);
	put(12, 1, 4);
	put(16, BASE + 0x200, 8);
	put(24, BASE + 0x400, 8);
	put(32, 0xf1234, 8);
	put(40, BASE + 0x100, 8);
	put(48, 2, 4);
	put(0x100, 0, 8), put(0x108, 0xa0000, 8), put(0x110, 1, 4);
	put(0x118, MIB, 8), put(0x120, 63 * MIB, 8), put(0x128, 1, 4);
	put(0x200, 32 * MIB, 8), put(0x208, 100, 8), put(0x210, BASE + 0x420, 8);
	strcpy((char *)mem + 0x400, "a=b -- c");
	strcpy((char *)mem + 0x420, "site");
}

static void pvh(void)
{
	pvh_good();
	ok(!pvh_parse(&p, BASE) && !boot_finish(&p, MIB, 2 * MIB), "PVH parses");
	ok(!strcmp(bi.cmdline, "a=b -- c") && bi.rsdp == 0xf1234 &&
	   bi.n_modules == 1 && !strcmp(bi.module[0].name, "site") &&
	   bi.module[0].end == 32 * MIB + 100 && bi.n_regions == 2,
	   "command line, RSDP, module, map");
	pvh_good();
	strcpy((char *)mem + 0x430, "x=1 -- arg virtio_mmio.device=512@1:5 "
	       "virtio_mmio.device=512@2:6 ");
	put(24, BASE + 0x430, 8);
	ok(!pvh_parse(&p, BASE) &&
	   !strcmp(bi.cmdline, "virtio_mmio.device=512@1:5 "
		   "virtio_mmio.device=512@2:6 x=1 -- arg"),
	   "device keys that the loader appends go before `--`: %s", bi.cmdline);
	pvh_good();
	strcpy((char *)mem + 0x430, " virtio_mmio.device=512@1:5");
	put(24, BASE + 0x430, 8);
	ok(!pvh_parse(&p, BASE) &&
	   strstr(bi.cmdline, "virtio_mmio.device=512@1:5"), "device keys alone");
	pvh_good();
	put(0, 1, 4);
	ok(says(pvh_parse(&p, BASE), "no PVH"), "wrong magic");
	pvh_good();
	ok(says(pvh_parse(&p, 0), "no PVH") &&
	   says(pvh_parse(&p, BASE + LEN - 55), "no PVH") &&
	   says(pvh_parse(&p, UINT64_MAX - 3), "no PVH"), "outside memory");
	pvh_good();
	put(4, 0, 4);
	ok(says(pvh_parse(&p, BASE), "no memory map"), "version 0");
	pvh_good();
	put(40, BASE + LEN - 30, 8);
	ok(says(pvh_parse(&p, BASE), "memory map lies outside"), "map runs out");
	pvh_good();
	put(48, UINT32_MAX, 4);
	ok(says(pvh_parse(&p, BASE), "too long"), "map count absurd");
	pvh_good();
	put(12, UINT32_MAX, 4);
	ok(says(pvh_parse(&p, BASE), "too long"), "module count absurd");
	pvh_good();
	put(12, 9, 4);
	for (unsigned i = 0; i < 9; i++)
		put(0x200 + 32 * i, (10 + i) * MIB, 8),
		put(0x208 + 32 * i, 1, 8), put(0x210 + 32 * i, 0, 8);
	ok(says(pvh_parse(&p, BASE), "more than 8 modules"), "nine modules");
	pvh_good();
	memset(mem + 0x400, 'x', LEN - 0x400);
	ok(says(pvh_parse(&p, BASE), "longer than 2047"), "endless command line");
	pvh_good();
	memset(mem + 0x400, 'x', BOOT_CMDLINE_MAX - 1);
	mem[0x400 + BOOT_CMDLINE_MAX - 1] = 0;
	put(12, 0, 4);
	ok(!pvh_parse(&p, BASE) && strlen(bi.cmdline) == BOOT_CMDLINE_MAX - 1,
	   "2047 bytes are taken");
	pvh_good();
	memset(mem + 0x400, 'x', BOOT_CMDLINE_MAX);
	put(12, 0, 4);
	ok(says(pvh_parse(&p, BASE), "longer than 2047") && !bi.cmdline[0],
	   "2048 are not, and nothing is cut");
	pvh_good();
	memset(mem + 0x420, 'n', 64);
	ok(says(pvh_parse(&p, BASE), "name is longer"), "long module name");
	pvh_good();
	put(24, BASE + LEN + 5, 8);
	ok(says(pvh_parse(&p, BASE), "command line"), "command line outside");
}

/* ---- Multiboot2 */
static unsigned mb2_off;

static void tag(unsigned type, const void *data, unsigned len)
{
	put(mb2_off, type, 4);
	put(mb2_off + 4, 8 + len, 4);
	memcpy(mem + mb2_off + 8, data, len);
	mb2_off = (mb2_off + 8 + len + 7) & ~7u;
	put(0, mb2_off, 4);
}

static void mmap_tag(uint32_t entry_size)
{
	struct {
		uint32_t size, version;
		struct { uint64_t addr, len; uint32_t type, zero; } e[2];
	} m = { entry_size, 0, { { 0, 0xa0000, 1, 0 }, { MIB, 63 * MIB, 1, 0 } } };

	tag(6, &m, sizeof(m));
}

static void mb2_start(void)
{
	start();
	mb2_off = 8;
}

static void mb2_good(void)
{
	struct { uint32_t from, to; char name[5]; } m = {
		32 * MIB, 33 * MIB, "site" };
	uint8_t rsdp_old[20] = "RSD PTR o", rsdp_new[36] = "RSD PTR n";

	mb2_start();
	tag(1, "a=b", 4);
	tag(2, "GRUB", 5);
	mmap_tag(24);
	tag(3, &m, 13);
	tag(15, rsdp_new, 36);
	tag(14, rsdp_old, 20);
	tag(0, "", 0);
}

static void mb2(void)
{
	mb2_good();
	ok(!multiboot2_parse(&p, BASE, 0x36d76289) &&
	   !boot_finish(&p, MIB, 2 * MIB), "Multiboot2 parses");
	ok(!strcmp(bi.cmdline, "a=b") && bi.n_modules == 1 &&
	   !strcmp(bi.module[0].name, "site") && bi.n_regions == 2,
	   "command line, module, map");
	ok(bi.rsdp == (uintptr_t)p.rsdp && p.rsdp[8] == 'n',
	   "the newer RSDP is copied");
	mb2_good();
	ok(says(multiboot2_parse(&p, BASE, 0x2badb002), "no Multiboot2"),
	   "wrong magic");
	mb2_good();
	put(0, LEN + 1, 4);
	ok(says(multiboot2_parse(&p, BASE, 0x36d76289), "outside memory"),
	   "total size beyond memory");
	mb2_good();
	put(0, 8, 4);
	ok(says(multiboot2_parse(&p, BASE, 0x36d76289), "outside memory"),
	   "total size too small");
	mb2_good();
	put(0, mb2_off - 8, 4);
	ok(says(multiboot2_parse(&p, BASE, 0x36d76289), "no end tag"),
	   "no end tag");
	mb2_good();
	put(12, 7, 4);
	ok(says(multiboot2_parse(&p, BASE, 0x36d76289), "wrong size"),
	   "tag shorter than its head");
	mb2_good();
	put(12, UINT32_MAX, 4);
	ok(says(multiboot2_parse(&p, BASE, 0x36d76289), "wrong size"),
	   "tag longer than all");
	mb2_start();
	tag(1, "abcd", 4);
	tag(0, "", 0);
	ok(says(multiboot2_parse(&p, BASE, 0x36d76289), "not terminated"),
	   "command line without an end");
	mb2_start();
	tag(3, "12345678name", 12);
	tag(0, "", 0);
	ok(says(multiboot2_parse(&p, BASE, 0x36d76289), "module tag"),
	   "module name without an end");
	mb2_start();
	tag(3, "\2\0\0\0\1\0\0\0", 9);
	tag(0, "", 0);
	ok(says(multiboot2_parse(&p, BASE, 0x36d76289), "before it starts"),
	   "module backwards");
	for (uint32_t size = 0; size < 20; size += 4) {
		mb2_start();
		mmap_tag(size);
		tag(0, "", 0);
		ok(says(multiboot2_parse(&p, BASE, 0x36d76289), "map is malformed"),
		   "map entries of %u bytes", size);
	}
	mb2_start();
	tag(18, "", 0);
	tag(0, "", 0);
	ok(says(multiboot2_parse(&p, BASE, 0x36d76289), "boot services"),
	   "EFI boot services left running");
}

/* ---- Linux */
static void linux_good(void)
{
	start();
	mem[0x1e8] = 2;
	put(0x202, 0x53726448, 4);
	put(0x206, 0x020f, 2);
	put(0x228, BASE + 0x2000, 4);
	put(0x218, 32 * MIB, 4);
	put(0x21c, 5000, 4);
	put(0x070, 0xe0000, 8);
	put(0x250, BASE + 0x3000, 8);
	put(0x2d0, 0, 8), put(0x2d8, 0xa0000, 8), put(0x2e0, 1, 4);
	put(0x2e4, MIB, 8), put(0x2ec, 63 * MIB, 8), put(0x2f4, 1, 4);
	strcpy((char *)mem + 0x2000, "console=x");
	put(0x3000, BASE + 0x3100, 8), put(0x3008, 1, 4), put(0x300c, 4, 4);
	put(0x3100, 0, 8), put(0x3108, 9, 4), put(0x310c, 16, 4);
	memset(mem + 0x3110, 0x77, 16);
}

static void linux64(void)
{
	linux_good();
	ok(!linux64_parse(&p, BASE) && !boot_finish(&p, MIB, 2 * MIB),
	   "boot_params parse");
	ok(!strcmp(bi.cmdline, "console=x") && bi.rsdp == 0xe0000 &&
	   bi.n_modules == 1 && bi.module[0].start == 32 * MIB &&
	   bi.n_regions == 2, "command line, RSDP, initrd, map");
	ok(bi.seed_len == 16 && bi.seed[15] == 0x77, "the random seed");
	linux_good();
	put(0x3000, BASE + 0x3000, 8);
	ok(!linux64_parse(&p, BASE) && !bi.seed_len, "a looping setup_data list");
	linux_good();
	put(0x310c, UINT32_MAX, 4);
	ok(!linux64_parse(&p, BASE) && bi.seed_len == 32, "an overlong seed");
	linux_good();
	put(0x3000, BASE + LEN - 16, 8);
	put(LEN - 8, 9, 4), put(LEN - 4, 1, 4);
	ok(!linux64_parse(&p, BASE) && !bi.seed_len, "a seed that runs out");
	linux_good();
	mem[0x1e8] = 129;
	ok(says(linux64_parse(&p, BASE), "too many entries"), "129 entries");
	linux_good();
	ok(says(linux64_parse(&p, BASE + LEN - 4095), "no Linux"),
	   "boot_params run out");
	linux_good();
	put(0x0c8, 1, 4);
	ok(says(linux64_parse(&p, BASE), "command line"),
	   "a command line above 4 GiB");
	linux_good();
	mem[0x1e8] = 0;
	ok(!linux64_parse(&p, BASE) &&
	   says(boot_finish(&p, MIB, 2 * MIB), "no RAM"), "an empty map");
}

int main(void)
{
	pvh();
	mb2();
	linux64();
	return done_testing();
}
