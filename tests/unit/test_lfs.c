/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The littlefs glue under the VFS on a disk in memory: what POSIX programs
 * expect of files and names, and that everything is there after a remount.
 *
 * SOURCES: fs/vfs.c fs/path.c fs/mounts.c fs/root.c fs/lfs_bd.c fs/lfs_dir.c
 * SOURCES: fs/lfs_file.c fs/lfs_mount.c fs/lfs_node.c fs/lfs_util.c fs/bcache.c fs/bcache_io.c
 * SOURCES: fs/tar.c fs/archive.c fs/archive_index.c tools/host_kernel.c
 * SOURCES: tests/host/ram_blkdev.c tests/host/fs_help.c
 * SOURCES: fs/lfs_core.c fs/lfs_memo.c fs/lfs_time.c
 * FLAGS: -isystem third_party/littlefs -DLFS2_CONFIG=fs/lfs_config.h -DLFS_MEMO_CHECK
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/host/fs_help.h"
#include "tests/unit/tap.h"

static struct ram_disk disk;

static void test_basic(void)
{
	char buf[64];
	struct file *f;
	struct file_stat st;

	ok(vfs_stat("/v", &st) == 0 && st.mode == (VFS_S_IFDIR | 0755),
	   "the root is a directory");
	ok(vfs_open("/v/a", VFS_RD, 0, &f) == -ENOENT, "nothing there yet");
	ok(vfs_open("/v/a", VFS_RD | VFS_WR | VFS_CREATE, 0640, &f) == 0,
	   "created");
	ok(help_write(f, "hello", 5) == 5, "written");
	ok(f->ops->pread(f, buf, 64, 1) == 4 && !memcmp(buf, "ello", 4),
	   "read back before any sync");
	ok(vfs_stat("/v/a", &st) == 0 && st.size == 5, "stat sees the size");
	ok(st.mode == (VFS_S_IFREG | 0640), "and the mode");
	ok(f->ops->sync(f) == 0, "fsync");
	file_put(f);
	ok(vfs_open("/v/a", VFS_RD | VFS_CREATE | VFS_EXCL, 0, &f) == -EEXIST,
	   "O_EXCL");
	ok(vfs_open("/v/a/b", VFS_RD, 0, &f) == -ENOTDIR, "a file is no dir");
	ok(vfs_open("/v/none/b", VFS_RD | VFS_CREATE, 0, &f) == -ENOENT,
	   "no parent");
	ok(vfs_open("/v", VFS_RD | VFS_WR, 0, &f) == -EISDIR, "EISDIR");
	ok(vfs_open("/v/a", VFS_RD | VFS_DIRECTORY, 0, &f) == -ENOTDIR,
	   "O_DIRECTORY");
	ok(vfs_utime("/v/a", 1234567890123456789u) == 0, "utime");
	ok(vfs_chmod("/v/a", 0600) == 0, "chmod");
	help_remount(&disk);
	ok(vfs_stat("/v/a", &st) == 0 && st.size == 5 &&
	   st.mtime_ns == 1234567890123456789u &&
	   st.mode == (VFS_S_IFREG | 0600), "all of it is there after a remount");
}

