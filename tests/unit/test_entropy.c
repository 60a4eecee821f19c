/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The generator: RFC 8439 block, seeding, jitter with its warning, reseeding.
 *
 * SOURCES: tests/host/fake_pv.c kernel/page.c kernel/heap.c kernel/thread.c
 * SOURCES: kernel/event.c kernel/timer.c kernel/clock.c kernel/log.c
 * SOURCES: kernel/console.c kernel/trace.c kernel/panic.c kernel/backtrace.c
 * SOURCES: kernel/symbols.c kernel/watchdog.c kernel/cmdline.c
 * SOURCES: kernel/device.c kernel/lib/fmt.c kernel/arch/x86_64/switch.S
 */
#include "tests/unit/tap.h"

#include <string.h>

#include "kernel/arch/arch.h"
#include "kernel/console.h"
#include "kernel/entropy.c"	/* to see the key */
#include "tests/host/fake_pv.h"

static bool have_hardware;

bool arch_hw_random(uint64_t *out)
{
	*out = 0x1122334455667788;
	return have_hardware;
}

static void test_vector(void)
{
	uint32_t k[8], out[16];
	static const uint32_t nonce[3] = { 0x09000000, 0x4a000000, 0 };
	static const uint32_t want[16] = {	/* RFC 8439, 2.3.2 */
		0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3,
		0xc7f4d1c7, 0x0368c033, 0x9aaa2204, 0x4e6cd4c3,
		0x466482d2, 0x09aa9f07, 0x05d7c214, 0xa2028bd9,
		0xd19c12b5, 0xb94e16de, 0xe883d0cb, 0x4e3c50a2,
	};

	for (unsigned i = 0; i < 32; i++)
		((uint8_t *)k)[i] = (uint8_t)i;
	entropy_chacha20_block(k, 1, nonce, out);
	ok(!memcmp(out, want, sizeof(want)), "RFC 8439 section 2.3.2");
}

static void test_seeding(void)
{
	uint8_t seed[100], a[200], b[200];
	unsigned bits = 0;
	uint32_t old[KEY_WORDS];

	memset(seed, 7, sizeof(seed));
	ok(!entropy_seeded(), "not seeded at first");
	entropy_add(seed, sizeof(seed), 0);
	entropy_add(seed, 32, 200);
	ok(!entropy_seeded(), "200 bits are not enough");
	fake_pv_output_clear();
	entropy_bytes(a, sizeof(a));
	ok(fake_pv_output_has("-device virtio-rng-pci") && entropy_seeded(),
	   "then jitter seeds, and the console warns");
	fake_pv_output_clear();
	entropy_bytes(b, sizeof(b));
	ok(memcmp(a, b, sizeof(a)) && !fake_pv_output_len, "once");
	ok(memcmp(a, a + 64, 64) && memcmp(a, a + 128, 64), "blocks differ");
	for (int i = 0; i < 200; i++)
		bits += (unsigned)__builtin_popcount(a[i]);
	ok(bits > 700 && bits < 900, "bits are about even: %u of 1600", bits);
	memcpy(old, key, sizeof(key));
	entropy_bytes(a, 1);
	ok(memcmp(old, key, sizeof(key)), "the key is replaced after each output");
	entropy_bytes(a, 0);
	entropy_bytes(a, 1);
	ok(entropy_u64() != entropy_u64(), "u64");
}

static void test_mixing(void)
{
	uint8_t one = 1;
	uint64_t a = entropy_u64(), b, c;

	entropy_add(&one, 1, 0);
	b = entropy_u64();
	have_hardware = true;
	entropy_reseed();
	c = entropy_u64();
	ok(a != b && b != c && a != c, "goes on after input and reseed");
}

int main(void)
{
	fake_pv_init(4u << 20);
	console_use_platform();
	test_vector();
	test_seeding();
	test_mixing();
	return done_testing();
}
