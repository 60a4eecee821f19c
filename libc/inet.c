/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Address texts: RFC 4291 for reading IPv6, RFC 5952 for writing it.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Dotted quad, decimal, no leading zeros; 1 or 0. */
static int pton4(const char *s, uint8_t *out)
{
	for (int i = 0; i < 4; i++) {
		unsigned v = 0, digits = 0;

		while (isdigit((unsigned char)*s) && digits < 3) {
			v = v * 10 + (unsigned)(*s++ - '0');
			if (digits++ > 0 && v < 10)
				return 0;
		}
		if (digits == 0 || v > 255)
			return 0;
		out[i] = (uint8_t)v;
		if (*s != (i < 3 ? '.' : '\0'))
			return 0;
		s++;
	}
	return 1;
}

/* One group of up to four hex digits; its length or 0. */
static int hex_group(const char *s, uint16_t *out)
{
	unsigned v = 0;
	int n = 0;

	while (isxdigit((unsigned char)s[n])) {
		int c = tolower((unsigned char)s[n]);

		if (++n > 4)
			return 0;
		v = v << 4 | (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	*out = (uint16_t)v;
	return n;
}

static int pton6(const char *s, uint8_t *out)
{
	uint8_t b[16] = { 0 };
	int used = 0, gap = -1;

	if (s[0] == ':' && s[1] != ':')
		return 0;
	if (s[0] == ':')
		s++;
	while (*s) {
		uint16_t v = 0;
		int n;

		if (*s == ':') {		/* the second of "::" */
			if (gap >= 0)
				return 0;
			gap = used;
			s++;
			continue;
		}
		n = hex_group(s, &v);
		if (s[n] == '.') {
			if (used > 12 || !pton4(s, b + used))
				return 0;
			used += 4;
			break;
		}
		if (n == 0 || used > 14)
			return 0;
		b[used++] = (uint8_t)(v >> 8);
		b[used++] = (uint8_t)v;
		s += n;
		if (*s == ':') {
			if (s[1] == '\0')
				return 0;
			s++;
		} else if (*s) {
			return 0;
		}
	}
	if (gap < 0 ? used != 16 : used > 14)
		return 0;
	memset(out, 0, 16);
	if (gap < 0)
		gap = used;
	memcpy(out, b, (size_t)gap);
	memcpy(out + 16 - (used - gap), b + gap, (size_t)(used - gap));
	return 1;
}

int inet_pton(int family, const char *s, void *out)
{
	uint8_t v4[4];

	if (family == AF_INET6)
		return pton6(s, out);
	if (family != AF_INET) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	if (!pton4(s, v4))
		return 0;
	memcpy(out, v4, 4);
	return 1;
}

static char *put_num(char *p, unsigned v, unsigned base)
{
	char tmp[8];
	int n = 0;

	do
		tmp[n++] = "0123456789abcdef"[v % base];
	while (v /= base);
	while (n)
		*p++ = tmp[--n];
	return p;
}

static char *put_v4(char *p, const uint8_t *a)
{
	for (int i = 0; i < 4; i++) {
		p = put_num(p, a[i], 10);
		if (i < 3)
			*p++ = '.';
	}
	return p;
}

/* The longest run of two or more zero groups: first and length. */
static int zero_run(const uint8_t *a, int *len)
{
	int best = -1, best_len = 1;

	for (int i = 0; i < 8; i++) {
		int n = 0;

		while (i + n < 8 && !a[2 * (i + n)] && !a[2 * (i + n) + 1])
			n++;
		if (n > best_len) {
			best = i;
			best_len = n;
		}
		i += n;
	}
	*len = best_len;
	return best;
}

static char *put_v6(char *p, const uint8_t *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	int run_len, run = zero_run(a, &run_len);

	if (memcmp(a, mapped, 12) == 0) {
		memcpy(p, "::ffff:", 7);
		return put_v4(p + 7, a + 12);
	}
	for (int i = 0; i < 8; i++) {
		if (i == run) {		/* the group before left one colon */
			*p++ = ':';
			if (i == 0)
				*p++ = ':';
			i += run_len - 1;
			continue;
		}
		p = put_num(p, (unsigned)a[2 * i] << 8 | a[2 * i + 1], 16);
		if (i < 7)
			*p++ = ':';
	}
	return p;
}

const char *inet_ntop(int family, const void *addr, char *buf, socklen_t len)
{
	char tmp[INET6_ADDRSTRLEN], *end;

	if (family != AF_INET && family != AF_INET6) {
		errno = EAFNOSUPPORT;
		return NULL;
	}
	end = family == AF_INET ? put_v4(tmp, addr) : put_v6(tmp, addr);
	*end++ = '\0';
	if ((size_t)(end - tmp) > len) {
		errno = ENOSPC;
		return NULL;
	}
	memcpy(buf, tmp, (size_t)(end - tmp));
	return buf;
}

int inet_aton(const char *s, struct in_addr *out)
{
	return inet_pton(AF_INET, s, out) == 1;
}

in_addr_t inet_addr(const char *s)
{
	struct in_addr a;

	return inet_aton(s, &a) ? a.s_addr : INADDR_NONE;
}

char *inet_ntoa(struct in_addr a)
{
	static char buf[INET_ADDRSTRLEN];

	*put_v4(buf, (const uint8_t *)&a) = '\0';
	return buf;
}
