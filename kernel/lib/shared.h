/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The only way to touch memory that a peer (device back end, hypervisor) can
 * write at any moment. Each access happens exactly once and is as wide as its
 * name says; copies are taken before anything is checked (copy, check, use).
 *
 * Pointers to such memory carry SHARED: under clang that is `noderef`, and a
 * direct dereference fails the build. Barriers of the whole kernel live here.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kernel/lib/compiler.h"

#if defined(__clang__)
#define SHARED __attribute__((noderef)) __attribute__((address_space(0)))
#else
#define SHARED
#endif

/* Defined in shared.c-free form: casts drop SHARED in this file only. */
#define SHARED_RAW(type, p) ((volatile type *)(uintptr_t)(p))

/* An index or flag that the peer publishes: everything the peer wrote before
 * it is visible after. Pairs with the peer's store-release. */
static inline uint16_t shared_load_acquire16(const uint16_t SHARED *p)
{
	return __atomic_load_n(SHARED_RAW(uint16_t, p), __ATOMIC_ACQUIRE);
}

static inline uint32_t shared_load_acquire32(const uint32_t SHARED *p)
{
	return __atomic_load_n(SHARED_RAW(uint32_t, p), __ATOMIC_ACQUIRE);
}

/* Publishes what was written before. Pairs with the peer's load-acquire. */
static inline void shared_store_release16(uint16_t SHARED *p, uint16_t v)
{
	__atomic_store_n(SHARED_RAW(uint16_t, p), v, __ATOMIC_RELEASE);
}

static inline void shared_store_release32(uint32_t SHARED *p, uint32_t v)
{
	__atomic_store_n(SHARED_RAW(uint32_t, p), v, __ATOMIC_RELEASE);
}

/* Single fields with no ordering of their own. */
static inline uint8_t shared_load8(const uint8_t SHARED *p)
{
	return __atomic_load_n(SHARED_RAW(uint8_t, p), __ATOMIC_RELAXED);
}

static inline uint16_t shared_load16(const uint16_t SHARED *p)
{
	return __atomic_load_n(SHARED_RAW(uint16_t, p), __ATOMIC_RELAXED);
}

static inline uint32_t shared_load32(const uint32_t SHARED *p)
{
	return __atomic_load_n(SHARED_RAW(uint32_t, p), __ATOMIC_RELAXED);
}

static inline uint64_t shared_load64(const uint64_t SHARED *p)
{
	return __atomic_load_n(SHARED_RAW(uint64_t, p), __ATOMIC_RELAXED);
}

static inline void shared_store16(uint16_t SHARED *p, uint16_t v)
{
	__atomic_store_n(SHARED_RAW(uint16_t, p), v, __ATOMIC_RELAXED);
}

static inline void shared_store32(uint32_t SHARED *p, uint32_t v)
{
	__atomic_store_n(SHARED_RAW(uint32_t, p), v, __ATOMIC_RELAXED);
}

static inline void shared_store64(uint64_t SHARED *p, uint64_t v)
{
	__atomic_store_n(SHARED_RAW(uint64_t, p), v, __ATOMIC_RELAXED);
}

/* The notification race: our index is stored, then the peer's wish to be
 * notified is loaded. x86 may let the load pass the store; this keeps order.
 * Pairs with the same fence on the peer's side.
 *
 * QEMU's TCG with one virtual CPU drops every barrier that the guest executes
 * (locked instructions and, in 7.2, mfence: seen in its output code), though its
 * devices run beside it; an event was lost that way, rarely. Reading the cycle
 * counter makes TCG take a lock of its own, which is a barrier on the host. */
static inline void shared_fence_store_load(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	__builtin_ia32_mfence();
	(void)__builtin_ia32_rdtsc();
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* One copy out of shared memory, each byte read once. The source may change
 * under the copy; the copy does not change afterwards. */
void shared_copy_in(void *dst, const void SHARED *src, size_t len);

/* One copy into shared memory. */
void shared_copy_out(void SHARED *dst, const void *src, size_t len);