static void test_shared(void)
{
	struct file *a, *b, *c;
	char buf[8192];

	ok(vfs_open("/v/s", VFS_RD | VFS_WR | VFS_CREATE, 0644, &a) == 0 &&
	   vfs_open("/v/s", VFS_RD, 0, &b) == 0 &&
	   vfs_open("/v/s", VFS_WR | VFS_APPEND, 0, &c) == 0, "three descriptors");
	help_write(a, "12345", 5);
	ok(help_read(b, buf, 64) == 5 && !memcmp(buf, "12345", 5),
	   "a write is seen at once by another descriptor");
	help_write(c, "678", 3);
	ok(help_read(b, buf, 64) == 3 && !memcmp(buf, "678", 3), "O_APPEND");
	memset(buf, 'x', sizeof(buf));
	ok(a->ops->pwrite(a, buf, sizeof(buf), 4) == (long)sizeof(buf), "grow");
	help_write(c, "END", 3);
	ok(b->ops->lseek(b, -4, 2) >= 0 && help_read(b, buf, 64) == 4 &&
	   !memcmp(buf, "xEND", 4), "append goes to the new end");
	ok(a->ops->truncate(a, 6) == 0 && b->ops->pread(b, buf, 64, 0) == 6 &&
	   !memcmp(buf, "1234xx", 6), "truncate is seen");
	ok(a->ops->truncate(a, 10) == 0 && b->ops->pread(b, buf, 64, 0) == 10 &&
	   !memcmp(buf, "1234xx\0\0\0\0", 10), "growing gives zeros");
	ok(a->ops->pwrite(a, "z", 1, 20000) == 1 &&
	   b->ops->pread(b, buf, 64, 19999) == 2 && buf[0] == 0 && buf[1] == 'z',
	   "a hole reads as zeros");
	ok(help_read(c, buf, 1) == -EBADF && help_write(b, "", 1) == -EBADF,
	   "EBADF");
	ok(a->ops->pwrite(a, "z", 1, 0x7fffffff) == -EFBIG, "EFBIG at 2 GiB");
	file_put(a);
	file_put(b);
	file_put(c);
}

static void test_unlinked(void)
{
	uint8_t *data = help_pattern(100000, 1), *other = help_pattern(100000, 2);
	struct file *f, *g, *small;
	struct file_stat st;
	struct vfs_statfs fs0, fs1;

	vfs_statfs("/v", &fs0);
	help_put("/v/u", data, 100000);
	help_put("/v/tiny", "tiny", 4);
	ok(vfs_open("/v/u", VFS_RD, 0, &f) == 0 &&
	   vfs_open("/v/tiny", VFS_RD | VFS_WR, 0, &small) == 0, "open");
	ok(vfs_unlink("/v/u") == 0 && vfs_unlink("/v/tiny") == 0, "unlink");
	ok(vfs_stat("/v/u", &st) == -ENOENT, "the name is gone");
	ok(f->ops->stat(f, &st) == 0 && st.nlink == 0 && st.size == 100000,
	   "the file is not");
	/* Use all other space: its blocks must not be taken. */
	for (int i = 0; i < 20; i++) {
		char name[32];

		snprintf(name, sizeof(name), "/v/fill%d", i);
		help_put(name, other, 100000);
	}
	ok(help_same(f, data, 100000), "an unlinked open file keeps its content");
	ok(vfs_open("/v/u", VFS_RD | VFS_WR | VFS_CREATE, 0644, &g) == 0,
	   "a new file of that name");
	help_write(g, "new", 3);
	ok(help_same(f, data, 100000) && help_same(g, "new", 3),
	   "two files, one old, one new");
	ok(help_write(small, "TINY", 4) == 4 && help_same(small, "TINY", 4),
	   "a small unlinked file can be written");
	file_put(f);
	file_put(g);
	file_put(small);
	for (int i = 0; i < 20; i++) {
		char name[32];

		snprintf(name, sizeof(name), "/v/fill%d", i);
		vfs_unlink(name);
	}
	vfs_unlink("/v/u");
	vfs_statfs("/v", &fs1);
	ok(fs1.blocks_free >= fs0.blocks_free - 1, "the space is back: %d, %d",
	   (int)fs0.blocks_free, (int)fs1.blocks_free);
	free(data);
	free(other);
}

