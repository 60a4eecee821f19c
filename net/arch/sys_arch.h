/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Wanted by lwIP; with NO_SYS there is nothing to say.
 */
#pragma once
