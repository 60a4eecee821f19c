/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See core.h. System V gABI, core file; the notes as Linux writes them
 * (NT_PRSTATUS, NT_SIGINFO is left out). Pages of zeros become holes.
 */
#include "hv/core.h"

#include <linux/elf.h>
#include <linux/ptrace.h>

#include "hv/host.h"
#include "hv/msg.h"
#include "kernel/lib/compiler.h"
#include "kernel/lib/string.h"

#define CHUNK	     65536u
#define SEGMENTS_MAX (IMAGE_SEGMENTS_MAX + 2u)

/* struct elf_prstatus of Linux for x86-64. */
struct prstatus {
	int32_t signo, code, err;
	int16_t cursig;
	uint64_t sigpend, sighold;
	int32_t pid, ppid, pgrp, sid;
	uint64_t times[8];
	struct fault_regs regs;
	int32_t fpvalid;
};
_Static_assert(sizeof(struct prstatus) == 336, "elf_prstatus");

struct note {
	Elf64_Nhdr head;
	char name[8];			/* "CORE" and padding */
	struct prstatus status;
} PACKED;
_Static_assert(offsetof(struct note, status) == 20, "note: padded to 4 bytes only");

struct headers {
	Elf64_Ehdr file;
	Elf64_Phdr ph[SEGMENTS_MAX + 1];
	struct note note;
};

struct core {
	struct headers h;
	uint64_t off;			/* in the file */
	uint32_t n;			/* PT_LOADs */
};

static char chunk[CHUNK];

static void add_range(struct core *c, uint64_t start, uint64_t end, uint32_t flags)
{
	if (start >= end)
		return;
	c->h.ph[1 + c->n++] = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_flags = flags, .p_offset = c->off, .p_vaddr = start,
		.p_paddr = start, .p_filesz = end - start, .p_memsz = end - start, .p_align = HV_PAGE,
	};
	c->off += end - start;
}

/* Guest memory by the image's segments; what lies between them and above is data. */
static void add_ranges(struct core *c, const struct run *r)
{
	uint64_t at = HV_MEM_BASE;

	for (uint32_t i = 0; i < r->image.n_segments; i++) {
		const struct image_segment *s = &r->image.seg[i];
		uint64_t start = ALIGN_DOWN(s->addr, (uint64_t)HV_PAGE);
		uint64_t end = ALIGN_UP(s->addr + s->mem_len, (uint64_t)HV_PAGE);

		add_range(c, at, start, PF_R | PF_W);
		add_range(c, start, end, PF_R | (s->write ? PF_W : 0u) | (s->exec ? PF_X : 0u));
		at = end;
	}
	add_range(c, at, HV_MEM_BASE + r->mem_size, PF_R | PF_W);
}

static void fill_headers(struct core *c, int pid, const struct fault_info *info, const struct fault_regs *regs)
{
	static const uint8_t ident[8] = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT, 0 };
	struct headers *h = &c->h;

	memcpy(h->file.e_ident, ident, sizeof(ident));
	h->file.e_type = ET_CORE;
	h->file.e_machine = EM_X86_64;
	h->file.e_version = EV_CURRENT;
	h->file.e_phoff = offsetof(struct headers, ph);
	h->file.e_ehsize = sizeof(h->file);
	h->file.e_phentsize = sizeof(h->ph[0]);
	h->file.e_phnum = (uint16_t)(c->n + 1);
	h->ph[0] = (Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = offsetof(struct headers, note),
				 .p_filesz = sizeof(h->note), .p_align = 4 };
	h->note.head = (Elf64_Nhdr){ 5, sizeof(struct prstatus), NT_PRSTATUS };
	memcpy(h->note.name, "CORE", 4);
	h->note.status.signo = info->signo;
	h->note.status.code = info->code;
	h->note.status.cursig = (int16_t)info->signo;
	h->note.status.pid = pid;
	h->note.status.regs = *regs;
}

static bool is_zero(const char *p, size_t len)
{
	return p[0] == 0 && memcmp(p, p + 1, len - 1) == 0;
}

/* /proc/PID/mem also reads pages that the guest itself may not (stack guards). */
static long copy_range(int out, int mem, const Elf64_Phdr *ph)
{
	for (uint64_t done = 0; done < ph->p_filesz; done += CHUNK) {
		size_t len = ph->p_filesz - done < CHUNK ? (size_t)(ph->p_filesz - done) : CHUNK;
		long n = sys_pread(mem, chunk, len, ph->p_vaddr + done);

		if (n <= 0 || is_zero(chunk, (size_t)n))
			continue;
		n = sys_pwrite(out, chunk, (size_t)n, ph->p_offset + done);
		if (n < 0)
			return n;
	}
	return 0;
}

void core_write(const struct run *r, int pid, const struct fault_info *info,
		const struct fault_regs *regs)
{
	static struct core c;
	int out = sys_open(r->core_path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
	int mem = fault_open_mem(pid, O_RDONLY);
	long err = out < 0 ? out : mem < 0 ? mem : 0;

	memset(&c, 0, sizeof(c));
	c.off = ALIGN_UP(sizeof(struct headers), (uint64_t)HV_PAGE);
	add_ranges(&c, r);
	fill_headers(&c, pid, info, regs);
	if (!err)
		err = SYS(ftruncate, out, c.off, 0, 0, 0, 0);
	if (!err && sys_pwrite(out, &c.h, sizeof(c.h), 0) != sizeof(c.h))
		err = -ENOSPC;
	for (uint32_t i = 0; i < c.n && !err; i++)
		err = copy_range(out, mem, &c.h.ph[1 + i]);
	if (err)
		msg("--core %s: %s", r->core_path, errno_text(err));
	else
		msg("wrote %s; look at it with: gdb IMAGE.dbg %s", r->core_path, r->core_path);
	if (out >= 0)
		sys_close(out);
	if (mem >= 0)
		sys_close(mem);
}
