/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The place where net/ registers itself; see sock.h.
 */
#include "kernel/sock.h"

const struct sock_provider *sock_provider;
