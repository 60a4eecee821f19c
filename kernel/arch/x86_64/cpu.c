/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What CPUID says (Intel SDM volume 2, CPUID): hardware random numbers and
 * fast string operations. All of it works in ring 3.
 */
#include "kernel/arch/arch.h"

#include <cpuid.h>

#include "kernel/arch/x86_64/mem.h"
#include "kernel/lib/string.h"
#include "kernel/trace.h"

#define PROBE_LEN 1024		/* bytes on the boot stack, twice */
#define PROBE_SLACK 100		/* cycles: start-up of rep, the counter */
#define PROBE_RATIO 2		/* native: about 1; TCG with -cpu max: 4 */
#define RETRIES 10		/* Intel's advice for RDRAND; RDSEED may need it too */

static bool has_rdseed, has_rdrand;

static inline void rep_movsb(void *d, const void *s, size_t n)
{
	__asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
}

/* An emulator may show ERMS and yet copy byte by byte: time it. Best of three,
 * because the first run also translates the code. */
static bool rep_movsb_is_fast(void)
{
	char from[PROBE_LEN], to[PROBE_LEN];
	uint64_t sse = UINT64_MAX, rep = UINT64_MAX;

	memset(from, 0, sizeof(from));
	for (int i = 0; i < 3; i++) {
		uint64_t t0 = arch_cycles(), t1, t2;

		memcpy(to, from, sizeof(to));
		t1 = arch_cycles();
		rep_movsb(to, from, sizeof(to));
		t2 = arch_cycles();
		if (t1 - t0 < sse)
			sse = t1 - t0;
		if (t2 - t1 < rep)
			rep = t2 - t1;
	}
	trace_event("memcpy, rep movsb cycles", sse, rep);
	return rep < (sse + PROBE_SLACK) * PROBE_RATIO;
}

void arch_cpu_init(void)
{
	/* As few as can be: under a hypervisor each takes 10 us and more. */
	unsigned a, b, c, d, max = __get_cpuid_max(0, NULL);

	__cpuid(1, a, b, c, d);
	has_rdrand = c & (1u << 30);
	if (max >= 7) {
		__cpuid_count(7, 0, a, b, c, d);
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
