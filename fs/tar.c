/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tar headers (POSIX.1-2017 pax, "ustar Interchange Format").
 */
#include "fs/tar.h"

#include <errno.h>
#include <stdbool.h>

#include "kernel/lib/string.h"

/* Byte offsets in a header. */
enum { NAME = 0, MODE = 100, SIZE = 124, MTIME = 136, CHKSUM = 148,
       TYPEFLAG = 156, LINKNAME = 157, MAGIC = 257, PREFIX = 345 };

#define EXT_MAX 4096u			/* greatest pax or long name record */

struct ext {				/* what extension headers said */
	char name[TAR_NAME_MAX + 1], link[TAR_NAME_MAX + 1];
	bool has_name, has_link, has_size, has_mtime;
	uint64_t size, mtime;
};

/* Octal digits, or base 256 when the first bit is set. -EILSEQ: neither. */
static int number(const uint8_t *p, unsigned n, uint64_t *out)
{
	uint64_t v = 0;
	unsigned i = 0;

	if (p[0] & 0x80) {
		v = p[0] & 0x3f;
		for (i = 1; i < n; i++) {
			if (v >> 55)
				return -EILSEQ;
			v = v << 8 | p[i];
		}
		*out = v;
		return p[0] & 0x40 ? -EILSEQ : 0;
	}
	while (i < n && p[i] == ' ')
		i++;
	for (; i < n && p[i] >= '0' && p[i] <= '7'; i++)
		v = v << 3 | (uint64_t)(p[i] - '0');
	*out = v;
	return i == n || p[i] == '\0' || p[i] == ' ' ? 0 : -EILSEQ;
}

int tar_is_header(const uint8_t *b)
{
	uint64_t want;
	uint32_t sum = 0;

	if (memcmp(b + MAGIC, "ustar", 5) != 0)
		return 0;
	for (unsigned i = 0; i < TAR_BLOCK; i++)
		sum += i >= CHKSUM && i < CHKSUM + 8 ? ' ' : b[i];
	return number(b + CHKSUM, 8, &want) == 0 && want == sum;
}

/* "./a//b/" -> "a/b". ".." and what does not fit: -EILSEQ. */
static int normal_name(const char *in, size_t len, char *out)
{
	size_t n = 0;

	while (len > 0 && in[0]) {
		const char *slash = memchr(in, '/', len);
		size_t part = slash ? (size_t)(slash - in) : strnlen(in, len);
		size_t skip = slash ? part + 1 : len;

		if (part == 2 && in[0] == '.' && in[1] == '.')
			return -EILSEQ;
		if (part > 255 || n + part + 2 > TAR_NAME_MAX ||
		    memchr(in, 0, part))
			return -EILSEQ;
		if (part && !(part == 1 && in[0] == '.')) {
			if (n)
				out[n++] = '/';
			memcpy(out + n, in, part);
			n += part;
		}
		in += skip;
		len -= skip;
	}
	out[n] = '\0';
	return 0;
}

/* name and prefix of an ustar header, as one name. */
static int header_name(const uint8_t *b, char *out)
{
	char whole[155 + 1 + 100];
	size_t p = strnlen((const char *)b + PREFIX, 155);
	size_t n = strnlen((const char *)b + NAME, 100);

	/* GNU's old format has other things where the prefix is. */
	if (memcmp(b + MAGIC, "ustar\0", 6) != 0)
		p = 0;
	memcpy(whole, b + PREFIX, p);
	if (p)
		whole[p++] = '/';
	memcpy(whole + p, b + NAME, n);
	return normal_name(whole, p + n, out);
}

static bool decimal(const char *s, size_t len, uint64_t *out)
{
	uint64_t v = 0;
	size_t i = 0;

	for (; i < len && s[i] >= '0' && s[i] <= '9'; i++) {
		if (v > UINT64_MAX / 10 - 1)
			return false;
		v = v * 10 + (uint64_t)(s[i] - '0');
	}
	*out = v;
	return i > 0 && (i == len || s[i] == '.');
}

static bool key_is(const char *p, size_t n, const char *key)
{
	return n == strlen(key) && memcmp(p, key, n) == 0;
}

