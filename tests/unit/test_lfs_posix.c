/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What POSIX says about files and names, over littlefs: many entries, rename,
 * times, limits, and what happens at each of them. What a C program sees of
 * the same is in tests/guest/posixfs.
 *
 * SOURCES: fs/vfs.c fs/path.c fs/mounts.c fs/root.c fs/lfs_bd.c fs/lfs_dir.c
 * SOURCES: fs/lfs_file.c fs/lfs_mount.c fs/lfs_node.c fs/lfs_util.c fs/bcache.c fs/bcache_io.c
 * SOURCES: fs/tar.c fs/archive.c fs/archive_index.c tools/host_kernel.c
 * SOURCES: tests/host/ram_blkdev.c tests/host/fs_help.c
 * SOURCES: fs/lfs_core.c fs/lfs_memo.c fs/lfs_time.c
 * FLAGS: -isystem third_party/littlefs -DLFS2_CONFIG=fs/lfs_config.h
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs/lfs.h"
#include "tests/host/fs_help.h"
#include "tests/unit/tap.h"

#define MANY 10000
#define SECOND 1000000000u

static struct ram_disk disk;
static uint8_t seen[MANY];

static void begin(uint64_t bytes)
{
	ram_disk_init(&disk, "disk0", bytes);
	if (lfs_format(&disk.bd) < 0 ||
	    lfs_mount("/v", &disk.bd, &(struct lfs_options){ 0 }) < 0)
		abort();
}

static void end(void)
{
	ok(vfs_unmount("/v") == 0, "unmount");
	ram_disk_fini(&disk);
}

static struct lfs_volume *volume(void)
{
	return lfs_of(vfs_mount_next(NULL));
}

static int create(const char *path, struct file **f)
{
	return vfs_open(path, VFS_RD | VFS_WR | VFS_CREATE, 0644, f);
}

/* The number of the next entry, -1 for dots, -2 at the end, -3 otherwise. */
static int next_entry(struct file *d)
{
	struct vfs_dirent de;
	int i, r = vfs_readdir(d, &de);

	if (r <= 0)
		return r ? -3 : -2;
	if (de.name[0] == '.')
		return -1;
	return sscanf(de.name, "entry-%d", &i) == 1 && i >= 0 && i < MANY ? i : -3;
}

static const char *entry(int i)
{
	static char path[64];

	snprintf(path, sizeof(path), "/v/many/entry-%05d", i);
	return path;
}

