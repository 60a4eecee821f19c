/* SPDX-License-Identifier: BSD-2-Clause
 *
 * /dev/vol through the VFS: names, sizes, what is aligned and what is not,
 * ends, who may open what.
 *
 * SOURCES: fs/vfs.c fs/path.c fs/mounts.c fs/root.c fs/devfs.c fs/rawdev.c
 * SOURCES: kernel/blkdev.c kernel/blkdev_io.c tools/host_kernel.c
 * SOURCES: tests/host/sync_disk.c tests/host/fs_help.c
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/rawdev.h"
#include "kernel/console.h"
#include "kernel/entropy.h"
#include "tests/host/fs_help.h"
#include "tests/host/sync_disk.h"
#include "tests/unit/tap.h"

#define LEN 262144u
#define PART 65536u

/* What /dev's other files want. */
void console_write(const char *text, size_t len)
{
	(void)text;
	(void)len;
}
size_t console_read(char *buf, size_t len)
{
	(void)buf;
	return len;
}
bool console_readable(void)
{
	return true;
}
struct wait_queue *console_read_queue(void)
{
	return NULL;
}
void entropy_bytes(void *out, size_t len)
{
	memset(out, 0, len);
}
/* fs_help.c can mount; nothing here does. */
int lfs_mount(const char *path, struct blkdev *dev, const struct lfs_options *opt)
{
	(void)path;
	(void)dev;
	(void)opt;
	return -ENOSYS;
}

static uint8_t bytes[2][LEN + 512];
static struct sync_disk d[2];
static struct blkdev data = { .parent = &d[0].bd, .start = 8, .number = 1,
			      .n_sectors = PART / 512, .label = "data" };
static struct blkdev twin = { .parent = &d[0].bd, .start = 256, .number = 2,
			      .n_sectors = 8, .label = "s2" };
static struct blkdev fixed = { .parent = &d[0].bd, .start = 264, .number = 3,
			       .n_sectors = 8, .label = "ro", .read_only = true };

static struct file *flusher;

/* Another thread's fsync overtakes a write. */
static void flush_first(struct sync_disk *disk)
{
	disk->on_request = NULL;
	if (flusher->ops->sync(flusher) < 0)
		abort();
}

static int try_open(const char *path, unsigned flags)
{
	struct file *f;
	int r = vfs_open(path, flags, 0600, &f);

	if (r == 0)
		file_put(f);
	return r;
}

static struct file *must_open(const char *path, unsigned flags)
{
	struct file *f;

	if (vfs_open(path, flags, 0, &f) < 0)
		abort();
	return f;
}

static void test_directory(void)
{
	static const char *const want[] = {
		".", "..", "disk0", "s1", "disk0p1", "data", "disk0p2",
		"disk0p3", "ro", "disk1",
	};
	struct file *f = must_open("/dev/vol", VFS_RD | VFS_DIRECTORY);
	struct vfs_dirent e;
	struct file_stat st;
	unsigned n = 0, good = 0;
	uint64_t ino = 0;

	while (vfs_readdir(f, &e) == 1) {
		if (n < ARRAY_SIZE(want) && !strcmp(e.name, want[n]))
			good++;
		else
			printf("# %s\n", e.name);
		if (!strcmp(e.name, "data"))
			ino = e.ino;
		n++;
	}
	ok(good == ARRAY_SIZE(want) && n == good, "entries, without names of two");
	ok(!vfs_rewinddir(f) && vfs_readdir(f, &e) == 1 && !strcmp(e.name, "."), "rewind");
	file_put(f);
	f = must_open("/dev", VFS_RD | VFS_DIRECTORY);
	for (n = 0; vfs_readdir(f, &e) == 1; n++)
		if (!strcmp(e.name, "vol"))
			ok((e.mode & VFS_S_IFMT) == VFS_S_IFDIR, "/dev names it");
	ok(n == 2 + 6, "after the other five");
	file_put(f);
	ok(!vfs_stat("/dev/vol", &st) && (st.mode & VFS_S_IFMT) == VFS_S_IFDIR &&
	   !vfs_stat("/dev/vol/", &st), "a directory");
	ok(!vfs_stat("/dev/vol/data", &st) && st.mode == (0060000 | 0666) &&
	   st.size == PART && st.blksize == 512 && st.ino == ino &&
	   st.blocks == PART / 512, "a block device of its size");
	ok(!vfs_stat("/dev/vol/ro", &st) && st.mode == (0060000 | 0444), "a read-only one");
	ok(!vfs_stat("/dev/vol/disk1", &st) && st.size == LEN &&
	   st.blksize == 4096, "whole blocks");
	ok(vfs_stat("/dev/vol/none", &st) == -ENOENT && vfs_stat("/dev/vol/data/x", &st) < 0 &&
	   vfs_stat("/dev/vol/s2", &st) == -ENOENT && vfs_stat("/dev/volt", &st) == -ENOENT &&
	   vfs_stat("/dev/vo", &st) == -ENOENT && vfs_stat("/dev/null/x", &st) == -ENOTDIR &&
	   vfs_stat("/dev/vol/data/", &st) == -ENOTDIR, "and nothing else");
}

