/* SPDX-License-Identifier: BSD-2-Clause
 *
 * pvclock; see pvclock.h. The version protocol: even and unchanged around the
 * copy means that the copy is whole.
 */
#include "pv/x86/pvclock.h"

#define TRIES	1000	/* an update takes the hypervisor well below 1 us */

__extension__ typedef unsigned __int128 wide_t;

uint64_t pvclock_scale(uint64_t ticks, uint32_t mul, int shift)
{
	wide_t v = ticks;

	if (shift < -63 || shift > 31)
		return shift < 0 ? 0 : UINT64_MAX;
	if (shift <= 0)			/* counters above 1 GHz: cannot overflow */
		return (uint64_t)((wide_t)(ticks >> -shift) * mul >> 32);
	v <<= shift;			/* at most 95 bits */
	v = v * mul >> 32;
	return v > UINT64_MAX ? UINT64_MAX : (uint64_t)v;
}

bool pvclock_read(const struct pvclock_time SHARED *rec, uint64_t (*tsc)(void),
		  uint64_t *ns)
{
	struct pvclock_time t;
	uint64_t now, ticks, add;
	uint32_t version;

	for (unsigned i = 0; i < TRIES; i++) {
		version = shared_load_acquire32(&rec->version);
		if (version & 1)
			continue;
		t.tsc_timestamp = shared_load64(&rec->tsc_timestamp);
		t.system_time = shared_load64(&rec->system_time);
		t.mul = shared_load32(&rec->mul);
		t.shift = (int8_t)shared_load8((const uint8_t SHARED *)&rec->shift);
		now = tsc();
		/* Orders the copy before the second look; pairs with the
		 * hypervisor's write barrier after its version update. */
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (shared_load_acquire32(&rec->version) != version)
			continue;
		if (!t.mul)
			return false;
		/* The counter may read a little behind the record's stamp. */
		ticks = now > t.tsc_timestamp ? now - t.tsc_timestamp : 0;
		add = pvclock_scale(ticks, t.mul, t.shift);
		*ns = add > UINT64_MAX - t.system_time ? UINT64_MAX
						       : t.system_time + add;
		return true;
	}
	return false;
}

uint64_t pvclock_wall_base(const struct pvclock_wall SHARED *w)
{
	struct pvclock_wall copy;
	uint32_t version;

	for (unsigned i = 0; i < TRIES; i++) {
		version = shared_load_acquire32(&w->version);
		if (version & 1)
			continue;
		shared_copy_in(&copy, w, sizeof(copy));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (shared_load_acquire32(&w->version) == version)
			return copy.sec * 1000000000ull + copy.nsec;
	}
	return 0;
}
