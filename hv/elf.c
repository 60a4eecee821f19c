/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See elf.h.
 */
#include "hv/elf.h"

#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"
#include "pv/hv/abi.h"

#define EHDR_LEN	64u
#define PHDR_LEN	56u
#define SHDR_LEN	64u
#define PHNUM_MAX	64u
#define SHNUM_MAX	256u
#define PT_LOAD		1u
#define PT_INTERP	3u
#define PT_NOTE		4u
#define PF_X		1u
#define PF_W		2u
#define SHT_PROGBITS	1u
#define NT_GNU_BUILD_ID 3u
#define NT_XEN_ENTRY	1u
#define NT_XEN_PVH	18u		/* XEN_ELFNOTE_PHYS32_ENTRY */
#define MB2_MAGIC	0xe85250d6u
#define MB2_SEARCH	32768u

struct phdr {
	uint32_t type, flags;
	uint64_t off, vaddr, filesz, memsz, align;
};

struct bytes {
	const uint8_t *p;
	uint64_t len;
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) | (uint32_t)get16(p + 2) << 16;
}

static uint64_t get64(const uint8_t *p)
{
	return (uint64_t)get32(p) | (uint64_t)get32(p + 4) << 32;
}

static bool inside(uint64_t off, uint64_t len, uint64_t size)
{
	return off <= size && len <= size - off;
}

static uint64_t page_up(uint64_t v)
{
	return ALIGN_UP(v, (uint64_t)HV_PAGE);
}

static uint64_t page_down(uint64_t v)
{
	return ALIGN_DOWN(v, (uint64_t)HV_PAGE);
}

static struct phdr phdr_at(const uint8_t *p)
{
	return (struct phdr){
		.type = get32(p), .flags = get32(p + 4), .off = get64(p + 8),
		.vaddr = get64(p + 16), .filesz = get64(p + 32),
		.memsz = get64(p + 40), .align = get64(p + 48),
	};
}

/* The file header: what is wrong with it, or NULL. */
static const char *header_fault(const uint8_t *f, uint64_t len)
{
	static const uint8_t magic[4] = { 0x7f, 'E', 'L', 'F' };

	if (len < EHDR_LEN || memcmp(f, magic, 4) != 0)
		return "not an ELF file";
	if (f[4] != 2)
		return "not a 64-bit ELF file";
	if (f[5] != 1 || f[6] != 1 || get32(f + 20) != 1)
		return "not a little-endian ELF file of version 1";
	if (get16(f + 18) != 62)
		return "not for x86-64";
	if (get16(f + 16) != 2)
		return "not a static executable (ELF type ET_EXEC)";
	if (get16(f + 54) != PHDR_LEN || !get16(f + 56) ||
	    get16(f + 56) > PHNUM_MAX)
		return "its program headers have a size or number that cannot be";
	if (!inside(get64(f + 32), (uint64_t)get16(f + 56) * PHDR_LEN, len))
		return "its program headers lie outside the file: is it cut short?";
	return NULL;
}

/* One PT_LOAD: what is wrong, or NULL. Empty ones are left out. */
static const char *add_segment(struct image *img, const struct phdr *ph)
{
	struct image_segment *s = &img->seg[img->n_segments];

	if (!ph->memsz)
		return NULL;
	if (img->n_segments == IMAGE_SEGMENTS_MAX)
		return "has too many segments";
	if (ph->filesz > ph->memsz)
		return "is larger in the file than in memory";
	if (!inside(ph->off, ph->filesz, img->file_len))
		return "lies outside the file: is it cut short?";
	if (ph->vaddr > HV_MEM_MAX || ph->memsz > HV_MEM_MAX)
		return "lies beyond the greatest memory";
	if ((ph->flags & (PF_W | PF_X)) == (PF_W | PF_X))
		return "is writable and executable";
	if (img->n_segments && page_down(ph->vaddr) < page_up(s[-1].addr + s[-1].mem_len))
		return "overlaps the one before it, shares a page with it, or is out of order";
	*s = (struct image_segment){
		.addr = ph->vaddr, .mem_len = ph->memsz, .file_off = ph->off,
		.file_len = ph->filesz, .write = ph->flags & PF_W,
		.exec = ph->flags & PF_X,
	};
	img->n_segments++;
	return NULL;
}

