/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mkvol disk: a disk with partitions. PART is LABEL:TYPE[:SIZE][:SOURCE]; the
 * third field is a size if it looks like one, else it begins the source.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/file_blkdev.h"
#include "tools/gpt_write.h"
#include "tools/mkvol.h"
#include "tools/mkvol_disk.h"

#define ALIGN (1u << 20)

static uint64_t up(uint64_t n)
{
	return n > UINT64_MAX - ALIGN ? n : (n + ALIGN - 1) / ALIGN * ALIGN;
}

/* The size field, at *s, which is moved behind it. */
static bool size_field(char **s, struct part *p)
{
	char *colon = strchr(*s, ':');
	bool ok = true;

	if (colon)
		*colon = '\0';
	if (!strcmp(*s, "rest") || !strcmp(*s, "*"))
		p->rest = true;
	else if (strcmp(*s, "auto") != 0)
		ok = parse_size(*s, &p->size) && p->size > 0;
	if (!ok && colon)
		*colon = ':';
	if (ok)
		*s = colon ? colon + 1 : NULL;
	return ok;
}

static bool looks_like_size(const char *s)
{
	size_t n = strspn(s, "0123456789");

	if (n && s[n] && strchr("KMGT", s[n]))
		n++;
	return n && (!s[n] || s[n] == ':');
}

static const char *label_is_bad(const char *label, const struct part *before,
				unsigned n)
{
	struct gpt_entry probe;

	if (!label[0] || !strcmp(label, ".") || !strcmp(label, ".."))
		return "is empty (or a dot)";
	if (label[strspn(label, "0123456789")] == '\0')
		return "is a number: IMAGE:2 would be ambiguous";
	for (const char *p = label; *p; p++)
		if ((unsigned char)*p < ' ' || *p == '/' || *p == 0x7f)
			return "has a character that a label may not have";
	if (!gpt_set_name(&probe, label))
		return "is longer than 36 characters, or not UTF-8";
	for (unsigned i = 0; i < n; i++)
		if (!strcmp(before[i].label, label))
			return "is there twice";
	return NULL;
}

static int parse_part(const char *arg, struct part *p, const struct part *all,
		      unsigned n)
{
	char *s = must(strdup(arg)), *type = strchr(s, ':'), *rest;
	const char *why;

	memset(p, 0, sizeof(*p));
	p->label = s;
	if (!type)
		return usage("disk", "%s: not LABEL:TYPE[:SIZE][:SOURCE]", arg);
	*type++ = '\0';
	rest = strchr(type, ':');
	if (rest)
		*rest++ = '\0';
	why = label_is_bad(s, all, n);
	if (why)
		return usage("disk", "%s: the label %s", arg, why);
	if (!strcmp(type, "littlefs"))
		p->kind = PART_LITTLEFS;
	else if (!strcmp(type, "raw"))
		p->kind = PART_RAW;
	else if (!strcmp(type, "archive"))
		p->kind = PART_ARCHIVE;
	else
		return usage("disk", "%s: the type is not littlefs, raw or "
			     "archive", arg);
	if (rest && !size_field(&rest, p) && looks_like_size(rest))
		return usage("disk", "%s: the size is too large, or 0", arg);
	p->source = rest && rest[0] ? rest : NULL;
	if (p->kind == PART_ARCHIVE && !p->source)
		return usage("disk", "%s: an archive of what? The folder is "
			     "missing", arg);
	if (!p->size && !p->rest && !p->source)
		return usage("disk", "%s: a size is missing (64M, rest)", arg);
	return MKVOL_OK;
}

/* Looks at the source: how much is needed. Dies with a message. */
static void measure(struct part *p)
{
	struct stat st;
	uint64_t need = 0;

	if (p->source && p->kind == PART_RAW) {
		if (stat(p->source, &st) < 0)
			die("%s: %s", p->source, strerror(errno));
		if (!S_ISREG(st.st_mode))
			die("%s: not a file", p->source);
		need = p->content = (uint64_t)st.st_size;
	} else if (p->source) {
		tree_read(&p->tree, p->source);
		need = p->kind == PART_ARCHIVE ? archive_size(&p->tree) :
		       volume_auto_size(&p->tree);
	}
	if (!p->size && !p->rest)
		p->size = need ? need : ALIGN;
	/* A volume may fit into less than a guess with a quarter more. */
	if (!p->rest && p->kind != PART_LITTLEFS && p->size < need)
		die("%s: %s has %llu bytes, more than the partition",
		    p->label, p->source, (unsigned long long)need);
}

/* Places them; *size is the disk's, or 0: what is needed. */
static int lay_out(struct disk *d, uint64_t *size)
{
	uint64_t at = ALIGN, fixed = ALIGN, usable;
	unsigned n_rest = 0;

	for (unsigned i = 0; i < d->n; i++) {
		n_rest += d->part[i].rest;
		d->part[i].size = up(d->part[i].size);
		fixed += d->part[i].size;
		if (d->part[i].size > INT64_MAX / 2 || fixed > INT64_MAX / 2)
			return usage("disk", "%s: the size is too large",
				     d->part[i].label);
	}
	if (n_rest > 1)
		return usage("disk", "only one partition can take the rest");
	if (n_rest && !*size)
		return usage("disk", "the rest of what? --size is missing");
	if (!*size)
		*size = fixed + ALIGN;
	usable = *size < 2 * ALIGN ? 0 : *size - ALIGN;
	if (fixed + n_rest * ALIGN > usable)
		return usage("disk", "the partitions need %llu MiB, with the "
			     "table; the disk has %llu",
			     (unsigned long long)((fixed >> 20) + n_rest + 1),
			     (unsigned long long)(*size >> 20));
	for (unsigned i = 0; i < d->n; i++) {
		struct part *p = &d->part[i];

		if (p->rest)
			p->size = (usable - fixed) / ALIGN * ALIGN;
		p->first = at;
		at += p->size;
	}
	return MKVOL_OK;
}

