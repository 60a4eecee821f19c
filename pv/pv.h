/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The paravirt contract: all that the kernel asks of a hypervisor. One
 * struct pv_platform for each platform, placed in a table by PV_PLATFORM and
 * probed in order at boot; the winner is `pv`. Every entry is callable only
 * from the one flow of control; none allocates after init, except protect().
 *
 * Interrupts, where a platform has them, are off everywhere but inside
 * wait(); handlers record a pending line and return.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/lib/compiler.h"

struct boot_info;

typedef uint64_t nsec_t;		/* nanoseconds */
#define NSEC_PER_SEC	1000000000ull
#define NSEC_PER_MSEC	1000000ull
#define NSEC_PER_USEC	1000ull
#define NSEC_NEVER	UINT64_MAX	/* as a deadline: none */

enum pv_prot {
	PV_PROT_NONE,
	PV_PROT_R,
	PV_PROT_RW,
	PV_PROT_RX,
};

/* To exit(), instead of a status. */
#define PV_EXIT_REBOOT	(-1)
#define PV_EXIT_PANIC	(-2)		/* the report is out */

#define EVENT_LINES 256			/* lines are 0 .. EVENT_LINES - 1 */

struct pv_platform {
	const char *name;

	/* Read-only: how were we entered, CPUID signature. Lower rank wins is
	 * not needed: the table's order decides. */
	bool (*probe)(const struct boot_info *bi);

	/* Once, before anything else but probe and puts. 0 or -errno. The page
	 * allocator is up. Sets up traps, page permissions of the image, clock. */
	int (*init)(const struct boot_info *bi);

	/* Text to the platform's own transmit path, if it has one. Callable from
	 * panic and before init: no lock, no allocation. */
	void (*puts)(const char *text, size_t len);

	/* Ends the machine with the status (0..255); prints `exit status N`
	 * first where no channel carries it. PV_EXIT_REBOOT: starts it anew.
	 * PV_EXIT_PANIC: tells the host of a crash where there is a way to,
	 * else ends with PANIC_EXIT_STATUS (kernel/panic.h).
	 * Callable before init() too, once probe() has answered. */
	void (*exit)(int status) NORETURN;

	/* Nanoseconds since some moment at or before boot; monotonic. */
	nsec_t (*now)(void);

	/* Nanoseconds since 1970 UTC, 0: not known. Read again after a resume. */
	nsec_t (*wall)(void);

	/* Sets pending bits (event_set_pending) and returns; sleeps only while
	 * none is set and the deadline (of now()) lies ahead. A past deadline
	 * never leaves the guest. No lost wake-up. May return early. */
	void (*wait)(nsec_t deadline);

	/* Unmasks or masks one event line. */
	void (*line)(unsigned line, bool on);

	/* Announces every device that the platform shows by device_announce(),
	 * registers mapped uncached. Also arms power-button events, which
	 * arrive by power_request(). 0 or -errno. */
	int (*scan)(void);

	/* Page permissions of [addr, addr + len), page aligned. Only ever
	 * tightened, except that stacks may go back to RW; never to executable.
	 * 0, -ENOMEM (page tables), -EINVAL. */
	int (*protect)(uintptr_t addr, size_t len, enum pv_prot prot);

	/* The thread pointer (%fs base). */
	void (*set_tls)(uintptr_t base);
};

/* A platform's one line: a pointer in the table that link.ld sorts by name:
 * `.pv_platforms.20` before `.pv_platforms.50`. */
#define PV_PLATFORM(rank) SECTION(".pv_platforms." rank) USED

/* The platform that answered; set by kmain before init(). */
extern const struct pv_platform *pv;
