/* SPDX-License-Identifier: BSD-2-Clause */
/* Recalling the last request head. Parsing looks at nothing but the bytes, so equal bytes are equal requests. */
#include "memo.h"

#include <string.h>

static void move_slice(struct slice *s, const char *from, const char *to)
{
	if (s->p)
		s->p = to + (s->p - from);
}

/* A copy whose slices point into `to` where the original's point into `from`. */
static void copy_request(struct request *copy, const struct request *r, const char *from, const char *to)
{
	*copy = *r;
	move_slice(&copy->method_text, from, to);
	move_slice(&copy->target, from, to);
	move_slice(&copy->query, from, to);
	if (copy->path.p != request_root_path)
		move_slice(&copy->path, from, to);
	if (copy->plain)
		return;
	move_slice(&copy->if_none_match, from, to);
	move_slice(&copy->if_modified_since, from, to);
	move_slice(&copy->if_range, from, to);
	move_slice(&copy->range, from, to);
	move_slice(&copy->accept_encoding, from, to);
}

size_t memo_parse(struct memo *m, const char *buf, size_t len, size_t seen_len, struct request *r)
{
	if (m->len && len >= m->len && !memcmp(buf, m->text, m->len)) {
		copy_request(r, &m->request, m->text, buf);
		return m->len;
	}
	size_t n = request_parse(buf, len, seen_len, r);

	if (n && n <= MEMO_MAX && !r->error) {
		memcpy(m->text, buf, n);
		copy_request(&m->request, r, buf, m->text);
		m->len = n;
	}
	return n;
}
