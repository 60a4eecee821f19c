/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Frames and headers as a guest or a peer may send them, into the software's checksums
 * and segmentation: no piece is longer than it may be, and all bytes come out.
 *
 * SOURCES: hv/dev/gso.c
 */
#include <stdlib.h>
#include <string.h>

#include "hv/dev/gso.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct virtio_net_hdr h;
	struct gso_piece p;
	struct gso g;
	uint8_t *frame;
	uint32_t len, out = 0;
	unsigned may;

	if (size < sizeof(h) + 3)
		return 0;
	memcpy(&h, data, sizeof(h));
	may = data[12] & 7;
	len = (uint32_t)(size - sizeof(h) - 3) + (data[13] & 1 ? data[14] * 256u : 0);
	frame = malloc(len ? len : 1);
	if (!frame)
		return 0;
	memset(frame, 0x5a, len);
	memcpy(frame, data + sizeof(h) + 3, size - sizeof(h) - 3);
	if (gso_begin(&g, &h, frame, len, may) == 0) {
		for (unsigned n = 0; gso_next(&g, &p); n++) {
			if (n > 70000 || (g.mss && p.data_len > g.mss) || p.head_len > GSO_HEAD_MAX)
				abort();
			out += p.data_len;
			gso_advance(&g);
		}
		if (out != len - g.head_len)
			abort();
	}
	free(frame);
	return 0;
}
