/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What httpd asks of the system below it beyond POSIX. platform_glint.c and platform_linux.c
 * implement it; app.mk picks one.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "text.h"

/* Once, before anything else. When the system asks the program to end, *stop becomes true. */
void platform_init(volatile bool *stop);

/* Memory that the server may plan with, in bytes. */
size_t platform_memory(void);

/* Appends metrics of the system in Prometheus' text format. */
void platform_metrics(struct text *t);
