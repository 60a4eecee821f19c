/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See cmdline.h. The text becomes a row of words, each with a mark before it
 * and a NUL behind it. Unquoting never makes a word longer; the worst case is
 * words of one character, whose two bytes in the text become three.
 */
#include "kernel/cmdline.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernel/app.h"
#include "kernel/boot_info.h"
#include "kernel/heap.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"

enum mark { FRESH = 1, KNOWN };	/* the byte before a word */

extern const struct cmdline_option __cmdline_options_start[];
extern const struct cmdline_option __cmdline_options_end[];

static char words[BOOT_CMDLINE_MAX / 2 * 3 + 3];
static size_t kernel_end;		/* where the words after `--` start */
static size_t words_end;
static char **vectors;			/* argv, NULL, envp, NULL */
static int argc_;
static char *no_vectors[3] = { (char *)(uintptr_t)"app", NULL, NULL };

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* One word from *text to `out`, unquoted; *text is left behind it. The length,
 * or -EINVAL: a quote is not closed. */
static int unquote(const char **text, char *out)
{
	const char *p = *text;
	char quote = 0;
	int n = 0;

	for (; *p && (quote || !is_space(*p)); p++) {
		if (!quote && (*p == '\'' || *p == '"')) {
			quote = *p;
		} else if (*p == quote) {
			quote = 0;
		} else if (*p == '\\' && quote != '\'') {
			if (!*++p)
				return -EINVAL;
			out[n++] = *p;
		} else {
			out[n++] = *p;
		}
	}
	*text = p;
	return quote ? -EINVAL : n;
}

/* The first word equal to `--`, unquoted, divides the kernel's part from the
 * application's. */
static int split(const char *text)
{
	bool divided = false;

	words_end = kernel_end = 0;
	for (;;) {
		const char *from;
		int n;

		while (is_space(*text))
			text++;
		if (!*text)
			break;
		from = text;
		n = unquote(&text, words + words_end + 1);
		if (n < 0) {
			/* What came before holds: how to say so and stop. */
			if (!divided)
				kernel_end = words_end;
			return n;
		}
		if (!divided && text - from == 2 && strncmp(from, "--", 2) == 0) {
			divided = true;
			kernel_end = words_end;
			continue;
		}
		words[words_end] = FRESH;
		words_end += (size_t)n + 1;
		words[words_end++] = '\0';
	}
	if (!divided)
		kernel_end = words_end;
	return 0;
}

static size_t next_word(size_t at)
{
	return at + strlen(words + at + 1) + 2;
}

static bool is_env(const char *word)
{
	return strncmp(word, "env.", 4) == 0 && strchr(word, '=');
}

static int build_vectors(void)
{
	size_t n_args = 1, n_env = 0, at;
	char **p;

	for (at = 0; at < kernel_end; at = next_word(at))
		n_env += is_env(words + at + 1);
	for (at = kernel_end; at < words_end; at = next_word(at))
		n_args++;
	vectors = heap_alloc(HEAP_KERNEL, (n_args + n_env + 2) * sizeof(*vectors));
	if (!vectors)
		return -ENOMEM;
	argc_ = (int)n_args;
	p = vectors;
	*p++ = no_vectors[0];
	for (at = kernel_end; at < words_end; at = next_word(at))
		*p++ = words + at + 1;
	*p++ = NULL;
	for (at = 0; at < kernel_end; at = next_word(at)) {
		if (is_env(words + at + 1)) {
			words[at] = KNOWN;
			*p++ = words + at + 1 + 4;
		}
	}
	*p = NULL;
	return 0;
}

int cmdline_init(const char *text)
{
	int err = 0;

	heap_free(HEAP_KERNEL, vectors);
	vectors = NULL;
	argc_ = 0;
	if (strnlen(text, BOOT_CMDLINE_MAX) == BOOT_CMDLINE_MAX) {
		log_err(LOG_KERNEL, "command line: longer than %d bytes",
			BOOT_CMDLINE_MAX - 1);
		words_end = kernel_end = 0;
		return -E2BIG;
	}
	err = split(text);
	if (err) {
		log_err(LOG_KERNEL, "command line: a quote or backslash is open");
		return err;
	}
	return 0;
}

/* What follows the key in `word`, or NULL. A bare key has the value "". A star
 * in the key is a decimal number. */
static const char *match(const char *word, const char *key, unsigned *index)
{
	*index = 0;
	for (; *key; key++) {
		if (*key == '*') {
			unsigned digits = 0;

			for (; *word >= '0' && *word <= '9' && digits < 4; digits++)
				*index = *index * 10 + (unsigned)(*word++ - '0');
			if (!digits)
				return NULL;
		} else if (*word++ != *key) {
			return NULL;
		}
	}
	if (*word == '=')
		return word + 1;
	return *word ? NULL : word;
}

static int parse_word(const struct cmdline_option *o, size_t at)
{
	const char *word = words + at + 1;
	unsigned index;
	const char *value = match(word, o->key, &index);
	int err;

	if (!value)
		return 0;
	words[at] = KNOWN;
	err = o->parse(value, index);
	if (err)
		log_err(LOG_KERNEL, "command line: `%s`: wrong value; %s takes %s",
			word, o->key, o->help);
	return err;
}

int cmdline_parse_options(void)
{
	const struct cmdline_option *o;

	for (size_t at = 0; at < kernel_end; at = next_word(at)) {
		for (o = __cmdline_options_start; o < __cmdline_options_end; o++) {
			int err = parse_word(o, at);

			if (err)
				return err;
		}
	}
	return 0;
}

void cmdline_warn_unknown(void)
{
	for (size_t at = 0; at < kernel_end; at = next_word(at)) {
		if (words[at] == FRESH && !is_env(words + at + 1))
			log_warn(LOG_KERNEL, "command line: unknown: %s",
				 words + at + 1);
	}
}

const char *cmdline_next(const char *key, size_t *pos)
{
	while (*pos < kernel_end) {
		size_t at = *pos;
		unsigned index;
		const char *value = match(words + at + 1, key, &index);

		*pos = next_word(at);
		if (!value)
			continue;
		words[at] = KNOWN;
		return value;
	}
	return NULL;
}

const char *cmdline_get(const char *key)
{
	size_t pos = 0;

	return cmdline_next(key, &pos);
}

/* Made when first asked for: cmdline_init runs before there is a platform. */
static char **get_vectors(void)
{
	if (!vectors && build_vectors()) {
		log_err(LOG_KERNEL, "command line: no memory for the arguments");
		argc_ = 1;
		return no_vectors;
	}
	return vectors;
}

int cmdline_argc(void)
{
	get_vectors();
	return argc_;
}

char **cmdline_argv(void)
{
	return get_vectors();
}

char **cmdline_envp(void)
{
	char **v = get_vectors();

	return v + argc_ + 1;
}