static void test_rename(void)
{
	uint8_t *one = help_pattern(30000, 3), *two = help_pattern(40000, 4);
	struct file *f1, *f2;
	struct file_stat st;

	help_put("/v/r1", one, 30000);
	help_put("/v/r2", two, 40000);
	vfs_open("/v/r1", VFS_RD | VFS_WR, 0, &f1);
	vfs_open("/v/r2", VFS_RD | VFS_WR, 0, &f2);
	ok(vfs_rename("/v/r1", "/v/r2") == 0, "rename over an open file");
	ok(vfs_stat("/v/r1", &st) == -ENOENT, "the old name is gone");
	ok(vfs_stat("/v/r2", &st) == 0 && st.size == 30000, "the new one is it");
	ok(help_same(f2, two, 40000), "the replaced file lives on");
	ok(help_same(f1, one, 30000), "the renamed one too");
	ok(f1->ops->pwrite(f1, "first", 5, 0) == 5 && f1->ops->sync(f1) == 0,
	   "and can be written");
	file_put(f1);
	file_put(f2);
	help_remount(&disk);
	memcpy(one, "first", 5);
	ok(help_file_is("/v/r2", one, 30000), "which is there after a remount");
	ok(vfs_mkdir("/v/d", 0755) == 0 && vfs_mkdir("/v/d/e", 0700) == 0 &&
	   vfs_mkdir("/v/x", 0755) == 0, "mkdir");
	help_put("/v/d/e/f", two, 40000);
	vfs_open("/v/d/e/f", VFS_RD | VFS_WR, 0, &f1);
	ok(vfs_rename("/v/d", "/v/d/e/g") == -EINVAL, "not into itself");
	ok(vfs_rename("/v/d", "/v/x/much-longer-name") == 0, "rename of a directory");
	ok(vfs_open("/v/x/much-longer-name/e/f", VFS_RD, 0, &f2) == 0,
	   "files moved with it");
	ok(f1->ops->pwrite(f1, "moved", 5, 0) == 5, "write through the old one");
	memcpy(two, "moved", 5);
	ok(help_same(f2, two, 40000), "seen through the new one: one handle");
	ok(vfs_stat("/v/d/e/f", &st) == -ENOENT, "nothing at the old place");
	ok(vfs_rmdir("/v/x") == -ENOTEMPTY, "ENOTEMPTY");
	ok(vfs_unlink("/v/x") == -EISDIR && vfs_rmdir("/v/r2") == -ENOTDIR,
	   "EISDIR, ENOTDIR");
	ok(vfs_rename("/v/x", "/v/r2") == -ENOTDIR &&
	   vfs_rename("/v/r2", "/v/x") == -EISDIR, "kinds must match");
	ok(vfs_rename("/v/x", "/v/x") == 0, "onto itself is nothing");
	ok(vfs_rename("/v/x", "/x") == -EXDEV && vfs_rename("/v", "/w") == -EBUSY,
	   "EXDEV, EBUSY");
	file_put(f1);
	file_put(f2);
	help_remount(&disk);
	ok(help_file_is("/v/x/much-longer-name/e/f", two, 40000),
	   "there after a remount");
	ok(vfs_stat("/v/x/much-longer-name/e", &st) == 0 &&
	   st.mode == (VFS_S_IFDIR | 0700), "a directory's mode");
	free(one);
	free(two);
}

static void test_dirs(void)
{
	struct vfs_dirent de;
	struct file *d;
	int n = 0, seen[500] = { 0 }, dots = 0;
	struct file_stat st;
	char name[300];
	bool ino_ok = true;

	vfs_mkdir("/v/many", 0755);
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "/v/many/file-%03d.html", i);
		help_put(name, name, strlen(name));
	}
	ok(vfs_open("/v/many", VFS_RD | VFS_DIRECTORY, 0, &d) == 0, "opendir");
	while (vfs_readdir(d, &de) == 1) {
		int i = -1;

		n++;
		dots += de.name[0] == '.';
		if (sscanf(de.name, "file-%d.html", &i) == 1)
			seen[i]++;
		else
			continue;
		snprintf(name, sizeof(name), "/v/many/%s", de.name);
		ino_ok = ino_ok && vfs_stat(name, &st) == 0 && st.ino == de.ino;
	}
	for (int i = 0; i < 500; i++)
		n -= seen[i] == 1;
	ok(n == 2 && dots == 2, "500 entries, each once, and . and ..");
	ok(ino_ok, "stat and readdir agree on the number");
	ok(vfs_rewinddir(d) == 0 && vfs_readdir(d, &de) == 1, "rewinddir");
	ok(vfs_rmdir("/v/many") == -ENOTEMPTY, "not empty");
	n = 0;
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "/v/many/file-%03d.html", i);
		n += vfs_unlink(name) == 0;
	}
	ok(n == 500, "all removed with the directory open");
	ok(vfs_rmdir("/v/many") == 0, "rmdir of an open directory");
	vfs_readdir(d, &de);
	ok(vfs_readdir(d, &de) == 0, "which then reads as empty");
	file_put(d);
	ok(vfs_mkdir("/v/many", 0755) == 0 && vfs_rmdir("/v/many/") == 0,
	   "mkdir and rmdir with a slash");
}

