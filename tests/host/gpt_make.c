/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See gpt_make.h.
 */
#include "tests/host/gpt_make.h"

#include <string.h>

static uint32_t crc(const uint8_t *p, size_t len)
{
	uint32_t c = 0xffffffffu;

	while (len--) {
		c ^= *p++;
		for (int k = 0; k < 8; k++)
			c = c >> 1 ^ (c & 1 ? 0xedb88320u : 0);
	}
	return ~c;
}

void gm_init(struct gpt_make *m, uint8_t *disk, uint64_t len, uint32_t lba_size)
{
	uint64_t entries = (GPT_ENTRIES * GPT_ENTRY_SIZE + lba_size - 1) / lba_size;

	memset(m, 0, sizeof(*m));
	memset(disk, 0, len);
	m->disk = disk;
	m->lba_size = lba_size;
	m->n_lbas = len / lba_size;
	m->backup = m->n_lbas - 1;
	m->backup_entries = m->backup - entries;
	m->h = (struct gpt_header){
		.signature = GPT_SIGNATURE, .revision = GPT_REVISION,
		.header_size = GPT_HEADER_SIZE, .my_lba = 1,
		.alternate_lba = m->backup, .first_usable_lba = 2 + entries,
		.last_usable_lba = m->backup_entries - 1,
		.disk_guid = "a disk's own id", .entry_lba = 2,
		.n_entries = GPT_ENTRIES, .entry_size = GPT_ENTRY_SIZE,
	};
}

struct gpt_entry *gm_part(struct gpt_make *m, unsigned index, uint64_t first,
			  uint64_t last, const char *ascii)
{
	struct gpt_entry *e = (void *)(m->entries + index * m->h.entry_size);

	memset(e, 0, sizeof(*e));
	memcpy(e->type, "some type of it", 16);
	memcpy(e->guid, "a unique number", 16);
	e->guid[0] = (uint8_t)index;
	e->first_lba = first;
	e->last_lba = last;
	for (unsigned i = 0; i < GPT_NAME_UNITS && ascii[i]; i++)
		e->name[i] = (uint8_t)ascii[i];
	return e;
}

struct gpt_header *gm_header(struct gpt_make *m, uint64_t lba)
{
	return (void *)(m->disk + lba * m->lba_size);
}

void gm_header_crc(struct gpt_make *m, uint64_t lba)
{
	struct gpt_header *h = gm_header(m, lba);
	uint32_t n = h->header_size;

	h->header_crc32 = 0;
	h->header_crc32 = crc((void *)h, n > m->lba_size ? m->lba_size : n);
}

void gm_seal(struct gpt_make *m)
{
	size_t bytes = (size_t)m->h.n_entries * m->h.entry_size;
	struct gpt_header *b = gm_header(m, m->backup);

	m->h.entries_crc32 = crc(m->entries, bytes);
	memcpy(gm_header(m, 1), &m->h, sizeof(m->h));
	memcpy(m->disk + m->h.entry_lba * m->lba_size, m->entries, bytes);
	memcpy(b, &m->h, sizeof(m->h));
	b->my_lba = m->backup;
	b->alternate_lba = 1;
	b->entry_lba = m->backup_entries;
	memcpy(m->disk + m->backup_entries * m->lba_size, m->entries, bytes);
	gm_header_crc(m, 1);
	gm_header_crc(m, m->backup);
}
