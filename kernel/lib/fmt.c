/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See fmt.h. One pass over the format; what does not fit is counted but not
 * stored, so the caller learns the whole length.
 */
#include "kernel/lib/fmt.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>

#include "kernel/lib/string.h"

struct sink {
	char *buf;
	size_t size, len;
};

struct spec {
	bool left, zero, upper;
	int width, precision;		/* precision -1: none given */
	int length;			/* bytes of the integer argument */
};

static void put(struct sink *s, char c)
{
	if (s->len + 1 < s->size)
		s->buf[s->len] = c;
	s->len++;
}

static void pad(struct sink *s, char c, int n)
{
	while (n-- > 0)
		put(s, c);
}

static void put_text(struct sink *s, const struct spec *sp, const char *text,
		     size_t len)
{
	int fill = sp->width > (int)len ? sp->width - (int)len : 0;

	if (!sp->left)
		pad(s, ' ', fill);
	for (size_t i = 0; i < len; i++)
		put(s, text[i]);
	if (sp->left)
		pad(s, ' ', fill);
}

static void put_number(struct sink *s, const struct spec *sp, uint64_t v,
		       unsigned base, const char *prefix)
{
	const char *digits = sp->upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char text[24];
	int n = 0, zeros, fill;
	int n_prefix = (int)strlen(prefix);

	while (v || (n == 0 && sp->precision != 0)) {
		text[n++] = digits[v % base];
		v /= base;
	}
	zeros = sp->precision > n ? sp->precision - n : 0;
	fill = sp->width - n - n_prefix - zeros;
	if (sp->zero && !sp->left && sp->precision < 0 && fill > 0) {
		zeros += fill;
		fill = 0;
	}
	if (!sp->left)
		pad(s, ' ', fill);
	while (*prefix)
		put(s, *prefix++);
	pad(s, '0', zeros);
	while (n)
		put(s, text[--n]);
	if (sp->left)
		pad(s, ' ', fill);
}

static int parse_digits(const char **fmt)
{
	int v = 0;

	while (**fmt >= '0' && **fmt <= '9') {
		if (v < 10000)
			v = v * 10 + (**fmt - '0');
		(*fmt)++;
	}
	return v;
}

static int parse_length(const char **fmt)
{
	switch (**fmt) {
	case 'h':
		(*fmt)++;
		if (**fmt != 'h')
			return sizeof(short);
		(*fmt)++;
		return sizeof(char);
	case 'l':
		(*fmt)++;
		if (**fmt == 'l')
			(*fmt)++;
		return sizeof(long);
	case 'z':
	case 't':
	case 'j':
		(*fmt)++;
		return sizeof(long);
	default:
		return sizeof(int);
	}
}

static int64_t sign_extend(uint64_t v, int bytes)
{
	switch (bytes) {
	case 1:
		return (int8_t)v;
	case 2:
		return (int16_t)v;
	case 4:
		return (int32_t)v;
	default:
		return (int64_t)v;
	}
}

static uint64_t truncate_to(uint64_t v, int bytes)
{
	return bytes == 8 ? v : v & (((uint64_t)1 << (bytes * 8)) - 1);
}

struct args {
	va_list ap;
};

static uint64_t next_integer(struct args *a, int length)
{
	return length == 8 ? va_arg(a->ap, uint64_t) : va_arg(a->ap, unsigned);
}

static void convert(struct sink *s, struct spec *sp, char conv, struct args *a)
{
	uint64_t v;
	const char *text;
	char c;

	switch (conv) {
	case 'd':
	case 'i': {
		int64_t n = sign_extend(next_integer(a, sp->length), sp->length);

		put_number(s, sp, n < 0 ? -(uint64_t)n : (uint64_t)n, 10,
			   n < 0 ? "-" : "");
		break;
	}
	case 'u':
	case 'x':
	case 'X':
		sp->upper = conv == 'X';
		v = truncate_to(next_integer(a, sp->length), sp->length);
		put_number(s, sp, v, conv == 'u' ? 10 : 16, "");
		break;
	case 'p':
		v = (uint64_t)(uintptr_t)va_arg(a->ap, void *);
		put_number(s, sp, v, 16, "0x");
		break;
	case 'c':
		c = (char)va_arg(a->ap, int);
		put_text(s, sp, &c, 1);
		break;
	case 's':
		text = va_arg(a->ap, const char *);
		if (!text)
			text = "(null)";
		put_text(s, sp, text, sp->precision < 0 ? strlen(text) :
			 strnlen(text, (size_t)sp->precision));
		break;
	default:
		put(s, '%');
		if (conv && conv != '%')
			put(s, conv);
		break;
	}
}

static void parse_flags(const char **fmt, struct spec *sp, struct args *a)
{
	for (; **fmt == '-' || **fmt == '0'; (*fmt)++) {
		sp->left |= **fmt == '-';
		sp->zero |= **fmt == '0';
	}
	if (**fmt == '*') {
		(*fmt)++;
		sp->width = va_arg(a->ap, int);
		if (sp->width < 0) {
			sp->left = true;
			sp->width = sp->width == INT_MIN ? 0 : -sp->width;
		}
	} else {
		sp->width = parse_digits(fmt);
	}
	if (**fmt != '.')
		return;
	(*fmt)++;
	if (**fmt == '*') {
		(*fmt)++;
		sp->precision = va_arg(a->ap, int);
	} else {
		sp->precision = parse_digits(fmt);
	}
}

int fmt_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct sink s = { buf, size, 0 };
	struct args a;

	va_copy(a.ap, ap);
	while (*fmt) {
		struct spec sp = { .precision = -1 };

		if (*fmt != '%') {
			put(&s, *fmt++);
			continue;
		}
		fmt++;
		parse_flags(&fmt, &sp, &a);
		sp.length = parse_length(&fmt);
		convert(&s, &sp, *fmt, &a);
		if (*fmt)
			fmt++;
	}
	va_end(a.ap);
	if (size)
		buf[s.len < size ? s.len : size - 1] = '\0';
	return (int)s.len;
}

int fmt_snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = fmt_vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 99;
}

/* Digits from *s on; *s is left behind them. */
static int parse_number(const char **s, unsigned base, uint64_t *out)
{
	uint64_t v = 0;
	const char *p = *s;

	for (; (unsigned)digit_value(*p) < base; p++) {
		if (__builtin_mul_overflow(v, (uint64_t)base, &v) ||
		    __builtin_add_overflow(v, (uint64_t)digit_value(*p), &v))
			return -ERANGE;
	}
	if (p == *s)
		return -EINVAL;
	*s = p;
	*out = v;
	return 0;
}

int fmt_parse_u64(const char *s, unsigned base, uint64_t *out)
{
	bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
	int err;

	if (base == 0)
		base = hex ? 16 : 10;
	if (hex && base == 16)
		s += 2;
	err = parse_number(&s, base, out);
	if (err)
		return err;
	return *s ? -EINVAL : 0;
}

int fmt_parse_size(const char *s, uint64_t *out)
{
	int shift = 0;
	int err = parse_number(&s, 10, out);

	if (err)
		return err;
	if (*s == 'K' || *s == 'k')
		shift = 10;
	else if (*s == 'M' || *s == 'm')
		shift = 20;
	else if (*s == 'G' || *s == 'g')
		shift = 30;
	if (shift)
		s++;
	if (*s)
		return -EINVAL;
	if (*out > UINT64_MAX >> shift)
		return -ERANGE;
	*out <<= shift;
	return 0;
}
