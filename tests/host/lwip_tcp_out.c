/* SPDX-License-Identifier: BSD-2-Clause
 *
 * lwIP's tcp_out.c for host tests, with what net/lwip.mk puts in front of it.
 */
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "net/tcp_wake.h"
#include "third_party/lwip/src/core/tcp_out.c"
