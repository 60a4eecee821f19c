/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See volume_help.h.
 */
#include "tests/host/volume_help.h"

#include <stdlib.h>
#include <string.h>

#include "fs/lfs.h"
#include "tests/host/fs_help.h"

#define ENTRIES 2000

static void fill(const uint8_t *p)
{
	char name[80], to[80];

	vfs_mkdir("/v/d", 0755);
	vfs_mkdir("/v/d/e", 0700);
	vfs_mkdir("/v/empty", 0755);
	help_put("/v/none", p, 0);
	help_put("/v/tiny", p, 300);
	help_put("/v/one", p, 3000);
	help_put("/v/big", p, 60000);
	help_put("/v/d/e/f", p, 5000);
	for (int i = 0; i < 70; i++) {
		snprintf(name, sizeof(name), "/v/d/a-rather-long-file-name-%d", i);
		help_put(name, p + i, (size_t)(i % 5 ? 100 : 600));
	}
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "/v/d/a-rather-long-file-name-%d",
			 7 * i);
		snprintf(to, sizeof(to), "/v/d/e/moved-%d", i);
		if (i & 1)
			vfs_unlink(name);
		else
			vfs_rename(name, to);
	}
	help_put("/v/one", p + 7, 9000);
	vfs_chmod("/v/d/e/f", 0600);
	vfs_utime("/v/big", 12345);
}

void volume_make(struct ram_disk *d)
{
	uint8_t *p = help_pattern(70000, 1);

	if (lfs_format(&d->bd) < 0 ||
	    lfs_mount("/v", &d->bd, &(struct lfs_options){ 0 }) < 0)
		abort();
	fill(p);
	if (vfs_unmount("/v") < 0)
		abort();
	free(p);
}

static void mix(uint64_t *h, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		*h = (*h ^ p[i]) * 0x100000001b3u;
}

static void sum_file(const char *path, struct volume_sum *s)
{
	static char buf[8192];
	struct file *f;
	long n;

	if (vfs_open(path, VFS_RD, 0, &f) < 0) {
		s->errors++;
		return;
	}
	/* A made-up size ends, too. */
	for (int i = 0; (n = help_read(f, buf, sizeof(buf))) > 0 && i < 400; i++)
		mix(&s->data, buf, (size_t)n);
	s->errors += n < 0;
	file_put(f);
}

static void sum_dir(const char *path, int depth, struct volume_sum *s)
{
	char sub[VFS_PATH_MAX + VFS_NAME_MAX + 2];
	struct vfs_dirent de;
	struct file_stat st;
	struct file *d;
	int r = vfs_open(path, VFS_RD | VFS_DIRECTORY, 0, &d);

	if (r < 0 || depth > 20) {
		s->errors++;
		if (r == 0)
			file_put(d);
		return;
	}
	while ((r = vfs_readdir(d, &de)) == 1 && s->n < ENTRIES) {
		if (!strcmp(de.name, ".") || !strcmp(de.name, ".."))
			continue;
		s->n++;
		snprintf(sub, sizeof(sub), "%s/%s", path, de.name);
		if (vfs_stat(sub, &st) < 0) {
			s->errors++;
			continue;
		}
		mix(&s->names, sub, strlen(sub) + 1);
		mix(&s->names, &st.mode, sizeof(st.mode));
		mix(&s->names, &st.size, sizeof(st.size));
		mix(&s->names, &st.mtime_ns, sizeof(st.mtime_ns));
		if ((st.mode & VFS_S_IFMT) == VFS_S_IFDIR)
			sum_dir(sub, depth + 1, s);
		else
			sum_file(sub, s);
	}
	s->errors += r < 0;
	file_put(d);
}

bool volume_sum(struct ram_disk *d, struct volume_sum *s)
{
	struct vfs_statfs fs;

	memset(s, 0, sizeof(*s));
	if (lfs_mount("/v", &d->bd,
		      &(struct lfs_options){ .read_only = true }) < 0)
		return false;
	sum_dir("/v", 0, s);
	s->errors += vfs_statfs("/v", &fs) < 0;
	if (vfs_unmount("/v") < 0)
		abort();
	return true;
}

void volume_fix_sums(uint8_t b[4096])
{
	uint32_t off = 4, ptag = UINT32_MAX, crc = lfs2_crc(UINT32_MAX, b, 4);

	while (off + 8 <= 4096) {
		uint32_t tag, n;

		memcpy(&tag, b + off, 4);
		tag = __builtin_bswap32(tag) ^ ptag;
		n = (tag & 0x3ff) == 0x3ff ? 0 : tag & 0x3ff;
		if ((tag & 0x80000000u) || off + 4 + n > 4096)
			break;
		ptag = tag;
		crc = lfs2_crc(crc, b + off, 4);
		if ((tag >> 20 & 0x780) == 0x500) {
			memcpy(b + off + 4, &crc, 4);
			crc = UINT32_MAX;
			ptag ^= (tag >> 20 & 1) << 31;
		} else {
			crc = lfs2_crc(crc, b + off + 4, n);
		}
		off += 4 + n;
	}
}
