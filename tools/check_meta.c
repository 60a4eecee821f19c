/* SPDX-License-Identifier: BSD-2-Clause
 *
 * One metadata block: a revision, then commits. A commit is a list of tags
 * (big-endian, each XORed with the one before), each with its data, ended by a
 * tag that holds the checksum of all since the last one. What counts is what
 * the tags say one after another, up to the last commit whose checksum is
 * right.
 */
#include <string.h>

#include "fs/lfs_config.h"
#include "tools/check_impl.h"

#define T_SPLICE   0x400u
#define T_CRC	   0x500u
#define T_FCRC	   0x5ffu
#define T_TAIL	   0x600u
#define T_GSTATE   0x7ffu
#define UNIT	   16u			/* commits end at multiples of it */
#define SECTOR	   512u			/* those of older volumes */
#define SEARCH_MAX (1u << 20)		/* bytes: a made-up block may not keep
					 * us for long */

struct tag {
	uint32_t off, raw, len;		/* len: of its data */
	unsigned type, id;
	bool gone;			/* a length that means: removed */
};

/* Runs along the tags of one block. */
struct cursor {
	const uint8_t *b;
	uint32_t off, ptag, crc;
	uint32_t read;			/* bytes, all in all */
};

uint32_t meta_u32(const struct meta *m, uint32_t off)
{
	uint32_t v;

	memcpy(&v, m->b + off, 4);
	return v;
}

/* The next tag, its data included in the checksum. False: none that fits. */
static bool next_tag(struct cursor *c, struct tag *t)
{
	uint32_t raw;

	if (c->off + 4 > CV_BLOCK)
		return false;
	memcpy(&raw, c->b + c->off, 4);
	t->raw = __builtin_bswap32(raw) ^ c->ptag;
	t->off = c->off + 4;
	t->type = t->raw >> 20 & 0x7ff;
	t->id = t->raw >> 10 & 0x3ff;
	t->len = t->raw & 0x3ff;
	t->gone = t->len == 0x3ff;
	if (t->gone)
		t->len = 0;
	if (t->raw >> 31 || t->off + t->len > CV_BLOCK)
		return false;
	c->crc = lfs2_crc(c->crc, c->b + c->off, 4);
	c->ptag = t->raw;
	c->off = t->off + t->len;
	c->read += 4 + t->len;
	if ((t->type & 0x780) != T_CRC)
		c->crc = lfs2_crc(c->crc, c->b + t->off, t->len);
	return true;
}

/* One whole commit. True: its checksum is right, and the cursor behind it;
 * *fcrc: where its description of what was erased behind it lies, or 0. */
static bool next_commit(struct cursor *c, uint32_t *fcrc)
{
	struct tag t;
	uint32_t want;

	*fcrc = 0;
	while (next_tag(c, &t)) {
		if (t.type == T_FCRC && t.len == 8) {
			*fcrc = t.off;
		} else if ((t.type & 0x780) == T_CRC && t.type != T_FCRC) {
			if (t.len < 4)
				return false;
			memcpy(&want, c->b + t.off, 4);
			if (want != c->crc)
				return false;
			c->ptag ^= (t.type & 1) << 31;
			c->crc = UINT32_MAX;
			return true;
		}
	}
	return false;
}

static bool known_type(unsigned type)
{
	switch (type) {
	case 0x001: case 0x002: case 0x0ff:
	case 0x200: case 0x201: case 0x202:
	case 0x401: case 0x4ff: case T_FCRC:
	case 0x600: case 0x601: case T_GSTATE:
		return true;
	}
	return (type & 0x700) == 0x300;
}

/* Do the tags look like those of a commit? Costs far less than its checksum. */
static bool looks_like_commit(const uint8_t *b, uint32_t off, uint32_t ptag)
{
	while (off + 8 <= CV_BLOCK) {
		uint32_t raw, len;

		memcpy(&raw, b + off, 4);
		raw = __builtin_bswap32(raw) ^ ptag;
		if (raw >> 31)
			return false;
		if ((raw >> 20 & 0x7fe) == T_CRC)
			return true;
		if (!known_type(raw >> 20 & 0x7ff))
			return false;
		len = (raw & 0x3ff) == 0x3ff ? 0 : raw & 0x3ff;
		off += 4 + len;
		ptag = raw;
	}
	return false;
}

/* `len`: of the tag before it, which is not known; nor is its last bit. */
static bool commit_at(const uint8_t *b, uint32_t at, uint32_t len,
		      uint32_t *read)
{
	for (uint32_t phase = 0; phase < 2; phase++) {
		uint32_t ptag = (T_CRC | phase) << 20 | 0x3ffu << 10 | len, fcrc;
		struct cursor c = { b, at, ptag ^ phase << 31, UINT32_MAX,
				    *read };
		bool good = looks_like_commit(b, at, c.ptag) &&
			    next_commit(&c, &fcrc);

		*read = c.read;
		if (good)
			return true;
	}
	return false;
}

