/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See sim.h.
 */
#include "tests/powercut/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/lfs.h"
#include "tests/powercut/check.h"
#include "tests/powercut/mutant.h"
#include "tools/host_kernel.h"

struct sim {
	const struct load *load;
	const struct cut_options *opt;
	struct cut_result *out;
	uint64_t seed;
	struct cut_disk rec, probe;	/* the recording; the disk after a cut */
	uint8_t *stable;		/* what is certain at this cut */
	struct model m;
	struct m_state before, after;	/* the call in flight */
	bool in_flight;
	uint64_t max_used;
	size_t next_op;
	struct cut_rng rng;
	struct check_tree tree, again;
};

static const struct lfs_options mount_options = { .cache_bytes = 1 << 16 };

static void record(struct sim *s)
{
	uint32_t unit;

	host_memory = 4u << 20;
	host_wall = 1700000000000000000u;
	/* Every fourth disk writes 4 KiB at a time. */
	unit = s->seed % 4 ? BLK_SECTOR : LFS_BLOCK;
	cut_disk_init(&s->rec, (size_t)s->load->blocks * LFS_BLOCK, unit);
	cut_disk_init(&s->probe, s->rec.bytes, unit);
	s->stable = malloc(s->rec.bytes);
	if (lfs_format(&s->rec.bd) < 0 ||
	    lfs_mount("/v", &s->rec.bd, &mount_options) < 0) {
		fprintf(stderr, "cannot make a volume: %s\n", host_last_log);
		abort();
	}
	model_init(&s->m, &s->rec, s->seed);
	s->load->prepare(&s->m);
	model_start(&s->m);
	memcpy(s->stable, s->rec.data, s->rec.bytes);
	mutant_begin(&s->rec, s->opt->mutant);
	s->load->run(&s->m);
	mutant_end();
	s->rec.recording = false;
	if (vfs_unmount("/v") < 0)
		abort();
	s->before = s->m.first;
	s->max_used = s->m.used_first;
}

/* The model as of a cut after `cut` entries of the log. */
static void model_at(struct sim *s, size_t cut)
{
	const struct m_op *op;
	uint64_t used = s->next_op ? s->m.op[s->next_op - 1].used :
			s->m.used_first;

	while (s->next_op < s->m.n_ops && s->m.op[s->next_op].end <= cut) {
		op = &s->m.op[s->next_op++];
		m_apply(&s->before, op);
		used = op->used;
	}
	s->max_used = used;
	s->in_flight = s->next_op < s->m.n_ops &&
		       s->m.op[s->next_op].start < cut;
	if (!s->in_flight)
		return;
	op = &s->m.op[s->next_op];
	s->after = s->before;
	m_apply(&s->after, op);
	if (op->used > s->max_used)
		s->max_used = op->used;
}

static bool mount(struct sim *s)
{
	if (lfs_mount("/v", &s->probe.bd, &mount_options) == 0)
		return true;
	snprintf(s->tree.why, sizeof(s->tree.why), "mount: %.150s",
		 host_last_log);
	return false;
}

static bool matches(struct sim *s)
{
	char why[sizeof(s->tree.why)];

	if (check_matches(&s->tree, &s->m, &s->before))
		return true;
	memcpy(why, s->tree.why, sizeof(why));
	if (s->in_flight && check_matches(&s->tree, &s->m, &s->after))
		return true;
	memcpy(s->tree.why, why, sizeof(why));
	return false;
}

/* Mounted anew: nothing may have changed. */
static bool same_again(struct sim *s)
{
	bool good = mount(s);

	if (!good)
		return false;
	good = check_read(&s->again);
	if (good && s->again.n > s->tree.n)	/* a second cut may leave this */
		for (int i = 0; i < s->again.n; i++)
			if (!strcmp(s->again.e[i].path, "/v/after-cut"))
				s->again.e[i] = s->again.e[--s->again.n];
	good = good && check_equal(&s->again, &s->tree);
	if (!good)
		memcpy(s->tree.why, s->again.why, sizeof(s->tree.why));
	vfs_unmount("/v");
	return good;
}

/* The power fails a second time, during recovery. */
static bool cut_again(struct sim *s, const uint8_t *image)
{
	struct cut_disk *d = &s->probe;
	size_t cut = cut_below(&s->rng, (uint32_t)d->n + 1), from = 0;

	memcpy(d->data, image, d->bytes);
	for (size_t i = 0; i < cut; i++) {
		if (d->log[i].len)
			continue;
		cut_apply(d->log, from, i, CUT_ALL, d->bd.block_size, &s->rng,
			  d->data);
		from = i + 1;
	}
	cut_apply(d->log, from, cut, CUT_ANY, d->bd.block_size, &s->rng,
		  d->data);
	cut_disk_record(d, false);
	return same_again(s);
}

/* The probe has the image of a cut. */
static bool check(struct sim *s)
{
	uint32_t more = cut_below(&s->rng, 8);
	uint8_t *image = NULL;
	bool good;

	if (more == 0) {
		image = malloc(s->probe.bytes);
		memcpy(image, s->probe.data, s->probe.bytes);
		cut_disk_record(&s->probe, true);
	}
	good = mount(s);
	if (good) {
		good = check_read(&s->tree) && matches(s) &&
		       check_writable(&s->tree, s->max_used, &s->rng);
		vfs_unmount("/v");
	}
	if (good && more == 0)
		good = cut_again(s, image);
	else if (good && more == 1)
		good = same_again(s);
	cut_disk_record(&s->probe, false);
	free(image);
	return good;
}

