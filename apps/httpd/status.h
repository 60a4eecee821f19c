/* SPDX-License-Identifier: BSD-2-Clause */
/* What /_glint/metrics and /_glint/status show. */
#pragma once
#include <stddef.h>

struct server;

/* Prometheus' text format, malloc'd; NULL for no memory. */
char *status_metrics(struct server *s, size_t *len);

/* A page that needs nothing from elsewhere and reads the metrics each second. */
extern const char status_page[];