/* Is there a good commit at one of the places behind `from` where one may
 * begin? */
static bool commit_behind(const uint8_t *b, uint32_t from)
{
	uint32_t at = (from + UNIT) / UNIT * UNIT, read = 0;

	for (; at < CV_BLOCK; at += UNIT) {
		uint32_t most = at % SECTOR ? 2 * UNIT : 0x3fe;

		for (uint32_t len = 4; len <= most && read < SEARCH_MAX; len++)
			if (commit_at(b, at, len, &read))
				return true;
	}
	return false;
}

/* Nothing was written from there on: an erased block is the same all over. */
static bool is_erased(const uint8_t *b, uint32_t from)
{
	return from >= CV_BLOCK ||
	       memcmp(b + from, b + from + 1, CV_BLOCK - from - 1) == 0;
}

/* What lies behind the last commit: as that left it (and says), or not. */
static bool is_torn(const uint8_t *b, uint32_t end, uint32_t fcrc)
{
	uint32_t len, want;

	if (end >= CV_BLOCK || !fcrc)
		return false;
	memcpy(&len, b + fcrc, 4);
	memcpy(&want, b + fcrc + 4, 4);
	return len > CV_BLOCK - end || !is_erased(b, end) ||
	       lfs2_crc(UINT32_MAX, b + end, len) != want;
}

static void set_span(struct meta_span *s, const struct tag *t)
{
	s->there = !t->gone;
	s->off = (uint16_t)t->off;
	s->len = (uint16_t)t->len;
}

static void splice(struct meta *m, const struct tag *t)
{
	unsigned tail;

	if (t->type == 0x401 && t->id <= m->n && m->n < CV_IDS) {
		tail = m->n - t->id;
		memmove(&m->e[t->id + 1], &m->e[t->id], tail * sizeof(m->e[0]));
		memset(&m->e[t->id], 0, sizeof(m->e[0]));
		m->n++;
	} else if (t->type == 0x4ff && t->id < m->n) {
		tail = m->n - t->id - 1;
		memmove(&m->e[t->id], &m->e[t->id + 1], tail * sizeof(m->e[0]));
		m->n--;
	}
}

static void attribute(struct meta_entry *e, const struct tag *t)
{
	switch (t->type & 0xff) {
	case 0x74:
		set_span(&e->mtime, t);
		break;
	case 0x6d:
		set_span(&e->mode, t);
		break;
	case 0x47:
		set_span(&e->version, t);
		break;
	default:
		e->other = !t->gone;
	}
}

static void apply(struct meta *m, const struct tag *t)
{
	struct meta_entry *e;

	if ((t->type & 0x700) == T_SPLICE) {
		splice(m, t);
	} else if ((t->type & 0x700) == T_TAIL && t->len == 8) {
		m->tail[0] = meta_u32(m, t->off);
		m->tail[1] = meta_u32(m, t->off + 4);
		m->split = t->type & 1;
	} else if (t->type == T_GSTATE) {
		for (unsigned i = 0; i < 3; i++)
			m->gstate[i] = t->len >= 4 * i + 4 ?
				       meta_u32(m, t->off + 4 * i) : 0;
	}
	if (t->type >= T_SPLICE || t->id >= CV_IDS - 1)
		return;
	/* Only a name makes an entry; what comes for none is dropped. */
	if (t->type < 0x100)
		while (m->n <= t->id)
			memset(&m->e[m->n++], 0, sizeof(m->e[0]));
	if (t->id >= m->n)
		return;
	e = &m->e[t->id];
	if (t->type < 0x100) {
		e->kind = (uint8_t)t->type;
		set_span(&e->name, t);
	} else if ((t->type & 0x700) == 0x200) {
		e->what = (uint16_t)t->type;
		set_span(&e->body, t);
	} else if ((t->type & 0x700) == 0x300) {
		attribute(e, t);
	}
}

void meta_parse(struct meta *m)
{
	struct cursor c = { m->b, 4, UINT32_MAX, 0, 0 };
	uint32_t fcrc = 0, last = 0;
	struct tag t;

	m->n = 0;
	m->good = m->split = false;
	m->end = 0;
	m->tail[0] = m->tail[1] = CV_NO;
	memset(m->gstate, 0, sizeof(m->gstate));
	m->rev = meta_u32(m, 0);
	c.crc = lfs2_crc(UINT32_MAX, m->b, 4);
	while (next_commit(&c, &fcrc)) {
		m->good = true;
		m->end = c.off;
		last = fcrc;
	}
	m->torn = m->good && is_torn(m->b, m->end, last);
	/* The rest of a full block belongs to no commit. */
	m->lost = !is_erased(m->b, m->end) && commit_behind(m->b, m->end);
	c = (struct cursor){ m->b, 4, UINT32_MAX, 0, 0 };
	while (c.off < m->end && next_tag(&c, &t)) {
		if ((t.type & 0x780) == T_CRC && t.type != T_FCRC)
			c.ptag ^= (t.type & 1) << 31;
		else
			apply(m, &t);
	}
}
