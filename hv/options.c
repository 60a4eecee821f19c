/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The command line of `glint run`. Numbers are checked here, files when they
 * are opened. Suboptions are cut in place, out of argv.
 */
#include "hv/msg.h"
#include "hv/run.h"

#include "hv/host.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"

#define MEM_DEFAULT	(16ull << 20)
#define GRACE_DEFAULT	10u
#define GRACE_MAX	86400u
#define SPIN_MAX_US	10000u
#define SEE_HELP	" (see `glint help run`)"

static const char *after(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

/* Cuts the text at the next comma; NULL at the end. */
static char *next_part(char **rest)
{
	char *part = *rest, *comma = part ? strchr(part, ',') : NULL;

	*rest = comma ? comma + 1 : NULL;
	if (comma)
		*comma = '\0';
	return part;
}

static uint64_t parse_number(const char *what, const char *text, uint64_t max)
{
	uint64_t v;

	if (fmt_parse_u64(text, 10, &v) || v > max)
		die(EXIT_USAGE, "%s: '%s' is not a number from 0 to %llu" SEE_HELP, what, text,
		    (unsigned long long)max);
	return v;
}

static uint64_t parse_mem(const char *text)
{
	uint64_t size;

	if (fmt_parse_size(text, &size) || !size)
		die(EXIT_USAGE, "--mem %s: not a size, like 16M (K, M, G)" SEE_HELP, text);
	if (size % HV_PAGE)
		die(EXIT_USAGE, "--mem %s: not a multiple of 4096 bytes", text);
	if (size > HV_MEM_MAX - HV_MEM_BASE)
		die(EXIT_USAGE, "--mem %s: more than the greatest memory, 1023G", text);
	return size;
}

static unsigned hex_digit(char c)
{
	return c >= '0' && c <= '9' ? (unsigned)(c - '0') :
	       (c | 32) >= 'a' && (c | 32) <= 'f' ? (unsigned)((c | 32) - 'a' + 10) : 16;
}

static void parse_mac(struct net_option *n, const char *text)
{
	for (unsigned i = 0; i < 6; i++) {
		unsigned hi = hex_digit(text[3 * i]);
		unsigned lo = hi > 15 ? 16 : hex_digit(text[3 * i + 1]);

		if (lo > 15 || text[3 * i + 2] != (i < 5 ? ':' : '\0'))
			die(EXIT_USAGE, "--net: mac=%s is not like 52:54:00:12:34:56", text);
		n->mac[i] = (uint8_t)(hi << 4 | lo);
	}
	if (n->mac[0] & 1)
		die(EXIT_USAGE, "--net: mac=%s is a group address (its first byte is odd)", text);
	n->has_mac = true;
}

static void add_net(struct run *r, char *text)
{
	struct net_option *n = &r->net[r->n_nets];
	char *part = next_part(&text);
	const char *v;

	if (strcmp(part, "none") == 0 && !text)
		return;
	if (r->n_nets == RUN_NETS_MAX)
		die(EXIT_USAGE, "--net: more than %u networks", RUN_NETS_MAX);
	*n = (struct net_option){ .back = NET_USER };
	if ((v = after(part, "tap=")) != NULL) {
		n->back = NET_TAP;
		n->name = v;
	} else if ((v = after(part, "socket=")) != NULL) {
		n->back = NET_SOCKET;
		n->name = v;
	} else if (strcmp(part, "user") != 0) {
		die(EXIT_USAGE, "--net %s: not one of tap=NAME, user, socket=PATH, none" SEE_HELP, part);
	}
	if (n->name && !*n->name)
		die(EXIT_USAGE, "--net %s: the name is missing", part);
	while ((part = next_part(&text)) != NULL) {
		if ((v = after(part, "mac=")) != NULL) {
			parse_mac(n, v);
		} else if ((v = after(part, "pcap=")) != NULL && *v) {
			n->pcap = v;
		} else if ((v = after(part, "fwd=")) != NULL && n->back == NET_USER) {
			if (n->n_fwd == RUN_FWDS_MAX)
				die(EXIT_USAGE, "--net: more than %u times fwd=", RUN_FWDS_MAX);
			n->fwd[n->n_fwd++] = v;
		} else {
			die(EXIT_USAGE, "--net: '%s' is unknown here" SEE_HELP, part);
		}
	}
	r->n_nets++;
}

static void add_disk(struct run *r, char *text)
{
	struct disk_option *d = &r->disk[r->n_disks];
	char *part = next_part(&text);
	const char *v;

	if (r->n_disks == RUN_DISKS_MAX)
		die(EXIT_USAGE, "--disk: more than %u disks", RUN_DISKS_MAX);
	if (!*part)
		die(EXIT_USAGE, "--disk: the file is missing" SEE_HELP);
	*d = (struct disk_option){ .path = part };
	while ((part = next_part(&text)) != NULL) {
		if (strcmp(part, "ro") == 0) {
			d->read_only = true;
		} else if (strcmp(part, "direct") == 0) {
			d->direct = true;
		} else if ((v = after(part, "serial=")) != NULL) {
			if (!*v || strlen(v) > sizeof(d->dev.serial))
				die(EXIT_USAGE, "--disk: serial=%s: a serial number has 1 to 20 characters", v);
			d->serial = v;
		} else {
			die(EXIT_USAGE, "--disk %s: '%s' is unknown: not one of ro, direct, serial=" SEE_HELP,
			    d->path, part);
		}
	}
	r->n_disks++;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void add_module(struct run *r, char *text)
{
	struct module_option *m = &r->module[r->n_modules];
	char *part = next_part(&text);
	const char *v;

	if (r->n_modules == HV_MODULES_MAX)
		die(EXIT_USAGE, "--module: more than %u modules", HV_MODULES_MAX);
	if (!*part)
		die(EXIT_USAGE, "--module: the file is missing" SEE_HELP);
	*m = (struct module_option){ .path = part, .name = base_name(part), .fd = -1 };
	while ((part = next_part(&text)) != NULL) {
		v = after(part, "name=");
		if (!v || !*v)
			die(EXIT_USAGE, "--module %s: '%s' is unknown: only name=" SEE_HELP, m->path, part);
		m->name = v;
	}
	if (strlen(m->name) >= sizeof(((struct hv_module *)0)->name))
		die(EXIT_USAGE, "--module: the name '%s' is longer than 47 bytes", m->name);
	r->n_modules++;
}

static void set_accel(struct run *r, const char *name)
{
	r->kvm = strcmp(name, "kvm") == 0;
	if (!r->kvm && strcmp(name, "process") != 0)
		die(EXIT_USAGE, "--accel %s: not one of process, kvm", name);
}

static void add_text(struct run *r, size_t *at, const char *text, size_t len)
{
	if (len > sizeof(r->cmdline) - 1 - *at)
		die(EXIT_USAGE, "the guest's command line is longer than %u bytes", HV_CMDLINE_MAX - 1);
	memcpy(r->cmdline + *at, text, len);
	*at += len;
}

/* Words as they are, or quoted so that kernel/cmdline.h reads the same word. */
static void add_word(struct run *r, size_t *at, const char *word)
{
	static const char plain[] = "=./:,_-+@%~[]{}^";
	bool quote = !*word;

	for (const char *p = word; *p; p++) {
		bool letter = ((*p | 32) >= 'a' && (*p | 32) <= 'z') || (*p >= '0' && *p <= '9');

		quote |= !letter && !strchr(plain, *p);
	}
	if (*at)
		add_text(r, at, " ", 1);
	if (!quote) {
		add_text(r, at, word, strlen(word));
		return;
	}
	add_text(r, at, "'", 1);
	for (const char *p = word; *p; p++) {
		if (*p == '\'')
			add_text(r, at, "'\\'", 3);
		add_text(r, at, p, 1);
	}
	add_text(r, at, "'", 1);
}

/* What follows the image: key=value for the kernel, `--`, the application's. */
static void set_cmdline(struct run *r, char **argv)
{
	size_t at = 0;

	for (; *argv; argv++)
		add_word(r, &at, *argv);
}

static bool take_option(struct run *r, const char *name, char *value)
{
	if (strcmp(name, "accel") == 0)
		set_accel(r, value);
	else if (strcmp(name, "mem") == 0)
		r->mem_size = parse_mem(value);
	else if (strcmp(name, "net") == 0)
		add_net(r, value);
	else if (strcmp(name, "disk") == 0)
		add_disk(r, value);
	else if (strcmp(name, "module") == 0)
		add_module(r, value);
	else if (strcmp(name, "core") == 0)
		r->core_path = value;
	else if (strcmp(name, "grace") == 0)
		r->grace_s = (uint32_t)parse_number("--grace", value, GRACE_MAX);
	else if (strcmp(name, "spin") == 0)
		r->spin_us = (uint32_t)parse_number("--spin", value, SPIN_MAX_US);
	else if (strcmp(name, "gdb") == 0)
		r->gdb_port = (uint16_t)parse_number("--gdb", value, 65535);
	else
		return false;
	return true;
}

void run_parse(struct run *r, char **argv)
{
	r->mem_size = MEM_DEFAULT;
	r->grace_s = GRACE_DEFAULT;
	for (; *argv && (*argv)[0] == '-' && (*argv)[1]; argv++) {
		char *name = *argv + 2, *value;

		if ((*argv)[1] != '-' || !*name)
			die(EXIT_USAGE, "'%s' stands where the image or an option is expected" SEE_HELP, *argv);
		value = strchr(name, '=');
		if (value)
			*value++ = '\0';
		else if (argv[1])
			value = *++argv;
		else
			die(EXIT_USAGE, "--%s: unknown, or its value is missing" SEE_HELP, name);
		if (!take_option(r, name, value))
			die(EXIT_USAGE, "--%s is unknown" SEE_HELP, name);
	}
	if (r->kvm && r->gdb_port)
		die(EXIT_USAGE, "--gdb with --accel kvm has not landed yet; with --accel process it works");
	if (!*argv)
		die(EXIT_USAGE, "no image: glint run [options] image.elf [key=value ...] [-- arguments]");
	r->image_path = *argv;
	set_cmdline(r, argv + 1);
}