static bool name_is(const uint8_t *name, uint32_t len, const char *want)
{
	return len == strlen(want) + 1 && memcmp(name, want, len) == 0;
}

static void take_glint_note(struct image *img, const uint8_t *d)
{
	uint32_t version = get32(d);

	if (img->has_hv && (img->abi_version == HV_ABI_VERSION ||
			    version != HV_ABI_VERSION))
		return;
	img->has_hv = true;
	img->abi_version = version;
	img->hv_entry = get64(d + 8);
	img->min_mem_kib = get32(d + 16);
}

static void take_note(struct image *img, uint32_t type, const uint8_t *name,
		      uint32_t name_len, const uint8_t *d, uint32_t len)
{
	if (name_is(name, name_len, HV_NOTE_NAME) && type == HV_NOTE_TYPE &&
	    len >= sizeof(struct hv_note)) {
		take_glint_note(img, d);
	} else if (name_is(name, name_len, "Xen")) {
		if (type == NT_XEN_PVH && len >= 4) {
			img->has_pvh = true;
			img->pvh_entry = len >= 8 ? get64(d) : get32(d);
		}
		img->has_xen_pv |= type == NT_XEN_ENTRY;
	} else if (name_is(name, name_len, "GNU") && type == NT_GNU_BUILD_ID) {
		img->build_id_len = len < IMAGE_BUILD_ID_MAX ? len : IMAGE_BUILD_ID_MAX;
		memcpy(img->build_id, d, img->build_id_len);
	}
}

/* gABI, "Note Section": name and descriptor are each padded to 4 bytes. A note
 * that does not fit ends the search. */
static void read_notes(struct image *img, struct bytes b)
{
	while (b.len >= 12) {
		uint64_t name_len = get32(b.p), desc_len = get32(b.p + 4);
		uint64_t desc_off = 12 + ALIGN_UP(name_len, 4ull);
		uint64_t next = desc_off + ALIGN_UP(desc_len, 4ull);

		if (!inside(desc_off, desc_len, b.len))
			return;
		take_note(img, get32(b.p + 8), b.p + 12, (uint32_t)name_len,
			  b.p + desc_off, (uint32_t)desc_len);
		if (next >= b.len)
			return;
		b.p += next;
		b.len -= next;
	}
}

static int read_program_headers(struct image *img, char err[IMAGE_ERR_MAX])
{
	const uint8_t *table = img->file + get64(img->file + 32);
	uint32_t n = get16(img->file + 56);

	for (uint32_t i = 0; i < n; i++) {
		struct phdr ph = phdr_at(table + i * PHDR_LEN);
		const char *fault = NULL;

		if (ph.type == PT_LOAD)
			fault = add_segment(img, &ph);
		else if (ph.type == PT_INTERP)
			fault = "asks for a dynamic linker";
		else if (ph.type == PT_NOTE && ph.align <= 4 &&
			 inside(ph.off, ph.filesz, img->file_len))
			read_notes(img, (struct bytes){ img->file + ph.off, ph.filesz });
		if (fault) {
			fmt_snprintf(err, IMAGE_ERR_MAX, "segment %u %s", i, fault);
			return -1;
		}
	}
	if (!img->n_segments) {
		fmt_snprintf(err, IMAGE_ERR_MAX, "it has no segment to load");
		return -1;
	}
	return 0;
}

/* Multiboot2 1.6, section 3.1.1: aligned by 8, magic, checksum of four words. */
static bool find_multiboot2(const uint8_t *f, uint64_t len)
{
	uint64_t end = len < MB2_SEARCH ? len : MB2_SEARCH;

	for (uint64_t i = 0; i + 16 <= end; i += 8) {
		if (get32(f + i) == MB2_MAGIC &&
		    get32(f + i) + get32(f + i + 4) + get32(f + i + 8) +
		    get32(f + i + 12) == 0)
			return true;
	}
	return false;
}

