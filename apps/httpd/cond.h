/* SPDX-License-Identifier: BSD-2-Clause */
/* Decisions by request headers: conditions (RFC 9110, 13) and the content coding (12.5.3). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "text.h"

/* If-None-Match: does the list hold the tag (with its quotes), compared weakly, or is it "*"? */
bool cond_etag_in_list(struct slice list, struct slice etag);

/* If-Modified-Since: was the file left alone since then? An unreadable date says no. */
bool cond_not_modified_since(struct slice date, int64_t mtime);

/* If-Range: does the validator name this version, by strong tag or by the exact date? */
bool cond_if_range(struct slice value, struct slice etag, int64_t mtime);

/* Accept-Encoding: may, and should, gzip be used? */
bool cond_prefers_gzip(struct slice accept_encoding);