/* Unlinks an open file that is the last of its metadata block. */
static void test_neighbours(void)
{
	struct file *f[200];
	char name[64];
	bool same = true;

	vfs_mkdir("/v/n", 0755);
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "/v/n/neighbour-%03d", i);
		help_put(name, name, strlen(name));
		vfs_open(name, VFS_RD | VFS_WR, 0, &f[i]);
	}
	for (int i = 1; i < 200; i += 2) {
		snprintf(name, sizeof(name), "/v/n/neighbour-%03d", i);
		vfs_unlink(name);
		help_write(f[i], "GARBAGE", 7);
		f[i]->ops->sync(f[i]);
	}
	for (int i = 0; i < 200; i++)
		file_put(f[i]);
	help_remount(&disk);
	for (int i = 0; i < 200; i += 2) {
		snprintf(name, sizeof(name), "/v/n/neighbour-%03d", i);
		same = same && help_file_is(name, name, strlen(name));
		vfs_unlink(name);
	}
	ok(same, "removed open files leave their neighbours alone");
	ok(vfs_rmdir("/v/n") == 0, "and no traces");
}

static void test_full(void)
{
	uint8_t *data = help_pattern(1 << 20, 5);
	struct file *f;
	struct file_stat st;
	long n, total = 0;

	vfs_open("/v/full", VFS_RD | VFS_WR | VFS_CREATE, 0644, &f);
	while ((n = help_write(f, data + total % 4096, 4096)) > 0)
		total += n;
	ok(n == -ENOSPC && strstr(host_last_log, "is full"),
	   "ENOSPC, and a message");
	ok(f->ops->stat(f, &st) == 0 && st.size == (uint64_t)total,
	   "the size is what was taken");
	n = f->ops->sync(f);
	ok(n == 0 || n == -ENOSPC, "sync on a full volume says what happened");
	file_put(f);
	ok(vfs_unlink("/v/full") == 0, "a full volume lets files be removed");
	ok(help_put("/v/after", data, 50000) == 0 &&
	   help_file_is("/v/after", data, 50000), "then it takes writes again");
	vfs_unlink("/v/after");
	free(data);
}

static void test_read_only(void)
{
	struct lfs_options ro = { .read_only = true };
	struct file_stat st;
	struct vfs_statfs fs;
	struct file *f;

	ok(vfs_unmount("/v") == 0 && lfs_mount("/v", &disk.bd, &ro) == 0,
	   "mounted read-only");
	ok(vfs_open("/v/new", VFS_WR | VFS_CREATE, 0644, &f) == -EROFS &&
	   vfs_open("/v/a", VFS_WR, 0, &f) == -EROFS &&
	   vfs_unlink("/v/a") == -EROFS && vfs_mkdir("/v/q", 0) == -EROFS &&
	   vfs_rename("/v/a", "/v/b") == -EROFS &&
	   vfs_chmod("/v/a", 0) == -EROFS && vfs_unlink("/v/none") == -ENOENT &&
	   vfs_mkdir("/v/a", 0) == -EEXIST, "EROFS where it applies");
	ok(vfs_statfs("/v", &fs) == 0 && fs.read_only, "statfs says so");
	ok(vfs_open("/v/a", VFS_RD, 0, &f) == 0 && f->ops->stat(f, &st) == 0,
	   "reading works");
	ok(vfs_unmount("/v") == -EBUSY, "busy while a file is open");
	file_put(f);
	vfs_unmount("/v");
	disk.bd.read_only = true;
	ok(lfs_mount("/v", &disk.bd, &(struct lfs_options){ 0 }) == 0 &&
	   vfs_open("/v/a", VFS_WR, 0, &f) == -EROFS, "a read-only disk");
	disk.bd.read_only = false;
	help_remount(&disk);
}

