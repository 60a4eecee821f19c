/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Uses a mounted file system of unknown health in every way, within bounds.
 */
#pragma once

#include <stdbool.h>

/* Reads all below `path`; with `change`, also writes, renames, removes. */
void fs_walk(const char *path, bool change);