static void test_open(void)
{
	struct file *f, *g;

	ok(try_open("/dev/vol/none", VFS_RD) == -ENOENT &&
	   try_open("/dev/vol/none", VFS_WR | VFS_CREATE) == -EROFS &&
	   try_open("/dev/vol/data", VFS_WR | VFS_CREATE | VFS_EXCL) == -EEXIST &&
	   try_open("/dev/vol/data", VFS_RD | VFS_DIRECTORY) == -ENOTDIR &&
	   try_open("/dev/vol", VFS_WR) == -EISDIR &&
	   vfs_unlink("/dev/vol/data") == -EROFS, "what cannot be");
	ok(!try_open("/dev/vol/data", VFS_RD | VFS_WR | VFS_CREATE | VFS_TRUNC), "O_TRUNC is ignored");
	ok(try_open("/dev/vol/ro", VFS_WR) == -EROFS && !try_open("/dev/vol/ro", VFS_RD), "read-only");
	ok(try_open("/dev/vol/disk0", VFS_WR) == -EBUSY && !try_open("/dev/vol/disk0", VFS_RD),
	   "a partitioned disk can be read");
	(void)!blkdev_claim(&data, "/x");
	ok(try_open("/dev/vol/data", VFS_WR) == -EBUSY && !try_open("/dev/vol/data", VFS_RD),
	   "mounted: only for reading");
	blkdev_unclaim(&data, "/x");
	f = must_open("/dev/vol/data", VFS_RD | VFS_WR);
	g = must_open("/dev/vol/disk0p1", VFS_WR);
	ok(blkdev_claim(&data, "/x") == -EBUSY, "open for writing: no mount");
	file_put(f);
	ok(blkdev_claim(&data, "/x") == -EBUSY, "until both");
	file_put(g);
	ok(!blkdev_claim(&data, "/x"), "are closed");
	blkdev_unclaim(&data, "/x");
	f = must_open("/dev/vol/data", VFS_RD);
	ok(!blkdev_claim(&data, "/x"), "readers are in nobody's way");
	blkdev_unclaim(&data, "/x");
	ok(f->ops->pwrite(f, bytes, 512, 0) == -EBADF, "and cannot write");
	file_put(f);
	host_heap_fail_after = 0;
	ok(try_open("/dev/vol/data", VFS_WR) == -ENOMEM && !data.writers, "no memory");
	host_heap_fail_after = -1;
}

