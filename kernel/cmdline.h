/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The command line, the same for all boot protocols: `key=value` for the
 * kernel, `env.NAME=value`, then `--` and the application's arguments, with
 * shell-like quotes ('...', "...", backslash). At most BOOT_CMDLINE_MAX bytes:
 * longer stops the boot. Unknown keys are named in a warning; a value that its
 * owner refuses stops the boot with a message.
 */
#pragma once

#include <stddef.h>

#include "kernel/lib/compiler.h"

struct cmdline_option {
	const char *key;	/* "ip"; "net*.ip": the star is a decimal number */
	const char *help;	/* what values there are, for the message */
	/* Called once for each occurrence, in order, before pv->scan().
	 * `index` is the star's number, or 0. 0 or -errno. `value` stays valid. */
	int (*parse)(const char *value, unsigned index);
};

/* static const struct cmdline_option opt CMDLINE_OPTION = { ... }; */
#define CMDLINE_OPTION SECTION(".cmdline_options") USED ALIGNED(8)

/* Splits, unquotes and remembers. 0, -E2BIG, -EINVAL (quote not closed); the
 * message was logged. */
int cmdline_init(const char *text) MUST_CHECK;

/* Runs every option's parse. 0 or the first error, logged. */
int cmdline_parse_options(void) MUST_CHECK;

/* The first value of a key, unparsed, or NULL. For platforms. */
const char *cmdline_get(const char *key);

/* Every occurrence: start with *pos = 0; NULL at the end. */
const char *cmdline_next(const char *key, size_t *pos);

/* For main(): argv[0] is the application's name, then what follows `--`;
 * envp from env.NAME=value. Both NULL-terminated. */
int cmdline_argc(void);
char **cmdline_argv(void);
char **cmdline_envp(void);

/* Warns of every key that no option has and nobody asked for. Before main(). */
void cmdline_warn_unknown(void);
