/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The canary of -fstack-protector.
 */
#pragma once

#include "kernel/boot_info.h"

/* Sets it. The caller must never return: its own canary would not match. */
void stack_guard_init(const struct boot_info *bi);
void __stack_chk_fail(void) __attribute__((noreturn));
