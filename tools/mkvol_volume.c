/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mkvol volume: a folder onto a littlefs volume, through the guest's VFS.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/fs.h"
#include "fs/lfs_bd.h"
#include "tools/file_blkdev.h"
#include "tools/gpt_write.h"
#include "tools/host_kernel.h"
#include "tools/mkvol.h"
#include "tools/target.h"

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

int copy_file_in(const struct tree_entry *e, const char *path)
{
	static char buf[1 << 16];
	struct file_iov iov = { buf, 0 };
	struct file *f;
	uint64_t wall = host_wall;
	ssize_t n;
	int fd = open(e->host, O_RDONLY | O_CLOEXEC), r;

	if (fd < 0)
		die("%s: %s", e->host, strerror(errno));
	r = vfs_open(path, VFS_WR, 0, &f);
	if (r < 0) {
		close(fd);
		return r;
	}
	/* It is written at its own time: one commit less. */
	host_wall = e->mtime_ns;
	while (r >= 0 && (n = read(fd, buf, sizeof(buf))) != 0) {
		if (n < 0)
			die("%s: %s", e->host, strerror(errno));
		iov.len = (size_t)n;
		r = (int)f->ops->writev(f, &iov, 1);
		if (r >= 0 && r < n)
			r = -ENOSPC;
		if (interrupted)
			r = -EINTR;
		progress_step(0, (uint64_t)n);
	}
	if (r >= 0)
		r = f->ops->sync(f);
	file_put(f);
	close(fd);
	host_wall = wall;
	if (r >= 0 && (!e->mtime_ns || !e->size))
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
	return content ? copy_file_in(e, path) :
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

	progress_begin("files", t->n);
	for (size_t i = 0; r == 0 && i < t->n; i++)
		r = copy_entry(&t->e[i], false);
	for (size_t i = 0; r == 0 && i < t->n; i++) {
		r = copy_entry(&t->e[i], true);
		if (r < 0 && r != -ENOSPC && !file_blkdev_error())
			warn("%s: %s", t->e[i].host,
			     r == -EFBIG ? "larger than 2 GiB" : strerror(-r));
		progress_step(1, 0);
	}
	progress_end();
	return r < 0 ? r : copy_times(t);
}

static uint64_t auto_size(uint64_t blocks)
{
	uint64_t bytes = (blocks + blocks / 4 + 16) * LFS_BLOCK;

	return (bytes + (1 << 20) - 1) >> 20 << 20;
}

