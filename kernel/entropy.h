/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Random numbers: a ChaCha20 generator seeded by what the platform, the CPU
 * (RDSEED, RDRAND), the boot protocol and virtio-rng give, mixed. If none
 * answers, timing jitter seeds it within a second and the console warns.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/lib/compiler.h"

/* Mixes input in; `bits` is a careful estimate of its entropy, 0 for input
 * that is only mixed. */
void entropy_add(const void *data, size_t len, unsigned bits);

/* Always succeeds: seeds from jitter if nothing else did. */
void entropy_bytes(void *out, size_t len);
uint64_t entropy_u64(void);

bool entropy_seeded(void);		/* 256 bits or more were added */

/* A fresh generator key at once (restore from a snapshot). */
void entropy_reseed(void);

/* RFC 8439 section 2.3, for the test against its vectors. */
void entropy_chacha20_block(const uint32_t key[8], uint32_t counter,
			    const uint32_t nonce[3], uint32_t out[16]);
