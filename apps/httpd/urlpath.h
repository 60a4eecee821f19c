/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the path of a request to a path below the document root, and back. This is
 * the only place that decides what a client may name; everything after it may
 * append the result to the root as it is.
 */
#pragma once
#include <stddef.h>

#include "text.h"

#define URLPATH_MAX 1024	/* longer names do not exist on the volumes that Glint mounts */

/*
 * Decodes percent escapes, removes "." and "..", collapses slashes. The result begins
 * with '/', holds no NUL, no backslash and no ".." segment, and is NUL-terminated;
 * a trailing slash is kept.
 * 0; -EINVAL: not absolute, bad escape, an encoded slash, NUL or backslash, climbs above the root;
 * -ENAMETOOLONG: does not fit in cap.
 */
int urlpath_decode(const char *raw, size_t raw_len, char *out, size_t cap, size_t *out_len);

/* The opposite, for Location: whatever could be mistaken in a URL is escaped. */
void urlpath_encode(struct text *t, const char *path, size_t len);
