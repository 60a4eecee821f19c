/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The start block of Glint's own hypervisor: a good one, and each way in which
 * one can be wrong.
 * SOURCES: boot/memory.c boot/strings.c boot/hv.c
 */
#include "boot/boot.h"

#include <stdlib.h>
#include <string.h>

#include "pv/hv/abi.h"
#include "tests/unit/tap.h"

#define MIB (1ull << 20)
#define MEM (16 * MIB)
#define SIZE (2 * HV_PAGE)
#define START (HV_MEM_BASE + MEM - SIZE)
#define IMAGE_END (2 * MIB)

static union {
	struct hv_start s;
	uint8_t bytes[SIZE];
} *mem;					/* of the very size: ASan watches its end */
static struct view view;
static struct boot_info bi;
static struct boot_parser p;

static void good(void)
{
	free(mem);
	mem = calloc(1, sizeof(*mem));
	memset(&bi, 0, sizeof(bi));
	memset(&p, 0, sizeof(p));
	view = (struct view){ mem->bytes, START, SIZE };
	p.bi = &bi;
	p.mem = &view;
	mem->s.magic = HV_START_MAGIC;
	mem->s.abi_version = HV_ABI_VERSION;
	mem->s.size = SIZE;
	mem->s.mem_size = MEM;
	strcpy(mem->s.cmdline, "ip=dhcp -- /site");
	memset(mem->s.seed, 0x5a, sizeof(mem->s.seed));
	mem->s.n_modules = 2;
	mem->s.module[0] = (struct hv_module){ START - 4 * HV_PAGE, 5000, "site.tar" };
	mem->s.module[1] = (struct hv_module){ START - 2 * HV_PAGE, 2 * HV_PAGE, "" };
}

static const char *parse(void)
{
	const char *error = hv_parse(&p, START);

	return error ? error : boot_finish(&p, MIB, IMAGE_END);
}

static bool says(const char *error, const char *part)
{
	if (error && strstr(error, part))
		return true;
	printf("# error: %s\n", error ? error : "none");
	return false;
}

static void honest(void)
{
	good();
	ok(!parse(), "a good block parses");
	ok(bi.start_block == START && !strcmp(bi.cmdline, "ip=dhcp -- /site"),
	   "its place and the command line");
	ok(bi.ram_is_zero, "memory is zero");
	ok(bi.seed_len == 32 && bi.seed[0] == 0x5a && bi.seed[31] == 0x5a, "the seed");
	ok(bi.n_modules == 2 && !strcmp(bi.module[0].name, "site.tar") &&
	   bi.module[0].start == START - 4 * HV_PAGE &&
	   bi.module[0].end == bi.module[0].start + 5000 && !bi.module[1].name[0],
	   "modules, by the byte");
	ok(bi.n_regions == 1 && bi.region[0].start == IMAGE_END &&
	   bi.region[0].end == START - 4 * HV_PAGE,
	   "memory is free from the image to the modules");
	good();
	mem->s.n_modules = 0;
	mem->s.mem_size = 1ull << 39;
	ok(!parse() && bi.n_regions == 2 && bi.region[1].start == START + SIZE,
	   "a block that is not at the top is left out");
	good();
	memset(mem->s.cmdline, 'x', HV_CMDLINE_MAX - 1);
	ok(!parse() && strlen(bi.cmdline) == HV_CMDLINE_MAX - 1, "2047 bytes are taken");
	good();
	memset(mem->s.module[0].name, 'n', sizeof(mem->s.module[0].name) - 1);
	ok(!parse() && strlen(bi.module[0].name) == 47, "a name of 47 bytes");
	good();
	mem->s.module[0].len = 0;
	ok(!parse() && bi.n_modules == 1, "an empty module is none");
}

static void wrong_block(void)
{
	good();
	mem->s.magic = 1;
	ok(says(parse(), "no start block") && !bi.start_block, "wrong magic: nobody to call");
	good();
	view.base -= 8;
	ok(says(hv_parse(&p, START - 8), "no start block") && !bi.start_block, "not on a page");
	good();
	ok(says(hv_parse(&p, START + HV_PAGE), "no start block") &&
	   says(hv_parse(&p, 0), "no start block") &&
	   says(hv_parse(&p, 0 - (uint64_t)HV_PAGE), "no start block"), "outside memory");
	good();
	mem->s.abi_version = 2;
	ok(says(parse(), "another version") && bi.start_block == START,
	   "another version, and it can be said");
	for (unsigned i = 0; i < 8; i++) {
		static const struct { uint32_t size; uint64_t mem_size; } bad[] = {
			{ 0, MEM }, { HV_PAGE, MEM }, { SIZE - 1, MEM },
			{ SIZE, MEM - HV_PAGE }, { SIZE, 0 }, { SIZE, MEM + 1 },
			{ UINT32_MAX & ~4095u, MEM }, { SIZE, UINT64_MAX & ~4095ull },
		};

		good();
		mem->s.size = bad[i].size;
		mem->s.mem_size = bad[i].mem_size;
		ok(says(parse(), "does not lie within memory"), "size %x, memory %llx",
		   bad[i].size, (unsigned long long)bad[i].mem_size);
	}
	good();
	view.base = 0;
	ok(says(hv_parse(&p, 0), "does not lie within memory"), "below memory");
	good();
	mem->s.n_devices = HV_DEVICES_MAX;
	ok(!parse(), "all devices");
	good();
	mem->s.n_devices = HV_DEVICES_MAX + 1;
	ok(says(parse(), "more devices"), "a device more");
	good();
	memset(mem->s.cmdline, 'x', HV_CMDLINE_MAX);
	ok(says(parse(), "command line") && !bi.cmdline[0], "2048 are not, and nothing is cut");
}

static void wrong_modules(void)
{
	good();
	mem->s.n_modules = HV_MODULES_MAX + 1;
	ok(says(parse(), "more modules"), "nine modules");
	good();
	mem->s.n_modules = UINT32_MAX;
	ok(says(parse(), "more modules"), "more than there can be");
	good();
	mem->s.module[0].addr++;
	ok(says(parse(), "begin on a page"), "not on a page");
	good();
	memset(mem->s.module[0].name, 'n', sizeof(mem->s.module[0].name));
	ok(says(parse(), "not terminated"), "name without an end");
	good();
	mem->s.module[1].len = UINT64_MAX;
	ok(says(parse(), "overflows"), "length overflows");
	good();
	mem->s.module[1].len++;
	ok(says(parse(), "does not lie in RAM"), "a module that runs into the block");
	good();
	mem->s.module[0].addr = HV_MEM_BASE + MEM;
	ok(says(parse(), "does not lie in RAM"), "beyond memory");
	good();
	mem->s.module[0].addr = MIB;
	ok(says(parse(), "overlaps the image"), "over the image");
	good();
	mem->s.module[0].len = 3 * HV_PAGE;
	ok(says(parse(), "two modules overlap"), "over another module");
	good();
	mem->s.mem_size = MEM + MIB;
	view.base = START + MIB;
	mem->s.n_modules = 1;
	mem->s.module[0] = (struct hv_module){ IMAGE_END, START + MIB - IMAGE_END, "" };
	ok(says(hv_parse(&p, START + MIB) ? "parser" : boot_finish(&p, MIB, IMAGE_END),
		"no memory is left"), "nothing left beside them");
	good();
	ok(!hv_parse(&p, START) && says(boot_finish(&p, 0x80000, IMAGE_END), "no RAM"),
	   "an image where there is no memory");
	free(mem);
}

int main(void)
{
	honest();
	wrong_block();
	wrong_modules();
	return done_testing();
}
