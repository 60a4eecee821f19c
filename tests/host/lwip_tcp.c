/* SPDX-License-Identifier: BSD-2-Clause
 *
 * lwIP's tcp.c for host tests, with what net/lwip.mk puts in front of it.
 */
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "net/pcb_wrap.h"
#include "third_party/lwip/src/core/tcp.c"
