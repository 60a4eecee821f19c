/* SPDX-License-Identifier: BSD-2-Clause
 *
 * lwIP's own options for its unit tests, plus the links that net/pcbhash.c
 * keeps in each PCB. RUN puts this in front of them.
 */
#pragma once

#include "third_party/lwip/test/unit/lwipopts.h"

#define LWIP_TCP_PCB_NUM_EXT_ARGS 4