static void test_transfers(void)
{
	struct file *f = must_open("/dev/vol/data", VFS_RD | VFS_WR);
	uint8_t *p = help_pattern(PART, 7), *at = bytes[0] + 4096;
	static uint8_t in[PART + 8];
	unsigned before;

	ok(f->ops->pwrite(f, p, PART, 0) == PART && !memcmp(at, p, PART), "all of it");
	ok(f->ops->pread(f, in, 1024, 512) == 1024 && !memcmp(in, p + 512, 1024), "a part");
	before = d[0].requests;
	ok(f->ops->pread(f, in, 512, 1) == -EINVAL && f->ops->pread(f, in, 511, 0) == -EINVAL &&
	   f->ops->pwrite(f, p, 513, 0) == -EINVAL && f->ops->pwrite(f, p, 512, PART + 1) == -EINVAL &&
	   f->ops->pread(f, in, 512, INT64_MAX - 510) == -EINVAL && d[0].requests == before,
	   "not aligned");
	ok(f->ops->pread(f, in, 512, PART) == 0 && f->ops->pread(f, in, 512, INT64_MAX - 511) == 0 &&
	   f->ops->pwrite(f, p, 512, PART) == -ENOSPC && f->ops->pwrite(f, p, 0, PART) == 0 &&
	   f->ops->pwrite(f, p, 512, INT64_MAX - 511) == -ENOSPC && d[0].requests == before, "the end");
	ok(f->ops->pread(f, in, 2048, PART - 512) == 512 &&
	   f->ops->pwrite(f, p, 2048, PART - 1024) == 1024 && !memcmp(at + PART - 1024, p, 1024) &&
	   at[PART] == 0, "as far as it goes");
	ok(f->ops->pread(f, in + 1, PART, 0) == PART && !memcmp(in + 1, at, PART), "odd memory: read");
	ok(f->ops->pwrite(f, in + 1, PART - 1024, 1024) == PART - 1024 &&
	   !memcmp(at + 1024, in + 1, PART - 1024), "write");
	before = (unsigned)d[0].bd.flushes;
	ok(!f->ops->sync(f) && d[0].bd.flushes == before + 1, "fsync flushes");
	before = d[0].flushes;
	ok(!vfs_sync() && d[0].flushes == before, "sync: nothing to do");
	ok(f->ops->pwrite(f, in + 1, 512, 0) == 512 && !vfs_sync() && !vfs_sync() &&
	   d[0].flushes == before + 1, "sync flushes what was written, once");
	d[0].bad_flush = true;
	ok(f->ops->pwrite(f, in + 1, 512, 0) == 512 && f->ops->sync(f) == -EIO &&
	   vfs_sync() == -EIO, "and again if it failed");
	d[0].bad_flush = false;
	file_put(f);
	ok(!vfs_sync() && d[0].flushes == before + 2, "what is closed too");
	flusher = must_open("/dev/vol/data", VFS_RD | VFS_WR);
	d[0].on_request = flush_first;
	ok(flusher->ops->pwrite(flusher, in, 512, 0) == 512 && !vfs_sync() &&
	   d[0].flushes == before + 4, "what was being written during a flush too");
	file_put(flusher);
	f = must_open("/dev/vol/data", VFS_RD | VFS_WR);
	d[0].bad_from = 4096 + 8192;
	d[0].bad_to = 4096 + 8704;
	ok(f->ops->pread(f, in, PART, 0) == -EIO && f->ops->pwrite(f, p, PART, 0) == -EIO &&
	   f->ops->pread(f, in + 1, PART, 0) == -EIO && f->ops->pwrite(f, in + 1, PART, 0) == -EIO &&
	   f->ops->pread(f, in, 8192, 0) == 8192, "EIO");
	d[0].bad_to = 0;
	host_heap_fail_after = 0;
	ok(f->ops->pread(f, in + 1, 512, 0) == -ENOMEM, "no buffer");
	ok(f->ops->pread(f, in, PART, 0) == PART, "none needed");
	host_heap_fail_after = -1;
	free(p);
	file_put(f);
}