static void test_messages(void)
{
	struct lfs_options opt = { 0 };
	struct ram_disk d;

	host_log_quiet = true;
	ram_disk_init(&d, "disk9", 1 << 20);
	ok(lfs_mount("/w", &d.bd, &opt) == -EINVAL &&
	   strstr(host_last_log, "blank"), "blank: %s", host_last_log);
	memcpy(d.data, "MZ", 2);
	ok(lfs_mount("/w", &d.bd, &opt) == -EINVAL &&
	   strstr(host_last_log, "no littlefs"), "other: %s", host_last_log);
	lfs_format(&d.bd);
	ok(lfs_mount("/w", &d.bd, &opt) == 0 && vfs_unmount("/w") == 0, "formatted");
	memset(d.data + 20, 0x55, 4000);
	memset(d.data + 4096 + 20, 0x55, 4000);
	ok(lfs_mount("/w", &d.bd, &opt) == -EILSEQ &&
	   strstr(host_last_log, "corrupt"), "corrupt: %s", host_last_log);
	lfs_format(&d.bd);
	d.bd.n_sectors = 1024;
	ok(lfs_mount("/w", &d.bd, &opt) == -EILSEQ &&
	   strstr(host_last_log, "cut short"), "short: %s", host_last_log);
	ram_disk_fini(&d);
	/* A grown disk still mounts, with the size that was made. */
	ram_disk_init(&d, "disk9", 2 << 20);
	d.bd.n_sectors = 2048;
	lfs_format(&d.bd);
	d.bd.n_sectors = 4096;
	ok(lfs_mount("/w", &d.bd, &opt) == 0 && vfs_unmount("/w") == 0,
	   "a disk larger than the volume mounts");
	d.fail_at = d.requests;
	d.fail_for_ever = true;
	ok(lfs_mount("/w", &d.bd, &opt) == -EIO &&
	   strstr(host_last_log, "cannot be read"), "I/O: %s", host_last_log);
	ram_disk_fini(&d);
	host_log_quiet = false;
}

/* Memory that runs short at each allocation in turn: -ENOMEM, nothing lost. */
static void test_no_memory(void)
{
	uint8_t *data = help_pattern(20000, 7);
	long n = 0;
	int r;

	host_log_quiet = true;
	do {
		struct file *f;

		host_heap_fail_after = n++;
		r = vfs_open("/v/nomem", VFS_RD | VFS_WR | VFS_CREATE, 0644, &f);
		if (r == 0) {
			(void)help_write(f, data, 20000);
			file_put(f);
			r = vfs_rename("/v/nomem", "/v/nomem-and-longer");
		}
		if (host_heap_fail_after < 0)
			r = -ENOMEM;
		host_heap_fail_after = -1;
		vfs_unlink("/v/nomem");
		vfs_unlink("/v/nomem-and-longer");
		help_remount(&disk);
	} while (n < 200 && r != 0);
	ok(r == 0 && n > 5, "after %ld shortages it works", n);
	host_log_quiet = false;
	free(data);
}

int main(void)
{
	long before = host_heap_live;

	host_log_quiet = true;
	ram_disk_init(&disk, "disk0", 4 << 20);
	ok(lfs_format(&disk.bd) == 0, "format");
	ok(lfs_mount("/v", &disk.bd, &(struct lfs_options){ 0 }) == 0, "mount");
	test_basic();
	test_shared();
	test_unlinked();
	test_rename();
	test_dirs();
	test_neighbours();
	test_full();
	test_read_only();
	test_messages();
	test_no_memory();
	ok(host_shrink(1 << 30) > 0, "the caches yield to pressure");
	ok(vfs_unmount("/v") == 0, "unmount");
	ok(host_heap_live == before, "no memory lost: %ld", host_heap_live);
	ram_disk_fini(&disk);
	return done_testing();
}
