/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The memory map, whatever the loader's looked like: RAM entries are merged,
 * everything that is not RAM is cut out of them, then the image, modules and
 * low memory. Works in bytes until the end, so that RAM whose pieces meet in
 * the middle of a page is not lost; the result is whole pages.
 */
#include "boot/boot.h"

#include "kernel/lib/string.h"

#define LOW_MEMORY_END	0x100000ull
#define MAPPED_END	(512ull << 30)	/* what one PDPT maps: highmem.c */

/* Disjoint ranges in ascending order. */
struct range_set {
	struct boot_region r[BOOT_MAP_MAX];
	unsigned n;
};
static struct range_set ram;	/* .bss: the boot stack is small */

static void set_delete(struct range_set *s, unsigned i)
{
	s->n--;
	memmove(&s->r[i], &s->r[i + 1], (s->n - i) * sizeof(s->r[0]));
}

static bool set_insert(struct range_set *s, unsigned i, uint64_t start,
		       uint64_t end)
{
	if (s->n == ARRAY_SIZE(s->r))
		return false;
	memmove(&s->r[i + 1], &s->r[i], (s->n - i) * sizeof(s->r[0]));
	s->r[i].start = start;
	s->r[i].end = end;
	s->n++;
	return true;
}

/* Adds [start, end), swallowing what it overlaps or touches. */
static bool set_add(struct range_set *s, uint64_t start, uint64_t end)
{
	unsigned i = 0;

	while (i < s->n && s->r[i].end < start)
		i++;
	while (i < s->n && s->r[i].start <= end) {
		if (s->r[i].start < start)
			start = s->r[i].start;
		if (s->r[i].end > end)
			end = s->r[i].end;
		set_delete(s, i);
	}
	return set_insert(s, i, start, end);
}

static bool set_subtract(struct range_set *s, uint64_t start, uint64_t end)
{
	for (unsigned i = 0; i < s->n; i++) {
		struct boot_region *r = &s->r[i];
		uint64_t r_end = r->end;

		if (r->end <= start || r->start >= end)
			continue;
		if (r->start < start) {
			r->end = start;
			if (r_end > end && !set_insert(s, i + 1, end, r_end))
				return false;
		} else if (r_end > end) {
			r->start = end;
		} else {
			set_delete(s, i--);
		}
	}
	return true;
}

static bool set_contains(const struct range_set *s, uint64_t start, uint64_t end)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->r[i].start <= start && end <= s->r[i].end)
			return true;
	return false;
}

static bool set_subtract_pages(struct range_set *s, uint64_t start, uint64_t end)
{
	uint64_t up = end > UINT64_MAX - PAGE_SIZE ? UINT64_MAX
						   : ALIGN_UP(end, PAGE_SIZE);

	return set_subtract(s, ALIGN_DOWN(start, PAGE_SIZE), up);
}

const char *boot_add_range(struct boot_parser *p, uint64_t start, uint64_t len,
			   bool is_ram)
{
	if (!len)
		return NULL;
	if (len > UINT64_MAX - start) {
		if (is_ram)
			return "boot: a RAM entry of the memory map overflows";
		len = UINT64_MAX - start;
	}
	if (p->n_map == BOOT_MAP_MAX)
		return "boot: the memory map has too many entries";
	p->map[p->n_map++] = (struct boot_map_entry){ start, start + len, is_ram };
	return NULL;
}

static const char *collect_ram(struct boot_parser *p)
{
	ram.n = 0;
	for (unsigned i = 0; i < p->n_map; i++)
		if (p->map[i].ram && !set_add(&ram, p->map[i].start, p->map[i].end))
			return "boot: the memory map has too many pieces";
	for (unsigned i = 0; i < p->n_map; i++)
		if (!p->map[i].ram &&
		    !set_subtract(&ram, p->map[i].start, p->map[i].end))
			return "boot: the memory map has too many pieces";
	p->bi->ram_bytes = 0;
	for (unsigned i = 0; i < ram.n; i++)
		p->bi->ram_bytes += ram.r[i].end - ram.r[i].start;
	return ram.n ? NULL : "boot: the memory map shows no RAM";
}

static const char *check_modules(const struct boot_info *bi,
				 uint64_t image_start, uint64_t image_end)
{
	for (unsigned i = 0; i < bi->n_modules; i++) {
		const struct boot_module *m = &bi->module[i];

		if (!set_contains(&ram, m->start, m->end))
			return "boot: a module does not lie in RAM";
		if (m->start < image_end && m->end > image_start)
			return "boot: a module overlaps the image";
		for (unsigned j = 0; j < i; j++)
			if (m->start < bi->module[j].end &&
			    m->end > bi->module[j].start)
				return "boot: two modules overlap";
	}
	return NULL;
}

/* Whole pages of what is left become bi->region[]. */
static const char *publish(struct boot_info *bi)
{
	bi->n_regions = 0;
	for (unsigned i = 0; i < ram.n; i++) {
		uint64_t end = ALIGN_DOWN(ram.r[i].end, PAGE_SIZE);
		uint64_t start = ram.r[i].start;

		if (start > end)
			continue;
		start = ALIGN_UP(start, PAGE_SIZE);
		if (start >= end)
			continue;
		if (bi->n_regions == BOOT_REGIONS_MAX)
			return "boot: the memory map has too many pieces";
		bi->region[bi->n_regions].start = start;
		bi->region[bi->n_regions++].end = end;
	}
	return bi->n_regions ? NULL : "boot: no memory is left beside the image";
}

const char *boot_finish(struct boot_parser *p, uint64_t image_start,
			uint64_t image_end)
{
	struct boot_info *bi = p->bi;
	const char *error = collect_ram(p);
	bool room;

	if (error)
		return error;
	if (!set_contains(&ram, image_start, image_end))
		return "boot: the loader put the image where the memory map has no RAM";
	error = check_modules(bi, image_start, image_end);
	if (error)
		return error;
	room = set_subtract(&ram, 0, LOW_MEMORY_END) &&
	       set_subtract(&ram, MAPPED_END, UINT64_MAX) &&
	       set_subtract_pages(&ram, image_start, image_end);
	for (unsigned i = 0; room && i < bi->n_modules; i++)
		room = set_subtract_pages(&ram, bi->module[i].start,
					  bi->module[i].end);
	if (!room)
		return "boot: the memory map has too many pieces";
	return publish(bi);
}