static void test_position(void)
{
	struct file *f = must_open("/dev/vol/data", VFS_RD | VFS_WR);
	const struct file_ops *o = f->ops;
	uint8_t *p = help_pattern(4096, 9);
	static uint8_t in[8192];
	struct file_iov w[3] = { { p, 512 }, { p + 1, 0 }, { p + 512, 1024 } };
	struct file_iov odd[3] = { { in, 24 }, { in + 32, 1000 }, { in + 2000, 512 } };
	struct file_iov huge[2] = { { in, INT64_MAX - 511 }, { in, INT64_MAX - 511 } };

	ok(o->lseek(f, 0, 2) == PART && o->lseek(f, -1024, 1) == PART - 1024 &&
	   o->lseek(f, -1, 0) == -EINVAL, "seek");
	ok(o->writev(f, w, 3) == 1024 && o->lseek(f, 0, 1) == PART &&
	   o->writev(f, w, 3) == -ENOSPC && o->readv(f, w, 3) == 0, "a short write at the end");
	ok(o->lseek(f, 512, 0) == 512 && o->writev(f, w, 3) == 1536 &&
	   o->lseek(f, 0, 1) == 2048 && !memcmp(bytes[0] + 4096 + 512, p, 1536), "several buffers");
	o->lseek(f, 512, 0);
	ok(o->readv(f, odd, 3) == 1536 && !memcmp(in, p, 24) && !memcmp(in + 32, p + 24, 1000) &&
	   !memcmp(in + 2000, p + 1024, 512), "of odd lengths");
	o->lseek(f, 512, 0);
	memset(bytes[0] + 4096, 0, 4096);
	ok(o->writev(f, odd, 3) == 1536 && !memcmp(bytes[0] + 4096 + 512, p, 1536), "written too");
	odd[2].len = 511;
	ok(o->readv(f, odd, 3) == -EINVAL && o->lseek(f, 0, 1) == 2048, "not aligned: it stays");
	ok(o->readv(f, huge, 2) == -EINVAL, "lengths that wrap");
	d[0].bad_from = 4096;
	d[0].bad_to = 4096 + PART;
	ok(o->readv(f, w, 3) == -EIO && o->lseek(f, 0, 1) == 2048, "an error: it stays");
	d[0].bad_to = 0;
	o->lseek(f, 1, 0);
	ok(o->readv(f, w, 3) == -EINVAL, "a position within a block");
	f->append = true;
	ok(o->writev(f, w, 3) == -ENOSPC, "O_APPEND writes at the end, where nothing fits");
	free(p);
	file_put(f);
}

/* 4096-byte blocks, a capacity that is not whole ones, and changes. */
static void test_big_blocks(void)
{
	struct file *f = must_open("/dev/vol/disk1", VFS_RD | VFS_WR);
	static uint8_t in[8192] __attribute__((aligned(4)));

	ok(f->ops->pwrite(f, in, 512, 0) == -EINVAL && f->ops->pread(f, in, 4096, 512) == -EINVAL &&
	   f->ops->pwrite(f, in, 4096, 4096) == 4096, "blocks of 4096");
	ok(f->ops->pread(f, in, 8192, LEN - 4096) == 4096 && f->ops->pread(f, in, 4096, LEN) == 0,
	   "what is behind the last whole block does not exist");
	d[1].bd.n_sectors = 16;
	ok(f->ops->lseek(f, 0, 2) == 8192 && f->ops->pread(f, in, 4096, 8192) == 0, "a disk that shrinks");
	d[1].bd.n_sectors = LEN / 512 + 1;
	file_put(f);
}

int main(void)
{
	sync_disk_init(&d[0], bytes[0], LEN, 512, "s1");
	sync_disk_init(&d[1], bytes[1], LEN + 512, 4096, "s2");
	rawdev_init();
	ok(!devfs_mount("/dev") && !blkdev_register(&d[0].bd) && !blkdev_register(&d[1].bd) &&
	   !blkdev_register_part(&data) && !blkdev_register_part(&twin) &&
	   !blkdev_register_part(&fixed), "two disks, three partitions");
	d[0].bd.has_table = true;
	test_directory();
	test_open();
	test_transfers();
	test_position();
	test_big_blocks();
	ok(host_heap_live == 0 && !vfs_unmount("/dev"), "nothing is left");
	return done_testing();
}
