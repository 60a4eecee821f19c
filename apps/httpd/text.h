/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text is appended to a buffer of fixed size, without printf: the server builds
 * heads, log lines and metrics this way. What does not fit is left out, and
 * `overflow` says so; nothing is ever written past the end. No terminating NUL.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	char *buf;
	size_t len;
	size_t cap;
	bool overflow;
};

/* A piece of somebody else's text. */
struct slice {
	const char *p;
	size_t len;
};

#define TEXT_LIT(t, literal) text_put((t), (literal), sizeof(literal) - 1)

void text_init(struct text *t, char *buf, size_t cap);
void text_put(struct text *t, const char *p, size_t len);
void text_str(struct text *t, const char *s);
void text_char(struct text *t, char c);
void text_u64(struct text *t, uint64_t v);
void text_hex(struct text *t, uint64_t v);

/* Appends with everything but printable ASCII, the quote and the backslash as \xHH: safe to show on a console. */
void text_escaped(struct text *t, const char *p, size_t len);

/* ASCII only, no locale. */
bool text_equal_nocase(const char *a, size_t a_len, const char *b, size_t b_len);

/* The slice without blanks and tabs at both ends. */
struct slice text_trim(struct slice s);

/* Splits the next element off a comma-separated header value; false at the end. Commas in quotes do not split. */
bool text_next_element(struct slice *rest, struct slice *element);
