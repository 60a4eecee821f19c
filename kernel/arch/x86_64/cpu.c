/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What CPUID says (Intel SDM volume 2, CPUID): hardware random numbers and
 * fast string operations. All of it works in ring 3.
 */
#include "kernel/arch/arch.h"

#include <cpuid.h>

#include "kernel/arch/x86_64/mem.h"
#include "kernel/lib/string.h"

#define PROBE_LEN 1024		/* bytes on the boot stack, twice */
#define PROBE_RATIO 3		/* native: about 1; emulated bytewise: 10 and more */
#define RETRIES 10		/* Intel's advice for RDRAND; RDSEED may need it too */

static bool has_rdseed, has_rdrand;

/* An emulator may show ERMS and yet copy byte by byte: time it. */
static bool rep_movsb_is_fast(void)
{
	char from[PROBE_LEN], to[PROBE_LEN];
	void *d = to;
	const void *s = from;
	size_t n = PROBE_LEN;
	uint64_t t0, t1, t2;

	memset(from, 0, sizeof(from));
	memcpy(to, from, sizeof(to));
	t0 = arch_cycles();
	memcpy(to, from, sizeof(to));
	t1 = arch_cycles();
	__asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
	t2 = arch_cycles();
	return t2 - t1 < (t1 - t0 + 100) * PROBE_RATIO;
}

void arch_cpu_init(void)
{
	unsigned a, b, c, d;

	if (__get_cpuid(1, &a, &b, &c, &d))
		has_rdrand = c & (1u << 30);
	if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
		has_rdseed = b & (1u << 18);
		mem_use_rep_movsb(b & (1u << 9) && rep_movsb_is_fast());
	}
}

static bool rdseed(uint64_t *out)
{
	unsigned char good;

	__asm__ volatile("rdseed %0; setc %1" : "=r"(*out), "=qm"(good) : : "cc");
	return good;
}

static bool rdrand(uint64_t *out)
{
	unsigned char good;

	__asm__ volatile("rdrand %0; setc %1" : "=r"(*out), "=qm"(good) : : "cc");
	return good;
}

bool arch_hw_random(uint64_t *out)
{
	for (int i = 0; has_rdseed && i < RETRIES; i++) {
		if (rdseed(out))
			return true;
	}
	for (int i = 0; has_rdrand && i < RETRIES; i++) {
		if (rdrand(out))
			return true;
	}
	return false;
}
