/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The commands that run nothing.
 */
#pragma once

/* Each returns glint's exit status. */
int inspect(const char *path);
int help(const char *topic);		/* NULL: the overview */
