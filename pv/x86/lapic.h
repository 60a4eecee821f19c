/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The local APIC (Intel SDM volume 3, chapter 10), by registers in memory or,
 * where the CPU has it, as x2APIC by MSRs. Its timer is
 * one-shot; TSC-deadline mode would save nothing, one write arms either.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/lib/compiler.h"

#define LAPIC_TIMER_VECTOR	0xf0
#define LAPIC_SPURIOUS_VECTOR	0xff

/* Enables it with every local interrupt masked. 0, -ENOMEM, -ENODEV. */
int lapic_init(void) MUST_CHECK;
uint32_t lapic_id(void);
void lapic_eoi(void);

/* A counter for calibration: counts down from UINT32_MAX at the timer's input
 * rate, without an interrupt, until the timer is set. */
void lapic_count_start(void);
uint32_t lapic_count(void);	/* the current count, timer or calibration */

/* One interrupt after `ticks` of the input clock divided by 2^log2_divider
 * (0..7). */
void lapic_timer_in(uint32_t ticks, unsigned log2_divider);