static void name_all(struct disk *d, struct gpt_plan *plan, bool random)
{
	static const char *const type[] = { GPT_TYPE_LITTLEFS, GPT_TYPE_RAW,
					    GPT_TYPE_ARCHIVE };
	char *seed;

	if (asprintf(&seed, "glint disk %llu", (unsigned long long)plan->n_lbas *
		     plan->lba_size) < 0)
		die("no memory");
	for (unsigned i = 0; i < d->n; i++) {
		const struct part *p = &d->part[i];
		struct gpt_entry *e = &plan->entry[i];
		char *one;

		if (asprintf(&one, "%s\n%u %s %s %llu", seed, i, p->label,
			     type[p->kind], (unsigned long long)p->size) < 0)
			die("no memory");
		guid_from_text(e->type, type[p->kind]);
		guid_derive(e->guid, one);
		if (random)
			guid_random(e->guid);
		e->first_lba = p->first / plan->lba_size;
		e->last_lba = (p->first + p->size) / plan->lba_size - 1;
		(void)gpt_set_name(e, p->label);
		free(seed);
		seed = one;
	}
	guid_derive(plan->disk_guid, seed);
	if (random)
		guid_random(plan->disk_guid);
	free(seed);
}

static int write_tables(struct blkdev *bd, const struct gpt_plan *plan)
{
	static const uint8_t zeros[4096];
	int r = blkdev_write(bd, 0, zeros, sizeof(zeros));

	/* Nothing that was on a device before stays in front of them. */
	if (r == 0)
		r = gpt_write_backup(bd, plan);
	if (r == 0)
		r = gpt_write_primary(bd, plan);
	return r < 0 ? r : gpt_write_mbr(bd, plan);
}

static int make(struct disk *d, const char *out, uint64_t size, uint32_t lba,
		bool random)
{
	struct gpt_plan plan;
	struct blkdev bd;
	char a[32];
	int r = file_blkdev_open(&bd, output_begin(out), true, size), close_r;

	if (r < 0)
		die("%s: %s", out, r == -EBUSY ? image_user :
		    r == -ENOTBLK ? "neither a file nor a block device" :
		    strerror(-r));
	/* A device has its own; of a file, nobody knows. */
	if (!lba || bd.block_size > BLK_SECTOR)
		lba = bd.block_size;
	bd.block_size = lba;
	gpt_plan_init(&plan, lba, bd.n_sectors * BLK_SECTOR);
	name_all(d, &plan, random);
	r = write_tables(&bd, &plan);
	if (r < 0)
		warn("%s: writing failed: %s", out, strerror(-r));
	for (unsigned i = 0; r == 0 && i < d->n; i++)
		r = part_fill(&d->part[i], &bd, out);
	close_r = file_blkdev_close(&bd);
	if (r == 0 && close_r < 0)
		warn("%s: writing failed: %s", out, strerror(-close_r));
	if (r < 0 || close_r < 0) {
		output_drop();
		return MKVOL_FAILED;
	}
	output_done(out);
	printf("%s: %s, %u partitions\n", out,
	       human(plan.n_lbas * lba, a, sizeof(a)), d->n);
	return MKVOL_OK;
}

/* A device's size is what it is. */
static uint64_t device_bytes(const char *out)
{
	struct stat st;
	struct blkdev bd;
	uint64_t n;

	if (stat(out, &st) < 0 || !S_ISBLK(st.st_mode))
		return 0;
	if (file_blkdev_use(&bd, out, IMAGE_READ) < 0)
		die("%s: %s", out, strerror(errno));
	n = bd.n_sectors * BLK_SECTOR;
	(void)file_blkdev_close(&bd);
	return n;
}

int verb_disk(int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "size", required_argument, NULL, 's' },
		{ "sector-size", required_argument, NULL, 'S' },
		{ "random-guid", no_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 },
	};
	static struct disk d;
	const char *out = NULL;
	uint64_t size = 0, lba = 0;
	bool random = false;
	int c, r;

	while ((c = getopt_long(argc, argv, "o:s:", options, NULL)) != -1) {
		if (c == 'o')
			out = optarg;
		else if (c == 's' && (!parse_size(optarg, &size) || !size))
			return usage("disk", "not a size: %s", optarg);
		else if (c == 'S' && (!parse_size(optarg, &lba) ||
				      (lba != 512 && lba != 4096)))
			return usage("disk", "a sector has 512 or 4096 bytes");
		else if (c == 'r')
			random = true;
		else if (c == '?')
			return usage("disk", "unknown option");
	}
	if (!out)
		return usage("disk", "where to? -o IMAGE is missing");
	if (argc - optind > (int)GPT_ENTRIES || optind == argc)
		return usage("disk", "from 1 to 128 partitions are needed");
	for (; optind < argc; optind++) {
		r = parse_part(argv[optind], &d.part[d.n], d.part, d.n);
		if (r != MKVOL_OK)
			return r;
		d.n++;
	}
	for (unsigned i = 0; i < d.n; i++)
		measure(&d.part[i]);
	if (device_bytes(out)) {
		size = device_bytes(out);
		lba = 0;
	}
	size -= size % 4096;
	r = lay_out(&d, &size);
	return r != MKVOL_OK ? r : make(&d, out, size, (uint32_t)lba, random);
}
