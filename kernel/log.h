/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Messages with an area and a level, chosen at run time: `log=net:debug` or
 * `log=debug`. The default level is info. Lines go to the log buffer and to
 * every console.
 */
#pragma once

#include "kernel/lib/compiler.h"

enum log_level { LOG_ERR, LOG_WARN, LOG_INFO, LOG_DEBUG };

enum log_area {
	LOG_KERNEL, LOG_MEM, LOG_PV, LOG_DEV, LOG_NET, LOG_BLK, LOG_FS, LOG_LIBC,
	LOG_APP,
	LOG_AREAS
};

extern unsigned char log_threshold[LOG_AREAS];

void log_write(enum log_area area, enum log_level level, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

#define log_err(area, ...)	log_write((area), LOG_ERR, __VA_ARGS__)
#define log_warn(area, ...)	log_write((area), LOG_WARN, __VA_ARGS__)
#define log_info(area, ...)	log_write((area), LOG_INFO, __VA_ARGS__)
#define log_debug(area, ...) \
	(log_threshold[area] >= LOG_DEBUG ? \
	 log_write((area), LOG_DEBUG, __VA_ARGS__) : (void)0)
