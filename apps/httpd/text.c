/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bounded text building and the few string helpers that HTTP needs.
 * Pure functions; host tests in tests/unit/test_httpd_text.c.
 */
#include "text.h"

#include <string.h>

static const char hex_digits[] = "0123456789abcdef";

void text_init(struct text *t, char *buf, size_t cap)
{
	t->buf = buf;
	t->len = 0;
	t->cap = cap;
	t->overflow = false;
}

void text_put(struct text *t, const char *p, size_t len)
{
	if (len > t->cap - t->len) {
		t->overflow = true;
		return;
	}
	if (len)	/* p may be NULL for nothing */
		memcpy(t->buf + t->len, p, len);
	t->len += len;
}

void text_str(struct text *t, const char *s)
{
	text_put(t, s, strlen(s));
}

void text_char(struct text *t, char c)
{
	text_put(t, &c, 1);
}

void text_u64(struct text *t, uint64_t v)
{
	char digits[20];
	size_t n = sizeof(digits);

	do {
		digits[--n] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	text_put(t, digits + n, sizeof(digits) - n);
}

void text_hex(struct text *t, uint64_t v)
{
	char digits[16];
	size_t n = sizeof(digits);

	do {
		digits[--n] = hex_digits[v & 15];
		v >>= 4;
	} while (v);
	text_put(t, digits + n, sizeof(digits) - n);
}

void text_escaped(struct text *t, const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
			text_char(t, (char)c);
		} else {
			char esc[4] = { '\\', 'x', hex_digits[c >> 4], hex_digits[c & 15] };

			text_put(t, esc, sizeof(esc));
		}
	}
}

static unsigned char lower(char c)
{
	unsigned char u = (unsigned char)c;

	return u >= 'A' && u <= 'Z' ? (unsigned char)(u | 0x20) : u;
}

bool text_equal_nocase(const char *a, size_t a_len, const char *b, size_t b_len)
{
	if (a_len != b_len)
		return false;
	for (size_t i = 0; i < a_len; i++)
		if (lower(a[i]) != lower(b[i]))
			return false;
	return true;
}

struct slice text_trim(struct slice s)
{
	while (s.len && (*s.p == ' ' || *s.p == '\t')) {
		s.p++;
		s.len--;
	}
	while (s.len && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
		s.len--;
	return s;
}

bool text_next_element(struct slice *rest, struct slice *element)
{
	size_t i = 0;
	bool quoted = false;

	if (!rest->len)
		return false;
	for (; i < rest->len; i++) {
		if (rest->p[i] == '"')
			quoted = !quoted;
		else if (rest->p[i] == ',' && !quoted)
			break;
	}
	*element = text_trim((struct slice){ rest->p, i });
	if (i < rest->len)
		i++;
	rest->p += i;
	rest->len -= i;
	return true;
}