static double seconds(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

static int list_all(void)
{
	struct file *d;
	int i, n = 0;

	memset(seen, 0, sizeof(seen));
	vfs_open("/v/many", VFS_RD | VFS_DIRECTORY, 0, &d);
	while ((i = next_entry(d)) >= -1) {
		if (i >= 0 && seen[i]++ == 0)
			n++;
		else if (i >= 0)
			n -= MANY;
	}
	file_put(d);
	return i == -2 ? n : -1;
}

/* Removes what it reads, as rm -r does: every entry comes once. */
static int remove_as_read(void)
{
	struct file *d;
	int i, n = 0;

	vfs_open("/v/many", VFS_RD | VFS_DIRECTORY, 0, &d);
	while ((i = next_entry(d)) >= -1)
		n += i >= 0 && vfs_unlink(entry(i)) == 0;
	file_put(d);
	return i == -2 ? n : -1;
}

static void test_many(void)
{
	double t[5];
	struct file_stat st;
	struct file *f;
	int n = 0, m = 0;

	begin(16 << 20);
	vfs_mkdir("/v/many", 0755);
	t[0] = seconds();
	for (int i = 0; i < MANY; i++) {
		n += create(entry(i * 7919 % MANY), &f) == 0;
		help_write(f, &i, sizeof(i));
		file_put(f);
	}
	t[1] = seconds();
	ok(n == MANY, "10,000 files made, in no order");
	ok(list_all() == MANY, "each is listed once");
	help_remount(&disk);
	t[2] = seconds();
	for (int i = 0; i < MANY; i++)
		m += vfs_stat(entry(i), &st) == 0 && st.size == sizeof(i);
	ok(m == MANY && vfs_stat("/v/many/entry-10000", &st) == -ENOENT,
	   "each is there after a remount");
	t[3] = seconds();
	ok(vfs_rmdir("/v/many") == -ENOTEMPTY, "not empty");
	ok(remove_as_read() == MANY, "each is removed while they are read");
	t[4] = seconds();
	ok(list_all() == 0 && vfs_rmdir("/v/many") == 0, "then it is empty");
	printf("# with sanitizers: make %.1f s, stat %.1f s, remove %.1f s\n",
	       t[1] - t[0], t[3] - t[2], t[4] - t[3]);
	/* Without what fs/lfs_memo.c knows, each stat takes 15 ms here. */
	ok(t[3] - t[2] < 20, "looking at a name does not read the directory");
	end();
}

/* Changes in front of and behind the place where a reader is. */
static void test_changing(void)
{
	struct file *d, *f;
	int i, n = 0, again = 0, wrong = 0, gone = 0;

	begin(4 << 20);
	vfs_mkdir("/v/many", 0755);
	for (i = 0; i < 600; i++)
		if (create(entry(i), &f) == 0)
			file_put(f);
	memset(seen, 0, sizeof(seen));
	vfs_open("/v/many", VFS_RD | VFS_DIRECTORY, 0, &d);
	while (n < 100)
		if ((i = next_entry(d)) >= 0) {
			n++;
			seen[i]++;
		}
	for (i = 0; i < 600; i++)	/* odd ones go, wherever they are */
		if (i % 2)
			gone += vfs_unlink(entry(i)) == 0;
	vfs_rename(entry(0), "/v/many/entry-09000");
	while ((i = next_entry(d)) >= 0) {
		n++;
		again += seen[i]++ != 0;
		wrong += i % 2 != 0;
	}
	file_put(d);
	for (i = 2; i < 600; i += 2)
		wrong += !seen[i];
	ok(gone == 300 && i == 600 && again == 0 && wrong == 0, "a reader misses none, "
	   "reads none twice, and none that is gone");
	vfs_open("/v/many", VFS_RD | VFS_DIRECTORY, 0, &d);
	for (i = 0; i < 5; i++)
		next_entry(d);
	n = remove_as_read();
	ok(n == 300 && next_entry(d) == -2, "a directory emptied under a reader");
	for (i = 0; i < 300; i++)	/* blocks that it may still point to */
		if (create("/v/other", &f) == 0) {
			help_write(f, seen, 600);
			file_put(f);
			vfs_unlink("/v/other");
		}
	ok(next_entry(d) == -2 && vfs_rewinddir(d) == 0 && next_entry(d) == -1 &&
	   next_entry(d) == -1 && next_entry(d) == -2, "and after that");
	create(entry(1), &f);
	file_put(f);
	ok(vfs_rewinddir(d) == 0 && next_entry(d) == -1 && next_entry(d) == -1 &&
	   next_entry(d) == 1, "rewinddir sees what is new");
	file_put(d);
	end();
}

static uint64_t mtime(const char *path)
{
	struct file_stat st;

	return vfs_stat(path, &st) == 0 ? st.mtime_ns / SECOND : 0;
}

static void test_times(void)
{
	struct file *f, *d;

	begin(1 << 20);
	host_wall = 100ull * SECOND;
	vfs_mkdir("/v/d", 0755);
	vfs_mkdir("/v/e", 0755);
	help_put("/v/d/old", "x", 1);
	host_wall = 200ull * SECOND;
	create("/v/d/new", &f);
	ok(mtime("/v/d") == 200 && mtime("/v/d/new") == 200 &&
	   mtime("/v/d/old") == 100 && mtime("/v/e") == 100,
	   "making a name is the directory's time");
	host_wall = 300ull * SECOND;
	help_write(f, "data", 4);
	ok(mtime("/v/d/new") == 300 && mtime("/v/d") == 200,
	   "writing is the file's");
	host_wall = 310ull * SECOND;
	ok(f->ops->truncate(f, 2) == 0 && mtime("/v/d/new") == 310, "truncating too");
	host_wall = 400ull * SECOND;
	vfs_rename("/v/d/new", "/v/e/moved");
	ok(mtime("/v/d") == 400 && mtime("/v/e") == 400 &&
	   mtime("/v/e/moved") == 310, "rename: both directories, not the file");
	host_wall = 500ull * SECOND;
	vfs_unlink("/v/d/old");
	ok(mtime("/v/d") == 500 && mtime("/v/e") == 400, "unlink");
	host_wall = 600ull * SECOND;
	vfs_mkdir("/v/d/sub", 0700);
	ok(mtime("/v/d") == 600 && mtime("/v/d/sub") == 600, "mkdir");
	host_wall = 700ull * SECOND;
	vfs_rmdir("/v/d/sub");
	ok(mtime("/v/d") == 700 && mtime("/v") == 100, "rmdir, not the root");
	file_put(f);
	vfs_open("/v/d", VFS_RD | VFS_DIRECTORY, 0, &d);
	ok(d->ops->sync(d) == 0, "fsync of a directory");
	file_put(d);
	ok(volume()->n_touched == 2, "has written one of three times");
	vfs_sync();
	ok(volume()->n_touched == 0, "sync the rest");
	host_wall = 800ull * SECOND;
	vfs_unlink("/v/e/moved");
	help_remount(&disk);
	ok(mtime("/v/d") == 700 && mtime("/v/e") == 800 && mtime("/v") == 100,
	   "all there after a remount");
	for (int i = 0; i < 40; i++) {
		char path[32];

		snprintf(path, sizeof(path), "/v/e/d%d", i);
		vfs_mkdir(path, 0755);
		strcat(path, "/x");
		vfs_mkdir(path, 0755);
		vfs_rmdir(path);
	}
	ok(volume()->n_touched == LFS_TOUCHED, "so many wait, not more");
	host_wall = 0;
	end();
}

static void test_attributes(void)
{
	struct file_stat st;
	struct file *f, *d;

	begin(1 << 20);
	vfs_mkdir("/v/d", 01777);
	vfs_open("/v/f", VFS_WR | VFS_CREATE | VFS_EXCL, 04755, &f);
	vfs_open("/v/d", VFS_RD | VFS_DIRECTORY, 0, &d);
	ok(f->ops->set(f, 0600, FILE_KEEP_MTIME) == 0 &&
	   f->ops->set(f, FILE_KEEP_MODE, 7 * SECOND + 5) == 0 &&
	   f->ops->stat(f, &st) == 0 && st.mode == (VFS_S_IFREG | 0600) &&
	   st.mtime_ns == 7 * SECOND + 5, "fchmod, futimens");
	ok(d->ops->set(d, 0700, 9ull * SECOND) == 0 &&
	   vfs_stat("/v/d", &st) == 0 && st.mode == (VFS_S_IFDIR | 0700) &&
	   st.mtime_ns == 9ull * SECOND, "of a directory too");
	vfs_unlink("/v/f");
	ok(f->ops->set(f, 0400, 5) == 0 && f->ops->stat(f, &st) == 0 &&
	   st.mode == (VFS_S_IFREG | 0400) && vfs_stat("/v/f", &st) == -ENOENT,
	   "of a file without a name");
	file_put(f);
	file_put(d);
	ok(vfs_chmod("/v", 0711) == 0 && vfs_utime("/v", 11ull * SECOND) == 0,
	   "of the root");
	help_remount(&disk);
	ok(vfs_stat("/v/d", &st) == 0 && st.mode == (VFS_S_IFDIR | 0700) &&
	   st.mtime_ns == 9ull * SECOND && vfs_stat("/v", &st) == 0 &&
	   st.mode == (VFS_S_IFDIR | 0711) && st.mtime_ns == 11ull * SECOND,
	   "all there after a remount");
	end();
}

static void test_rename(void)
{
	struct file *f, *d;
	struct vfs_dirent de;
	struct file_stat st;

	begin(1 << 20);
	vfs_mkdir("/v/a", 0755);
	vfs_mkdir("/v/b", 0700);
	vfs_mkdir("/v/full", 0755);
	help_put("/v/full/x", "x", 1);
	help_put("/v/a/in", "in", 2);
	help_put("/v/file", "file", 4);
	vfs_open("/v/b", VFS_RD | VFS_DIRECTORY, 0, &d);
	ok(vfs_rename("/v/a", "/v/full") == -ENOTEMPTY &&
	   vfs_rename("/v/a", "/v/file") == -ENOTDIR &&
	   vfs_rename("/v/file", "/v/b") == -EISDIR &&
	   vfs_rename("/v/a", "/v/a/sub") == -EINVAL &&
	   vfs_rename("/v/a", "/v/none/a") == -ENOENT &&
	   vfs_rename("/v/a", "/v/file/a") == -ENOTDIR, "what rename refuses");
	ok(vfs_stat("/v/a/in", &st) == 0 && vfs_stat("/v/full/x", &st) == 0 &&
	   help_file_is("/v/file", "file", 4), "leaves all as it was");
	ok(vfs_rename("/v/a", "/v/b") == 0 && help_file_is("/v/b/in", "in", 2) &&
	   vfs_stat("/v/b", &st) == 0 && st.mode == (VFS_S_IFDIR | 0755),
	   "a directory over an empty one");
	vfs_readdir(d, &de);
	vfs_readdir(d, &de);
	ok(vfs_readdir(d, &de) == 0, "which, open, reads as empty");
	file_put(d);
	vfs_open("/v/b/in", VFS_RD | VFS_WR, 0, &f);
	ok(vfs_rename("/v/file", "/v/b/in") == 0 &&
	   help_file_is("/v/b/in", "file", 4) && help_same(f, "in", 2),
	   "a file over an open one in another directory");
	file_put(f);
	ok(vfs_rename("/v/b/in", "/v/b/in") == 0 &&
	   vfs_rename("/v/b/in", "/v/b/./in") == 0, "onto itself");
	ok(vfs_rename("/v/b/in", "/elsewhere") == -EXDEV, "EXDEV");
	help_remount(&disk);
	ok(help_file_is("/v/b/in", "file", 4) && vfs_stat("/v/a", &st) == -ENOENT,
	   "there after a remount");
	end();
}

static void test_open_flags(void)
{
	struct file *f, *a, *b;
	char buf[16];

	begin(1 << 20);
	vfs_mkdir("/v/d", 0755);
	ok(vfs_open("/v/d", VFS_WR, 0, &f) == -EISDIR &&
	   vfs_open("/v/d", VFS_RD | VFS_CREATE | VFS_EXCL, 0, &f) == -EEXIST &&
	   vfs_open("/v/d/x/y", VFS_RD | VFS_CREATE, 0, &f) == -ENOENT &&
	   vfs_open("/v/x", VFS_RD | VFS_DIRECTORY, 0, &f) == -ENOENT,
	   "directories and flags");
	vfs_open("/v/log", VFS_WR | VFS_CREATE | VFS_APPEND, 0644, &a);
	vfs_open("/v/log", VFS_RD | VFS_WR | VFS_APPEND, 0, &b);
	help_write(a, "1", 1);
	help_write(b, "2", 1);
	help_write(a, "3", 1);
	b->ops->lseek(b, 0, 0);
	help_write(b, "4", 1);
	ok(help_same(b, "1234", 4), "O_APPEND of several, wherever they are");
	vfs_open("/v/log", VFS_WR | VFS_TRUNC, 0, &f);
	ok(help_same(b, "", 0), "O_TRUNC is seen by all");
	help_write(a, "5", 1);
	ok(help_same(b, "5", 1), "and O_APPEND begins at the start");
	ok(f->ops->lseek(f, 5000, 0) == 5000 && help_write(f, "x", 1) == 1 &&
	   b->ops->pread(b, buf, 16, 4990) == 11 && !buf[0] && !buf[9] &&
	   buf[10] == 'x', "lseek beyond the end, then a write: zeros between");
	ok(f->ops->lseek(f, 9000, 0) == 9000 &&
	   b->ops->pread(b, buf, 16, 5001) == 0, "lseek alone changes nothing");
	ok(f->ops->truncate(f, 1) == 0 && f->ops->truncate(f, 700) == 0 &&
	   b->ops->pread(b, buf, 16, 600) == 16 && !buf[0] && !buf[15],
	   "what was cut off is zeros when the file grows again");
	file_put(f);
	file_put(a);
	file_put(b);
	end();
}

/* A file of nearly 2 GiB whose blocks are all the same one, which says so. */
static struct file *huge_file(uint64_t size)
{
	uint32_t block, words[1024];
	struct lfs_node *n;
	struct file *f;

	memset(words, 0, sizeof(words));
	help_put("/v/huge", words, sizeof(words) - 8);
	vfs_open("/v/huge", VFS_RD, 0, &f);
	block = lfs_node_find(volume(), "huge")->h->file.ctz.head;
	file_put(f);
	vfs_unmount("/v");
	for (unsigned i = 0; i < 1024; i++)
		memcpy(disk.data + (size_t)block * 4096 + i * 4, &block, 4);
	lfs_mount("/v", &disk.bd, &(struct lfs_options){ 0 });
	vfs_open("/v/huge", VFS_RD | VFS_WR, 0, &f);
	n = lfs_node_find(volume(), "huge");
	n->h->file.ctz.size = (uint32_t)size;
	return f;
}

static void test_limit(void)
{
	uint64_t limit = 0x7fffffff;
	struct file_stat st;
	struct file *f;
	char buf[200];

	begin(4 << 20);
	memset(buf, 'z', sizeof(buf));
	f = huge_file(limit - 100);
	ok(f->ops->lseek(f, 0, 2) == (int64_t)limit - 100, "at 2 GiB less 101");
	ok(help_write(f, buf, 200) == 100, "what fits is written");
	ok(f->ops->stat(f, &st) == 0 && st.size == limit, "the size is the limit");
	ok(help_write(f, buf, 1) == -EFBIG && help_write(f, buf, 0) == 0 &&
	   f->ops->pwrite(f, buf, 1, (int64_t)limit + 5) == -EFBIG, "then EFBIG");
	ok(f->ops->truncate(f, (int64_t)limit + 1) == -EFBIG &&
	   f->ops->truncate(f, INT64_MAX) == -EFBIG &&
	   f->ops->truncate(f, -1) == -EINVAL, "ftruncate beyond");
	ok(f->ops->pread(f, buf, 200, (int64_t)limit - 50) == 50 && buf[0] == 'z' &&
	   f->ops->pread(f, buf, 1, (int64_t)limit) == 0, "the end reads well");
	ok(f->ops->pwrite(f, "y", 1, (int64_t)limit - 1) == 1, "the last byte");
	vfs_unlink("/v/huge");		/* nothing of it is committed */
	file_put(f);
	end();
}

static void test_names(void)
{
	char path[VFS_PATH_MAX + 16] = "/v/";
	struct file_stat st;
	struct file *f;
	size_t n = 3;

	begin(1 << 20);
	memset(path + 3, 'n', 256);
	ok(create(path, &f) == -ENAMETOOLONG && vfs_mkdir(path, 0) ==
	   -ENAMETOOLONG && vfs_stat(path, &st) == -ENAMETOOLONG &&
	   vfs_rename("/v", path) == -ENAMETOOLONG, "256 bytes are too long");
	path[258] = '\0';
	ok(create(path, &f) == 0, "255 are not");
	file_put(f);
	while (n < 900) {
		n += (size_t)snprintf(path + n, 102, "%0*d/", 100, 7);
		path[n - 1] = '\0';
		vfs_mkdir(path, 0755);
		path[n - 1] = '/';
	}
	memset(path + n, 'p', sizeof(path) - n);
	path[VFS_PATH_MAX] = '\0';
	ok(create(path, &f) == -ENAMETOOLONG, "a path of 1024 is too long");
	path[VFS_PATH_MAX - 1] = '\0';
	ok(create(path, &f) == 0, "1023 are not");
	file_put(f);
	help_remount(&disk);
	ok(vfs_stat(path, &st) == 0, "and there after a remount");
	end();
}

/* Names need room too; a full volume says so, and takes the next when there is
 * room again. */
static void test_full(void)
{
	struct vfs_statfs a, b;
	struct file *f;
	char path[64];
	int i = 0, r;

	begin(256 << 10);
	vfs_statfs("/v", &a);
	do {
		snprintf(path, sizeof(path), "/v/a-name-of-some-length-%d", i++);
		r = create(path, &f);
		if (r == 0)
			file_put(f);
	} while (r == 0 && i < 10000);
	ok(r == -ENOSPC, "a name too many is ENOSPC, after %d", i);
	ok(vfs_mkdir("/v/dir", 0755) == -ENOSPC, "mkdir too");
	vfs_statfs("/v", &b);
	ok(b.blocks_free < 2 && b.blocks_free <= a.blocks_free, "statfs: %d left",
	   (int)b.blocks_free);
	while (--i > 0) {
		snprintf(path, sizeof(path), "/v/a-name-of-some-length-%d", i - 1);
		r = r == -ENOSPC ? vfs_unlink(path) : r ? r : vfs_unlink(path);
	}
	ok(r == 0, "all are removed");
	vfs_statfs("/v", &b);
	ok(b.blocks_free >= a.blocks_free - 2, "and their space is free: %d of %d",
	   (int)b.blocks_free, (int)a.blocks_free);
	ok(vfs_mkdir("/v/dir", 0755) == 0, "a directory fits again");
	end();
}

/* statfs counts once between changes: and never tells an old count. */
static void test_statfs(void)
{
	struct vfs_statfs a, b;
	uint8_t *data = help_pattern(40000, 1);
	struct file *f;

	begin(1 << 20);
	vfs_statfs("/v", &a);
	help_put("/v/f", data, 40000);
	vfs_statfs("/v", &b);
	ok(b.blocks_free <= a.blocks_free - 10, "a file takes its blocks");
	ok(volume()->used_known, "the count is kept");
	vfs_open("/v/f", VFS_RD | VFS_WR, 0, &f);
	f->ops->truncate(f, 0);
	vfs_statfs("/v", &a);
	f->ops->sync(f);
	vfs_statfs("/v", &b);
	ok(b.blocks_free >= a.blocks_free + 9, "truncate gives them back with the "
	   "commit: %d, %d", (int)a.blocks_free, (int)b.blocks_free);
	help_write(f, data, 40000);
	f->ops->sync(f);
	vfs_unlink("/v/f");
	vfs_statfs("/v", &a);
	f->ops->truncate(f, 20000);
	vfs_statfs("/v", &b);
	ok(b.blocks_free >= a.blocks_free + 4, "an unlinked file when it is cut: "
	   "%d, %d", (int)a.blocks_free, (int)b.blocks_free);
	a = b;
	file_put(f);
	vfs_statfs("/v", &b);
	ok(b.blocks_free >= a.blocks_free + 5, "all of them when it is closed: "
	   "%d, %d", (int)a.blocks_free, (int)b.blocks_free);
	free(data);
	end();
}

/* ---- versions ---- */

static int mount_again(void)
{
	host_last_log[0] = '\0';
	return lfs_mount("/v", &disk.bd, &(struct lfs_options){ 0 });
}

static void set_version(uint32_t version)
{
	lfs2_setattr(&volume()->lfs, "/", LFS_ATTR_VERSION, &version, 4);
	vfs_unmount("/v");
}

/* littlefs' own version lies in the superblock: its number and the sums. */
static void set_disk_version(uint32_t version)
{
	for (int i = 0; i < 2; i++) {
		uint8_t *b = disk.data + i * 4096;
		uint32_t off = 4, ptag = UINT32_MAX;
		uint32_t crc = lfs2_crc(UINT32_MAX, b, 4);

		while (off + 8 <= 4096) {
			uint32_t tag, n;

			memcpy(&tag, b + off, 4);
			tag = __builtin_bswap32(tag) ^ ptag;
			n = (tag & 0x3ff) == 0x3ff ? 0 : tag & 0x3ff;
			if ((tag & 0x80000000u) || off + 4 + n > 4096)
				break;
			ptag = tag;
			if (tag >> 10 == 0x201 << 10 && n == 24)
				memcpy(b + off + 4, &version, 4);
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
}

static void test_versions(void)
{
	begin(1 << 20);
	help_put("/v/f", "data", 4);
	lfs2_removeattr(&volume()->lfs, "/", LFS_ATTR_VERSION);
	vfs_unmount("/v");
	ok(mount_again() == 0 && help_file_is("/v/f", "data", 4),
	   "a volume without a format version is of version 1");
	set_version(0);
	ok(mount_again() == 0, "an older one mounts");
	set_version(LFS_FORMAT_VERSION + 1);
	host_log_quiet = true;
	ok(mount_again() == -EINVAL && strstr(host_last_log, "the volume has format "
	   "version 2, this Glint knows up to 1"), "a newer one does not: %s",
	   host_last_log);
	set_disk_version(0x00020000);
	ok(mount_again() == -EINVAL && strstr(host_last_log, "format version 2"),
	   "littlefs 2.0 mounts as far as that");
	set_disk_version(0x00020002);
	ok(mount_again() == -EINVAL && strstr(host_last_log, "v2.2") &&
	   strstr(host_last_log, "v2.1"), "littlefs 2.2 does not: %s", host_last_log);
	set_disk_version(0x00030000);
	ok(mount_again() == -EINVAL && strstr(host_last_log, "v3.0"),
	   "littlefs 3.0 neither: %s", host_last_log);
	host_log_quiet = true;
	ram_disk_fini(&disk);
}

int main(void)
{
	long before = host_heap_live;

	host_log_quiet = true;
	test_many();
	test_changing();
	test_times();
	test_attributes();
	test_rename();
	test_open_flags();
	test_limit();
	test_names();
	test_full();
	test_statfs();
	test_versions();
	ok(host_heap_live == before, "no memory lost: %ld", host_heap_live);
	return done_testing();
}
