/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Test of the test: spoils what fs/lfs_bd.c does, by standing between littlefs
 * and its callbacks.
 */
#pragma once

#include "tests/powercut/sim.h"

/* The volume mounted last is spoilt until mutant_end(). */
void mutant_begin(struct cut_disk *d, enum mutant which);
void mutant_end(void);
