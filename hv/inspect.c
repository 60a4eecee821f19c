/* SPDX-License-Identifier: BSD-2-Clause
 *
 * `glint inspect`: what an image is and where it runs, from the file alone.
 */
#include "hv/inspect.h"

#include "hv/elf.h"
#include "hv/msg.h"
#include "hv/run.h"

static void print_platforms(const struct image *img)
{
	out("platforms:");
	if (img->has_hv)
		out(" hv(version %u)", img->abi_version);
	if (img->has_pvh)
		out(" pvh");
	if (img->has_multiboot2)
		out(" multiboot2");
	if (img->has_xen_pv)
		out(" xen-pv");
	out("\nentry points:\n");
	if (img->has_hv)
		out("  hv         0x%llx\n", (unsigned long long)img->hv_entry);
	if (img->has_pvh)
		out("  pvh        0x%llx\n", (unsigned long long)img->pvh_entry);
	out("  elf        0x%llx\n", (unsigned long long)img->elf_entry);
}

static void print_segments(const struct image *img)
{
	uint64_t file = 0, mem = 0;

	out("segments:\n  %-12s %-12s %10s %10s  %s\n", "address", "end", "in file", "in memory", "permissions");
	for (uint32_t i = 0; i < img->n_segments; i++) {
		const struct image_segment *s = &img->seg[i];

		out("  0x%-10llx 0x%-10llx %10llu %10llu  r%c%c\n", (unsigned long long)s->addr,
		    (unsigned long long)(s->addr + s->mem_len), (unsigned long long)s->file_len,
		    (unsigned long long)s->mem_len, s->write ? 'w' : '-', s->exec ? 'x' : '-');
		file += s->file_len;
		mem += s->mem_len;
	}
	out("sizes: file %llu, loaded from it %llu, in memory %llu, symbols %llu bytes\n",
	    (unsigned long long)img->file_len, (unsigned long long)file, (unsigned long long)mem,
	    (unsigned long long)img->symbols_len);
}

static void print_build_id(const struct image *img)
{
	if (!img->build_id_len) {
		out("build id: none\n");
		return;
	}
	out("build id: ");
	for (uint32_t i = 0; i < img->build_id_len; i++)
		out("%02x", img->build_id[i]);
	out("\n");
}

int inspect(const char *path)
{
	char err[IMAGE_ERR_MAX];
	struct image img;
	int fd;

	image_open(path, &img, &fd);
	out("image: %s\n", path);
	print_platforms(&img);
	print_segments(&img);
	print_build_id(&img);
	if (image_check_hv(&img, err)) {
		out("glint run: no: %s\n", err);
	} else {
		out("minimum memory: %lluK (glint run --mem)\n",
		    (unsigned long long)image_mem_needed(&img, 0) / 1024);
		out("glint run: yes\n");
	}
	out_flush();
	return 0;
}
