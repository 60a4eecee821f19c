/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the files of pv/hv share. hv.c has the platform's entries, clock.c time
 * and events.
 */
#pragma once

#include <stdint.h>

#include "kernel/lib/shared.h"
#include "pv/hv/abi.h"
#include "pv/pv.h"

/* hv.c: the start block; NULL: there is none that can be believed. */
extern const struct hv_start SHARED *hv_start;

/* A hypercall; -HV_ENOSYS without a start block. */
int64_t hv_call(uint64_t nr, uint64_t a, uint64_t b, uint64_t c);

/* clock.c */
void hv_clock_init(void);		/* by probe: messages have times */
nsec_t hv_now(void);
nsec_t hv_wall(void);
void hv_wait(nsec_t deadline);
void hv_line(unsigned line, bool on);
