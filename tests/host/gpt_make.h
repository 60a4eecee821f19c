/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Makes partition tables in memory, right ones and wrong ones, with a checksum
 * of its own. Fields are changed between gm_init() and gm_seal(), which
 * computes the checksums and writes both copies; what is wrong may then be
 * made wrong in `disk` itself.
 */
#pragma once

#include "fs/gpt.h"

struct gpt_make {
	uint8_t *disk;
	uint64_t n_lbas;
	uint32_t lba_size;
	uint64_t backup;		/* where the second header goes */
	uint64_t backup_entries;	/* and its entries */
	struct gpt_header h;		/* the primary's */
	uint8_t entries[1024 * 128];
};

void gm_init(struct gpt_make *m, uint8_t *disk, uint64_t len, uint32_t lba_size);
struct gpt_entry *gm_part(struct gpt_make *m, unsigned index, uint64_t first,
			  uint64_t last, const char *ascii);
void gm_seal(struct gpt_make *m);
/* The header at an LBA changed: its checksum again. */
void gm_header_crc(struct gpt_make *m, uint64_t lba);
struct gpt_header *gm_header(struct gpt_make *m, uint64_t lba);