uint64_t volume_auto_size(const struct tree *t)
{
	return auto_size(blocks_needed(t));
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

int volume_fill(struct blkdev *bd, const struct tree *t, const char *out,
		const char *folder, uint64_t *used)
{
	uint64_t size = bd->n_sectors * BLK_SECTOR;
	char a[32], b[32];
	int r;

	for (size_t i = 0; i < t->n; i++) {
		if (t->e[i].size > FILE_MOST) {
			warn("%s: larger than 2 GiB, too large for a volume",
			     t->e[i].host);
			return -EFBIG;
		}
	}
	host_wall = t->e[0].mtime_ns ? t->e[0].mtime_ns : 1;
	r = make(bd, t, used);
	host_wall = 0;
	if (r < 0 && file_blkdev_error())	/* the host's own trouble */
		warn("%s: writing failed: %s", out,
		     strerror(file_blkdev_error()));
	else if (r == -ENOSPC)
		warn("%s: %s does not fit into %s; about %s are needed", out,
		     folder, human(size, a, sizeof(a)),
		     human(volume_auto_size(t), b, sizeof(b)));
	else if (r < 0)
		warn("%s: %s", out, strerror(-r));
	return r;
}

/* What a former partition table left at the end of the disk must not be taken
 * for one some day. */
static int wipe_old_table(struct blkdev *bd)
{
	static const uint8_t zeros[4096];
	uint64_t size = bd->n_sectors * BLK_SECTOR, sig;
	uint8_t buf[4096];
	int r = 0;

	for (uint32_t lba = 512; r == 0 && lba <= 4096; lba *= 8) {
		if (size < 4 * 4096 || size % lba || lba < bd->block_size)
			continue;
		r = blkdev_read(bd, size - lba, buf, lba);
		memcpy(&sig, buf, sizeof(sig));
		if (r == 0 && sig == GPT_SIGNATURE)
			r = blkdev_write(bd, size - lba, zeros, lba);
	}
	return r;
}

static int say_done(const char *out, const struct tree *t, uint64_t size,
		    uint64_t used)
{
	char a[32], b[32];

	printf("%s: %s, %zu entries, %s used\n", out, human(size, a, sizeof(a)),
	       t->n - 1, human(used, b, sizeof(b)));
	return MKVOL_OK;
}

static int make_whole(const char *out, const struct tree *t, const char *folder,
		      uint64_t size)
{
	struct stat st;
	struct blkdev bd;
	uint64_t used = 0;
	int r, close_r;

	if (!size && !(stat(out, &st) == 0 && S_ISBLK(st.st_mode)))
		size = volume_auto_size(t);
	size -= size % LFS_BLOCK;
	r = file_blkdev_open(&bd, output_begin(out), true, size);
	if (r < 0)
		die("%s: %s", out, r == -EBUSY ? image_user :
		    r == -ENOTBLK ? "neither a file nor a block device" :
		    strerror(-r));
	size = bd.n_sectors * BLK_SECTOR;
	r = wipe_old_table(&bd);
	r = r < 0 ? r : volume_fill(&bd, t, out, folder, &used);
	close_r = file_blkdev_close(&bd);
	if (r == 0 && close_r < 0)
		warn("%s: writing failed: %s", out, strerror(-close_r));
	if (r < 0 || close_r < 0) {
		output_drop();
		return MKVOL_FAILED;
	}
	output_done(out);
	return say_done(out, t, size, used);
}

static int make_part(const char *arg, const struct tree *t, const char *folder)
{
	struct target tg;
	uint64_t used = 0, size;
	int r;

	target_open(&tg, arg, NULL, IMAGE_WRITE);
	target_choose(&tg);
	size = tg.bd.n_sectors * BLK_SECTOR;
	r = volume_fill(&tg.bd, t, arg, folder, &used);
	if (target_close(&tg) < 0 || r < 0)
		return MKVOL_FAILED;
	return say_done(arg, t, size, used);
}

/* -o IMAGE:LABEL names a partition, unless a file is called so. */
bool output_is_part(const char *out)
{
	const char *part;
	char *path;
	bool is = target_split(out, NULL, &path, &part) && part;

	free(path);
	return is;
}

#define SIZE_LEAST (16ull << 10)
#define SIZE_MOST  (8ull << 40)		/* 2^31 blocks of 4 KiB */

int verb_volume(int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "size", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	const char *out = NULL;
	uint64_t size = 0;
	struct tree t;
	int c, r;

	while ((c = getopt_long(argc, argv, "o:s:", options, NULL)) != -1) {
		if (c == 'o')
			out = optarg;
		else if (c != 's')
			return usage(argv[0], "unknown option");
		else if (!parse_size(optarg, &size) || size < SIZE_LEAST ||
			 size > SIZE_MOST)
			return usage(argv[0], "not a size (16K to 8192G): %s",
				     optarg);
	}
	if (!out)
		return usage(argv[0], "where to? -o IMAGE is missing");
	if (optind + 1 != argc)
		return usage(argv[0], "exactly one FOLDER is needed");
	if (output_is_part(out) && size)
		return usage(argv[0], "a partition has its size; see resize");
	tree_read(&t, argv[optind]);
	r = output_is_part(out) ? make_part(out, &t, argv[optind]) :
	    make_whole(out, &t, argv[optind], size);
	tree_free(&t);
	return r;
}
