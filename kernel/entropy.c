/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See entropy.h. Generator: ChaCha20 (RFC 8439) with fast key erasure: the
 * first 32 bytes of each run become the next key, so that what was handed out
 * cannot be computed from a later state. Input is mixed by encrypting with it:
 * key' = ChaCha20(key xor input, counter); a hostile input can at worst add
 * nothing.
 */
#include "kernel/entropy.h"

#include "kernel/arch/arch.h"
#include "kernel/clock.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"

#define KEY_WORDS 8
#define SEED_BITS 256
#define JITTER_ROUNDS 4096		/* 1/16 bit each: a conservative estimate */
#define JITTER_NS (NSEC_PER_SEC / 2)

static uint32_t key[KEY_WORDS];
static uint64_t counter;
static unsigned seeded_bits;

static inline uint32_t rotl(uint32_t v, int n)
{
	return v << n | v >> (32 - n);
}

static void quarter(uint32_t *x, int a, int b, int c, int d)
{
	x[a] += x[b];
	x[d] = rotl(x[d] ^ x[a], 16);
	x[c] += x[d];
	x[b] = rotl(x[b] ^ x[c], 12);
	x[a] += x[b];
	x[d] = rotl(x[d] ^ x[a], 8);
	x[c] += x[d];
	x[b] = rotl(x[b] ^ x[c], 7);
}

void entropy_chacha20_block(const uint32_t k[KEY_WORDS], uint32_t n0,
			    const uint32_t nonce[3], uint32_t out[16])
{
	const uint32_t in[16] = {
		0x61707865, 0x3320646e, 0x79622d32, 0x6b206574,
		k[0], k[1], k[2], k[3], k[4], k[5], k[6], k[7],
		n0, nonce[0], nonce[1], nonce[2],
	};
	uint32_t x[16];

	memcpy(x, in, sizeof(x));
	for (int i = 0; i < 10; i++) {
		for (int c = 0; c < 4; c++)
			quarter(x, c, 4 + c, 8 + c, 12 + c);
		for (int c = 0; c < 4; c++)
			quarter(x, c, 4 + (c + 1) % 4, 8 + (c + 2) % 4,
				12 + (c + 3) % 4);
	}
	for (int i = 0; i < 16; i++)
		out[i] = x[i] + in[i];
}

static void next_block(uint32_t out[16])
{
	const uint32_t nonce[3] = { (uint32_t)(counter >> 32), 0, 0 };

	entropy_chacha20_block(key, (uint32_t)counter++, nonce, out);
}

static void rekey(void)
{
	uint32_t block[16];

	next_block(block);
	memcpy(key, block, sizeof(key));
	memset(block, 0, sizeof(block));
}

void entropy_add(const void *data, size_t len, unsigned bits)
{
	const uint8_t *p = data;

	do {
		size_t n = len < sizeof(key) ? len : sizeof(key);
		uint8_t chunk[sizeof(key)] = { 0 };

		memcpy(chunk, p, n);
		for (size_t i = 0; i < sizeof(key); i++)
			((uint8_t *)key)[i] ^= chunk[i];
		key[0] += (uint32_t)n;
		rekey();
		p += n;
		len -= n;
	} while (len);
	if (seeded_bits < SEED_BITS)
		seeded_bits += bits < SEED_BITS ? bits : SEED_BITS;
}

bool entropy_seeded(void)
{
	return seeded_bits >= SEED_BITS;
}

/* The time that memory-dependent work takes varies with caches, the host's
 * scheduler and interrupts. Ends after the rounds or half a second. */
static void seed_by_jitter(void)
{
	static uint8_t field[4096];
	nsec_t end = clock_now() + JITTER_NS;
	uint64_t sample[4] = { 0 };

	for (unsigned i = 0; i < JITTER_ROUNDS; i++) {
		uint64_t t0 = arch_cycles();

		for (unsigned j = 0; j < 64; j++)
			field[(t0 ^ j * 67u * (i | 1)) % sizeof(field)] += (uint8_t)j;
		sample[i % 4] = rotl((uint32_t)(arch_cycles() - t0), 5) ^
				sample[i % 4] << 9 ^ t0;
		if (i % 4 == 3)
			entropy_add(sample, sizeof(sample), 0);
		if (clock_now() > end)
			break;
	}
	seeded_bits = SEED_BITS;
	log_warn(LOG_KERNEL, "random numbers: no hardware source, seeded by "
		 "timing jitter; add `-device virtio-rng-pci`");
}

/* 256 bits from the CPU, if it has them. */
static void add_hardware(void)
{
	uint64_t v[SEED_BITS / 64];

	for (unsigned i = 0; i < ARRAY_SIZE(v); i++) {
		if (!arch_hw_random(&v[i]))
			return;
	}
	entropy_add(v, sizeof(v), SEED_BITS);
}

void entropy_reseed(void)
{
	uint64_t now[3] = { arch_cycles(), clock_now(), clock_wall() };

	entropy_add(now, sizeof(now), 0);
	add_hardware();
}

void entropy_bytes(void *out, size_t len)
{
	uint8_t *p = out;
	uint32_t block[16];

	if (!entropy_seeded())
		entropy_reseed();
	if (!entropy_seeded())
		seed_by_jitter();
	while (len) {
		size_t n = len < sizeof(block) ? len : sizeof(block);

		next_block(block);
		memcpy(p, block, n);
		p += n;
		len -= n;
	}
	memset(block, 0, sizeof(block));
	rekey();
}

uint64_t entropy_u64(void)
{
	uint64_t v;

	entropy_bytes(&v, sizeof(v));
	return v;
}
