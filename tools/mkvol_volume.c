/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mkvol volume: a folder onto a littlefs volume, through the guest's VFS.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/fs.h"
#include "fs/lfs_bd.h"
#include "tools/file_blkdev.h"
#include "tools/host_kernel.h"
#include "tools/mkvol.h"

#define MNT "/v"
#define FILE_MOST 0x7fffffffu		/* littlefs' greatest file */

/* Blocks that the tree takes at most: data in whole blocks with the links of
 * littlefs' list, and metadata. A name with its attributes takes less than 64
 * bytes more than its text; blocks are split when half full; two copies. */
static uint64_t blocks_needed(const struct tree *t)
{
	uint64_t blocks = 4, meta = 0;

	for (size_t i = 0; i < t->n; i++) {
		const struct tree_entry *e = &t->e[i];
		const char *name = strrchr(e->path, '/');

		meta += 64 + strlen(name ? name : e->path);
		if (e->dir)
			blocks += 2;
		else if (e->size <= LFS_BLOCK / 8)
			meta += e->size;
		else
			blocks += (e->size + LFS_BLOCK - 9) / (LFS_BLOCK - 16) + 1;
	}
	return blocks + 2 * (meta / (LFS_BLOCK / 3) + 1);
}

/* 0, or -errno with a message. */
static int copy_file(const struct tree_entry *e, const char *path)
{
	static char buf[1 << 16];
	struct file_iov iov = { buf, 0 };
	struct file *f;
	ssize_t n;
	int fd = open(e->host, O_RDONLY | O_CLOEXEC), r;

	if (fd < 0)
		die("%s: %s", e->host, strerror(errno));
	r = vfs_open(path, VFS_WR, 0, &f);
	if (r < 0) {
		close(fd);
		return r;
	}
	while (r >= 0 && (n = read(fd, buf, sizeof(buf))) != 0) {
		if (n < 0)
			die("%s: %s", e->host, strerror(errno));
		iov.len = (size_t)n;
		r = (int)f->ops->writev(f, &iov, 1);
		if (r >= 0 && r < n)
			r = -ENOSPC;
	}
	if (r >= 0)
		r = f->ops->sync(f);
	file_put(f);
	close(fd);
	if (r >= 0)
		r = vfs_utime(path, e->mtime_ns);
	return r;
}

static int create_file(const char *path, uint32_t mode)
{
	struct file *f;
	int r = vfs_open(path, VFS_WR | VFS_CREATE | VFS_EXCL, mode, &f);

	if (r == 0)
		file_put(f);
	return r;
}

/* All names first, then all content: the directories' blocks lie together, and
 * mounting, which reads them all, reads in sequence. */
static int copy_entry(const struct tree_entry *e, bool content)
{
	char path[VFS_PATH_MAX + 8];

	if (!e->path[0] || (e->dir && content))
		return 0;
	snprintf(path, sizeof(path), MNT "/%s", e->path);
	return content ? copy_file(e, path) :
	       e->dir ? vfs_mkdir(path, e->mode) : create_file(path, e->mode);
}

/* Directories' times last: what is made in them would change them one day. */
static int copy_times(const struct tree *t)
{
	int r = 0;

	for (size_t i = t->n; r == 0 && i-- > 0;) {
		char path[VFS_PATH_MAX + 8];

		if (!t->e[i].dir)
			continue;
		snprintf(path, sizeof(path), MNT "%s%s", i ? "/" : "",
			 t->e[i].path);
		r = vfs_utime(path, t->e[i].mtime_ns);
	}
	return r;
}

static int fill(const struct tree *t)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < t->n; i++)
		r = copy_entry(&t->e[i], false);
	for (size_t i = 0; r == 0 && i < t->n; i++) {
		r = copy_entry(&t->e[i], true);
		if (r < 0 && r != -ENOSPC)
			warn("%s: %s", t->e[i].host,
			     r == -EFBIG ? "larger than 2 GiB" : strerror(-r));
		progress("files", i + 1, t->n);
	}
	return r < 0 ? r : copy_times(t);
}

static uint64_t auto_size(uint64_t blocks)
{
	uint64_t bytes = (blocks + blocks / 4 + 16) * LFS_BLOCK;

	return (bytes + (1 << 20) - 1) >> 20 << 20;
}

static int make(struct blkdev *bd, const struct tree *t, uint64_t *used)
{
	static const struct lfs_options opt = { .cache_bytes = 32 << 20 };
	struct vfs_statfs fs;
	int r = lfs_format(bd);

	if (r == 0)
		r = lfs_mount(MNT, bd, &opt);
	if (r < 0)
		return r;
	r = fill(t);
	if (r == 0)
		r = vfs_statfs(MNT, &fs);
	if (r == 0)
		r = vfs_sync();
	if (r == 0)
		*used = (fs.blocks - fs.blocks_free) * LFS_BLOCK;
	vfs_unmount(MNT);
	return r;
}

int volume_make(const char *out, const char *folder, uint64_t size)
{
	char a[32], b[32];
	struct stat st;
	struct blkdev bd;
	struct tree t;
	uint64_t need, used = 0;
	bool device = stat(out, &st) == 0 && S_ISBLK(st.st_mode);
	int r, close_r;

	tree_read(&t, folder);
	for (size_t i = 0; i < t.n; i++)
		if (t.e[i].size > FILE_MOST)
			die("%s: larger than 2 GiB, too large for a volume",
			    t.e[i].host);
	need = blocks_needed(&t);
	if (!size && !device)
		size = auto_size(need);
	size -= size % LFS_BLOCK;
	r = file_blkdev_open(&bd, output_begin(out), true, size);
	if (r < 0)
		die("%s: %s", out, r == -EBUSY ? "is in use" :
		    r == -ENOTBLK ? "neither a file nor a block device" :
		    strerror(-r));
	size = bd.n_sectors * BLK_SECTOR;
	host_wall = t.e[0].mtime_ns ? t.e[0].mtime_ns : 1;
	r = make(&bd, &t, &used);
	close_r = file_blkdev_close(&bd);
	if (r == 0)
		r = close_r;
	if (r < 0 && file_blkdev_error()) {	/* the host's own trouble */
		warn("%s: writing failed: %s", out,
		     strerror(file_blkdev_error()));
	} else if (r == -ENOSPC) {
		warn("%s: %s does not fit into %s; about %s are needed", out,
		     folder, human(size, a, sizeof(a)),
		     human(auto_size(need), b, sizeof(b)));
	} else if (r < 0) {
		warn("%s: %s", out, strerror(-r));
	}
	if (r < 0) {
		output_drop();
		return MKVOL_FAILED;
	}
	output_done(out);
	printf("%s: %s, %zu entries, %s used\n", out, human(size, a, sizeof(a)),
	       t.n - 1, human(used, b, sizeof(b)));
	tree_free(&t);
	return MKVOL_OK;
}