/* "LEN KEY=VALUE\n" ... */
static int pax_records(const char *p, size_t len, struct ext *x)
{
	while (len > 0 && *p) {
		const char *space = memchr(p, ' ', len), *key, *eq, *value;
		uint64_t n;
		size_t vlen;

		if (!space || !decimal(p, (size_t)(space - p), &n) || n > len ||
		    n < (size_t)(space - p) + 3 || p[n - 1] != '\n')
			return -EILSEQ;
		key = space + 1;
		eq = memchr(key, '=', (size_t)(p + n - key));
		if (!eq)
			return -EILSEQ;
		value = eq + 1;
		vlen = (size_t)(p + n - 1 - value);
		if (key_is(key, (size_t)(eq - key), "path")) {
			x->has_name = true;
			if (normal_name(value, vlen, x->name) < 0)
				return -EILSEQ;
		} else if (key_is(key, (size_t)(eq - key), "linkpath")) {
			x->has_link = normal_name(value, vlen, x->link) == 0;
		} else if (key_is(key, (size_t)(eq - key), "size")) {
			x->has_size = decimal(value, vlen, &x->size);
		} else if (key_is(key, (size_t)(eq - key), "mtime")) {
			x->has_mtime = decimal(value, vlen, &x->mtime);
		}
		p += n;
		len -= n;
	}
	return 0;
}

static int read_ext(const struct tar_source *src, uint64_t off, uint64_t size,
		    uint8_t kind, struct ext *x)
{
	char buf[EXT_MAX];
	int r;

	if (size > sizeof(buf))
		return -EILSEQ;
	r = src->read(src->arg, off, buf, (uint32_t)size);
	if (r < 0)
		return r;
	if (kind == 'x')
		return pax_records(buf, (size_t)size, x);
	if (kind == 'L') {
		x->has_name = true;
		return normal_name(buf, (size_t)size, x->name);
	}
	if (kind == 'K')
		x->has_link = normal_name(buf, (size_t)size, x->link) == 0;
	return 0;
}

static enum tar_type type_of(uint8_t flag, bool slash)
{
	switch (flag) {
	case '0':
	case '\0':
	case '7':
		return slash ? TAR_DIR : TAR_FILE;
	case '1':
		return TAR_HARDLINK;
	case '5':
		return TAR_DIR;
	default:
		return TAR_OTHER;
	}
}

static int finish(const uint8_t *b, const struct ext *x, struct tar_entry *out,
		  uint64_t size)
{
	size_t n = strnlen((const char *)b + NAME, 100);
	uint64_t v;
	int r = 0;

	out->type = type_of(b[TYPEFLAG], n && b[NAME + n - 1] == '/');
	if (x->has_name)
		memcpy(out->name, x->name, sizeof(out->name));
	else
		r = header_name(b, out->name);
	if (x->has_link)
		memcpy(out->target, x->link, sizeof(out->target));
	else if (r == 0 && out->type == TAR_HARDLINK)
		r = normal_name((const char *)b + LINKNAME, 100, out->target);
	if (r == 0)
		r = number(b + MODE, 8, &v);
	if (r == 0)
		out->mode = (uint32_t)v & 07777;
	if (r == 0)
		r = number(b + MTIME, 12, &v);
	if (r == 0)
		out->mtime = x->has_mtime ? x->mtime : v;
	out->size = out->type == TAR_FILE ? size : 0;
	return r;
}

int tar_next(const struct tar_source *src, uint64_t off, struct tar_entry *out,
	     const char **why)
{
	uint8_t b[TAR_BLOCK];
	struct ext x;
	uint64_t size;
	int r;

	memset(&x, 0, sizeof(x));
	for (;;) {
		out->next = off;
		out->type = TAR_END;
		*why = "the archive ends within an entry";
		if (off > src->len || src->len - off < TAR_BLOCK)
			return off == src->len ? 0 : -EILSEQ;
		r = src->read(src->arg, off, b, TAR_BLOCK);
		if (r < 0)
			return r;
		if (b[NAME] == '\0' && b[MAGIC] == '\0')
			return 0;
		*why = "not a header, or its checksum is wrong";
		if (!tar_is_header(b))
			return -EILSEQ;
		*why = "a number is wrong";
		if (number(b + SIZE, 12, &size) < 0)
			return -EILSEQ;
		if (x.has_size && b[TYPEFLAG] != 'x' && b[TYPEFLAG] != 'g')
			size = x.size;
		/* Links and directories have no data whatever they say. */
		if (b[TYPEFLAG] >= '1' && b[TYPEFLAG] <= '6')
			size = 0;
		*why = "an entry is longer than the archive";
		if (size > src->len - off - TAR_BLOCK)
			return -EILSEQ;
		out->data = off + TAR_BLOCK;
		off = out->data + ALIGN_UP(size, (uint64_t)TAR_BLOCK);
		if (off > src->len)
			off = src->len;
		*why = "a name is too long or leads outside";
		if (b[TYPEFLAG] != 'x' && b[TYPEFLAG] != 'L' &&
		    b[TYPEFLAG] != 'K' && b[TYPEFLAG] != 'g')
			break;
		r = b[TYPEFLAG] == 'g' ? 0 :
		    read_ext(src, out->data, size, b[TYPEFLAG], &x);
		if (r < 0)
			return r;
	}
	r = finish(b, &x, out, size);
	out->next = off;
	return r;
}
