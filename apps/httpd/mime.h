/* SPDX-License-Identifier: BSD-2-Clause */
/* The media type of a file, by the end of its name. */
#pragma once
#include <stddef.h>

/* Never NULL: unknown names are application/octet-stream, names without a dot text/plain. */
const char *mime_type(const char *path, size_t len);