static void failed(struct sim *s, size_t cut, enum cut_pattern p)
{
	struct cut_result *out = s->out;
	const struct m_op *op = s->in_flight ? &s->m.op[s->next_op] : NULL;
	char why[sizeof(out->why)];

	snprintf(why, sizeof(why), "%s, seed 0x%llx, cut %zu of %zu, pattern %d"
		 ", in call %d %.40s: %.150s", s->load->name,
		 (unsigned long long)s->seed, cut, s->rec.n, p,
		 op ? (int)op->kind : -1, op ? op->a : "", s->tree.why);
	if (out->failures++ == 0)
		memcpy(out->why, why, sizeof(why));
	if (!s->opt->quiet && out->failures <= 5)
		printf("# FAILED: %s\n", why);
}

static bool enough(const struct sim *s)
{
	return (s->opt->max_images && s->out->images >= s->opt->max_images) ||
	       (s->opt->stop && s->out->failures);
}

/* Entries [from, cut) are the writes that may or may not be there. */
static void one_cut(struct sim *s, size_t from, size_t cut)
{
	uint32_t last = cut > from ? s->rec.log[cut - 1].len : 0;

	model_at(s, cut);
	for (int i = 0; i < CUT_PATTERNS + s->opt->extra && !enough(s); i++) {
		enum cut_pattern p = i < CUT_PATTERNS ? i :
				     i & 1 ? CUT_ANY : CUT_SECTORS;

		if (!cut_pattern_differs(p, cut - from, last,
					 s->rec.bd.block_size))
			continue;
		memcpy(s->probe.data, s->stable, s->probe.bytes);
		cut_apply(s->rec.log, from, cut, p, s->rec.bd.block_size, &s->rng,
			  s->probe.data);
		s->out->images++;
		if (!check(s))
			failed(s, cut, p);
	}
}

/* The flush between an erased block's rest and its first sector guards against
 * what the block held before; mostly that is harmless. */
static bool parts_block(const struct sim *s, size_t flush)
{
	const struct cut_entry *e = s->rec.log + flush;

	return flush > 0 && flush + 1 < s->rec.n && e[-1].len && e[1].len &&
	       e[1].off % LFS_BLOCK == 0 && e[1].off + e[1].len == e[-1].off &&
	       (e[-1].off + e[-1].len) % LFS_BLOCK == 0;
}

/* A lost flush is no entry for this purpose: its writes stay uncertain. */
static void drop_flush(struct sim *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->rec.n; i++) {
		if (s->rec.log[i].len || n++ != s->opt->lost_flush)
			continue;
		s->out->lost_between = parts_block(s, i);
		memmove(&s->rec.log[i], &s->rec.log[i + 1],
			(s->rec.n - i - 1) * sizeof(s->rec.log[0]));
		s->rec.n--;
		for (size_t k = 0; k < s->m.n_ops; k++) {
			s->out->lost_end |= s->m.op[k].end == i + 1 &&
					    s->m.op[k].start <= i &&
					    s->m.op[k].kind != M_WRITE;
			s->m.op[k].start -= s->m.op[k].start > i;
			s->m.op[k].end -= s->m.op[k].end > i;
		}
		return;
	}
}

static void all_cuts(struct sim *s)
{
	size_t from = 0, n_flushes = 0, lost = s->opt->lost_flush;

	for (size_t cut = 0; cut <= s->rec.n && !enough(s); cut++) {
		if (cut && s->rec.log[cut - 1].len == 0) {
			cut_apply(s->rec.log, from, cut - 1, CUT_ALL,
				  s->rec.bd.block_size, &s->rng, s->stable);
			from = cut;
			n_flushes++;
		}
		/* Before the lost flush nothing is wrong, and after the next
		 * one it no longer matters. */
		if (s->opt->mutant == ONE_FLUSH_LOST &&
		    (n_flushes < lost || n_flushes > lost))
			model_at(s, cut);
		else
			one_cut(s, from, cut);
	}
}

void cut_run(const struct load *load, uint64_t seed,
	     const struct cut_options *opt, struct cut_result *out)
{
	struct sim *s = calloc(1, sizeof(*s));

	s->load = load;
	s->opt = opt;
	s->out = out;
	s->seed = s->rng.s = seed;
	record(s);
	out->entries = s->rec.n;
	out->flushes = 0;
	for (size_t i = 0; i < s->rec.n; i++)
		out->flushes += s->rec.log[i].len == 0;
	if (s->m.errors) {
		out->failures++;
		snprintf(out->why, sizeof(out->why), "%s, seed 0x%llx: calls "
			 "fail", load->name, (unsigned long long)seed);
	}
	if (opt->mutant == ONE_FLUSH_LOST)
		drop_flush(s);
	all_cuts(s);
	model_fini(&s->m);
	cut_disk_fini(&s->rec);
	cut_disk_fini(&s->probe);
	free(s->stable);
	free(s);
}
