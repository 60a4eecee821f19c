/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Reading tar headers: POSIX ustar with pax (path, size, mtime) and GNU long
 * names. Input is untrusted: everything is checked, nothing points outside.
 */
#pragma once

#include <stdint.h>

#include "kernel/lib/compiler.h"

#define TAR_BLOCK 512u
#define TAR_NAME_MAX 1023u

enum tar_type { TAR_FILE, TAR_DIR, TAR_HARDLINK, TAR_OTHER, TAR_END };

struct tar_entry {
	enum tar_type type;
	char name[TAR_NAME_MAX + 1];	/* normal: "a/b"; "" is the root */
	char target[TAR_NAME_MAX + 1];	/* TAR_HARDLINK: the same */
	uint64_t data, size;		/* bytes from the archive's start */
	uint64_t mtime;			/* seconds */
	uint32_t mode;			/* 07777 */
	uint64_t next;			/* where the next entry begins */
};

/* Copies len bytes at off: 0 or -errno (a range outside is -EINVAL). */
struct tar_source {
	int (*read)(void *arg, uint64_t off, void *buf, uint32_t len);
	void *arg;
	uint64_t len;
};

/* The entry at `off` with its extension headers. 0; -EILSEQ with *why and
 * out->next at the header that is wrong; or what read() says. */
int tar_next(const struct tar_source *src, uint64_t off, struct tar_entry *out,
	     const char **why) MUST_CHECK;

/* Is this a header: magic and checksum? */
int tar_is_header(const uint8_t *block);