/* The section ".symbols", by the section headers, which `objcopy --strip-all`
 * keeps. All of this may be missing or broken: then there are no names. */
static void find_symbols(struct image *img)
{
	const uint8_t *f = img->file;
	uint64_t off = get64(f + 40), names_off, names_len;
	uint32_t n = get16(f + 60), str = get16(f + 62);

	if (get16(f + 58) != SHDR_LEN || str >= n || n > SHNUM_MAX ||
	    !inside(off, (uint64_t)n * SHDR_LEN, img->file_len))
		return;
	names_off = get64(f + off + (uint64_t)str * SHDR_LEN + 24);
	names_len = get64(f + off + (uint64_t)str * SHDR_LEN + 32);
	if (!inside(names_off, names_len, img->file_len))
		return;
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *sh = f + off + (uint64_t)i * SHDR_LEN;
		uint64_t name = get32(sh);

		if (get32(sh + 4) == SHT_PROGBITS && inside(name, 9, names_len) &&
		    memcmp(f + names_off + name, ".symbols", 9) == 0 &&
		    inside(get64(sh + 24), get64(sh + 32), img->file_len)) {
			img->symbols = f + get64(sh + 24);
			img->symbols_len = get64(sh + 32);
		}
	}
}

int image_parse(const uint8_t *file, uint64_t len, struct image *out,
		char err[IMAGE_ERR_MAX])
{
	const char *fault = header_fault(file, len);

	*out = (struct image){ .file = file, .file_len = len };
	if (fault) {
		fmt_snprintf(err, IMAGE_ERR_MAX, "%s", fault);
		return -1;
	}
	out->elf_entry = get64(file + 24);
	if (read_program_headers(out, err))
		return -1;
	out->start = page_down(out->seg[0].addr);
	out->end = page_up(out->seg[out->n_segments - 1].addr +
			   out->seg[out->n_segments - 1].mem_len);
	for (uint32_t i = out->n_segments; i-- > 0;) {
		if (out->seg[i].exec) {
			out->text_start = out->seg[i].addr;
			out->text_end = out->seg[i].addr + out->seg[i].mem_len;
		}
	}
	out->has_multiboot2 = find_multiboot2(file, len);
	find_symbols(out);
	return 0;
}

static bool is_code(const struct image *img, uint64_t addr)
{
	for (uint32_t i = 0; i < img->n_segments; i++) {
		const struct image_segment *s = &img->seg[i];

		if (s->exec && addr >= s->addr && addr - s->addr < s->file_len)
			return true;
	}
	return false;
}

int image_check_hv(const struct image *img, char err[IMAGE_ERR_MAX])
{
	if (!img->has_hv) {
		fmt_snprintf(err, IMAGE_ERR_MAX, "it has no hv note, so it was not built for `glint run`"
			     " (build it with hv among its platforms: make image PV=\"hv kvm\")");
	} else if (img->abi_version != HV_ABI_VERSION) {
		fmt_snprintf(err, IMAGE_ERR_MAX, "it was built for version %u of the hypervisor's"
			     " interface, and this glint has version %u",
			     img->abi_version, HV_ABI_VERSION);
	} else if (img->start < HV_MEM_BASE) {
		fmt_snprintf(err, IMAGE_ERR_MAX, "its first segment is at 0x%llx, below guest memory,"
			     " which begins at 0x%llx", (unsigned long long)img->start, HV_MEM_BASE);
	} else if (!is_code(img, img->hv_entry)) {
		fmt_snprintf(err, IMAGE_ERR_MAX, "its entry point 0x%llx lies outside its code",
			     (unsigned long long)img->hv_entry);
	} else {
		return 0;
	}
	return -1;
}

uint64_t image_mem_needed(const struct image *img, uint64_t extra)
{
	uint64_t least = (uint64_t)img->min_mem_kib * 1024;
	uint64_t image = img->end - HV_MEM_BASE;

	return page_up(least > image ? least : image) + extra +
	       page_up(sizeof(struct hv_start));
}
