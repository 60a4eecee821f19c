/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A disk that fails: each request of a workload in turn, once or for ever. The
 * caller sees an error, nothing crashes, and what was synced before is there
 * after a remount. And the order of writes and flushes.
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

#include "fs/lfs.h"
#include "tests/host/fs_help.h"
#include "tests/unit/tap.h"

#define BIG 60000

static uint8_t *old_data, *new_data;

/* Much is written and nobody syncs, but for the flush thread; what that cannot
 * do fsync tells afterwards. */
static int idle(int *synced)
{
	struct file *f;
	int r = vfs_open("/v/idle", VFS_WR | VFS_CREATE, 0600, &f);

	if (r < 0)
		return r;
	for (int i = 0; r >= 0 && i < BIG; i += 6000)
		r = (int)help_write(f, new_data + i, 6000);
	host_now += 10 * NSEC_PER_SEC;
	if (r >= 0 && lfs_flush_due(host_now, NSEC_PER_SEC) != NSEC_NEVER)
		r = -EAGAIN;
	if (r >= 0)
		r = f->ops->sync(f);
	file_put(f);
	if (r == 0)
		++*synced;
	return r;
}

/* Returns 0 or the first error; *synced counts steps that were promised. */
static int workload(int *synced)
{
	struct file *f;
	int r;

	*synced = 0;
	r = help_put("/v/fresh", new_data, BIG);
	if (r == 0)
		++*synced;
	if (r == 0)
		r = help_put("/v/temp", new_data, 300);
	if (r == 0)
		r = vfs_rename("/v/temp", "/v/config");
	if (r == 0)
		++*synced;
	if (r == 0)
		r = vfs_mkdir("/v/dir", 0755);
	if (r == 0)
		r = vfs_open("/v/log", VFS_WR | VFS_APPEND, 0, &f);
	if (r < 0)
		return r;
	r = (int)help_write(f, new_data, 5000);
	if (r >= 0)
		r = f->ops->sync(f);
	file_put(f);
	if (r == 0)
		++*synced;
	if (r == 0)
		r = idle(synced);
	return r < 0 ? r : vfs_unlink("/v/gone");
}

static void prepare(struct ram_disk *d)
{
	ram_disk_init(d, "disk0", 2 << 20);
	lfs_format(&d->bd);
	lfs_mount("/v", &d->bd, &(struct lfs_options){ .cache_bytes = 1 << 15 });
	help_put("/v/keep", old_data, BIG);
	help_put("/v/config", old_data, 300);
	help_put("/v/log", old_data, 5000);
	help_put("/v/gone", old_data, 5000);
	for (int i = 0; i < 30; i++) {
		char name[32];

		snprintf(name, sizeof(name), "/v/some-file-%02d", i);
		help_put(name, old_data, 700);
	}
	host_shrink(1 << 30);
	help_remount(d);
}

static bool consistent(int synced)
{
	uint8_t *log = malloc(10000);
	bool good, grown, same;

	memcpy(log, old_data, 5000);
	memcpy(log + 5000, new_data, 5000);
	grown = help_file_is("/v/log", log, 10000);
	same = help_file_is("/v/log", log, 5000);
	good = help_file_is("/v/keep", old_data, BIG) &&
	       (help_file_is("/v/config", new_data, 300) ||
		(synced < 2 && help_file_is("/v/config", old_data, 300))) &&
	       (synced < 1 || help_file_is("/v/fresh", new_data, BIG)) &&
	       (synced < 4 || help_file_is("/v/idle", new_data, BIG)) &&
	       (grown || (synced < 3 && same));
	free(log);
	return good;
}

static void test_injection(bool for_ever)
{
	long last = 0, bad = 0, unseen = 0, n;
	int synced, r = -1;

	for (n = 0; r != 0 && n < 3000; n++) {
		struct ram_disk d;

		prepare(&d);
		d.fail_at = d.requests + n;
		d.fail_for_ever = for_ever;
		r = workload(&synced);
		last = d.requests;
		/* Errors while nobody waits may stay unseen (read-ahead). */
		if (r == 0 && d.requests > d.fail_at) {
			unseen++;
			r = -1;
		}
		if (r != -1 && r != 0 && r != -EIO)
			printf("# request %ld: %d\n", n, r);
		d.fail_at = -1;
		help_remount(&d);
		if (!consistent(synced)) {
			printf("# request %ld: inconsistent\n", n);
			bad++;
		}
		if (help_put("/v/after", new_data, 9000) < 0)
			bad++;
		vfs_unmount("/v");
		ram_disk_fini(&d);
	}
	ok(r == 0 && n > 30 && bad == 0,
	   "%s failure of each of %ld requests (%ld bad, %ld unseen)",
	   for_ever ? "lasting" : "single", n, bad, unseen);
	(void)last;
}

static void test_read_errors(void)
{
	struct ram_disk d;
	struct file *f;
	char buf[100];

	prepare(&d);
	vfs_open("/v/keep", VFS_RD, 0, &f);
	host_shrink(1 << 30);
	d.fail_at = d.requests;
	d.fail_for_ever = true;
	ok(f->ops->pread(f, buf, 100, 30000) == -EIO, "a read error is EIO");
	ok(strstr(host_last_log, "cannot be read"), "with a message: %s",
	   host_last_log);
	d.fail_at = -1;
	ok(f->ops->pread(f, buf, 100, 30000) == 100 &&
	   !memcmp(buf, old_data + 30000, 100), "and is not remembered");
	ok(help_put("/v/x", new_data, 100) == 0, "nor does it stop writing");
	d.fail_at = d.requests;
	d.fail_writes_only = true;
	d.fail_for_ever = true;
	ok(help_put("/v/y", new_data, 100) == -EIO, "a write error is EIO");
	d.fail_at = -1;
	ok(help_put("/v/z", new_data, 100) == -EIO,
	   "after which nothing is written");
	ok(help_same(f, old_data, BIG), "but everything can be read");
	file_put(f);
	vfs_unmount("/v");
	ram_disk_fini(&d);
}

static void test_flushes(void)
{
	struct ram_disk d;
	struct file *f;
	uint64_t flushes, writes;

	prepare(&d);
	vfs_open("/v/log", VFS_WR | VFS_APPEND, 0, &f);
	flushes = d.bd.flushes;
	writes = d.bd.writes;
	help_write(f, new_data, 100);
	ok(d.bd.flushes == flushes, "a write alone flushes nothing");
	f->ops->sync(f);
	ok(d.bd.flushes == flushes + 2 && d.bd.writes == writes + 2,
	   "fsync: data, flush, metadata, flush (%d flushes, %d writes)",
	   (int)(d.bd.flushes - flushes), (int)(d.bd.writes - writes));
	flushes = d.bd.flushes;
	f->ops->sync(f);
	ok(d.bd.flushes == flushes, "a clean file's fsync costs nothing");
	file_put(f);
	ok(d.bd.flushes == flushes, "nor does its close");
	writes = d.bd.reads;
	for (int i = 0; i < 100; i++) {
		vfs_open("/v/log", VFS_RD, 0, &f);
		help_same(f, "", 0);
		file_put(f);
	}
	ok(d.bd.reads <= writes + 6, "opening again does not go to the disk (%d)",
	   (int)(d.bd.reads - writes));
	vfs_unmount("/v");
	ram_disk_fini(&d);
}

/* The mean number of bytes written for 30 small appends with fsync. */
static uint64_t append_bytes(struct ram_disk *d, const char *path)
{
	struct file *f;
	uint64_t bytes;

	vfs_open(path, VFS_WR | VFS_CREATE | VFS_APPEND, 0644, &f);
	help_write(f, new_data, 1000);
	f->ops->sync(f);
	bytes = d->bd.write_bytes;
	for (int i = 0; i < 30; i++) {
		help_write(f, new_data, 10);
		f->ops->sync(f);
	}
	file_put(f);
	return (d->bd.write_bytes - bytes) / 30;
}

/* Files are opened at each fill of their directory's block. When it was full,
 * littlefs does not learn that the next one is erased behind its commit. */
static void test_compactions(void)
{
	struct ram_disk d;
	uint64_t bytes, most = 0;

	prepare(&d);
	vfs_mkdir("/v/new", 0755);
	for (int i = 0; i < 16; i++) {
		char name[32];

		snprintf(name, sizeof(name), "/v/new/log%d", i);
		for (int k = 0; k < i; k++)
			vfs_chmod("/v/new", k & 1 ? 0700 : 0755);
		bytes = append_bytes(&d, name);
		most = bytes > most ? bytes : most;
		vfs_unlink(name);
	}
	ok(most < 4096 + 512 + 1024, "fsync compacts the directory now and then "
	   "only: %d bytes at most", (int)most);
	vfs_unmount("/v");
	ram_disk_fini(&d);
}

static struct lfs_volume *volume(void)
{
	return container_of(lfs_volumes.prev, struct lfs_volume, all);
}

/* The first allocation looks at every second block of a large file, and finds
 * it by few reads; the flush thread looks before the next would have to. */
static void test_scan(void)
{
	struct ram_disk d;
	uint8_t *big = help_pattern(6 << 20, 9);
	struct file *f;
	uint64_t reads;
	uint32_t left;
	int r;

	ram_disk_init(&d, "disk0", 16 << 20);
	lfs_format(&d.bd);
	lfs_mount("/v", &d.bd, &(struct lfs_options){ .cache_bytes = 1 << 20 });
	vfs_open("/v/big", VFS_WR | VFS_CREATE, 0644, &f);
	ok(help_write(f, big, 6 << 20) == 6 << 20, "a file of 1,500 blocks");
	file_put(f);
	help_remount(&d);
	ok(volume()->cfg.lookahead_size * 8 >= d.bd.n_sectors / 8,
	   "the window covers the volume");
	host_shrink(1u << 30);
	reads = d.bd.reads;
	r = help_put("/v/small", big, 5000);
	ok(r == 0 && d.bd.reads - reads < 60, "the first write after a mount "
	   "takes %d reads", (int)(d.bd.reads - reads));
	ok(!volume()->bd.scan.buf, "and keeps no memory");
	reads = d.bd.reads;
	vfs_open("/v/more", VFS_WR | VFS_CREATE | VFS_APPEND, 0644, &f);
	help_write(f, big, 6 << 20);
	left = 100;			/* as if it had come that far */
	volume()->lfs.free.i = volume()->lfs.free.size - left;
	host_now += 10 * NSEC_PER_SEC;
	lfs_flush_due(host_now, NSEC_PER_SEC);
	ok(volume()->lfs.free.size - volume()->lfs.free.i > left,
	   "the flush thread looks for blocks when few are known (%u)", left);
	file_put(f);
	ok(help_file_is("/v/big", big, 6 << 20), "nothing is given away twice");
	vfs_unmount("/v");
	ram_disk_fini(&d);
	free(big);
}

/* A rename between directories takes two commits. Whichever read fails: the
 * file has one name, a replaced directory is gone or there, and what an open
 * descriptor's fsync promised afterwards is in it. */
static bool rename_with_error(long n, bool for_ever, bool *over)
{
	uint8_t *want = malloc(9000);
	struct ram_disk d;
	struct file *f;
	char name[32];
	bool good, synced, old_name, new_name, old_dir, new_dir;
	struct file_stat st;

	ram_disk_init(&d, "disk0", 2 << 20);
	lfs_format(&d.bd);
	lfs_mount("/v", &d.bd, &(struct lfs_options){ .cache_bytes = 1 });
	vfs_mkdir("/v/from", 0755);
	vfs_mkdir("/v/to", 0755);
	vfs_mkdir("/v/from/dir", 0755);
	vfs_mkdir("/v/to/dir", 0755);
	help_put("/v/from/f", new_data, 9000);
	help_put("/v/to/f", old_data, 5000);
	help_put("/v/from/dir/x", old_data, 200);
	for (int i = 0; i < 17; i++) {
		snprintf(name, sizeof(name), "/v/d%d", i);
		vfs_mkdir(name, 0755);
		snprintf(name, sizeof(name), "/v/d%d/x", i);
		help_put(name, old_data, 300);
	}
	vfs_open("/v/from/f", VFS_RD | VFS_WR, 0, &f);
	host_shrink(1 << 30);
	d.fail_at = d.requests + n;
	d.fail_reads_only = true;
	d.fail_for_ever = for_ever;
	(void)vfs_rename("/v/from/f", "/v/to/f");
	(void)vfs_rename("/v/from/dir", "/v/to/dir");
	*over = d.requests <= d.fail_at;
	d.fail_at = -1;
	memcpy(want, new_data, 9000);
	synced = f->ops->pwrite(f, old_data, 100, 0) == 100 &&
		 f->ops->sync(f) == 0;
	if (synced)
		memcpy(want, old_data, 100);
	file_put(f);
	good = help_put("/v/d3/other", old_data, 300) == 0;
	help_remount(&d);
	new_name = help_file_is("/v/to/f", want, 9000);
	old_name = help_file_is("/v/from/f", want, 9000);
	good = good && (new_name ? vfs_stat("/v/from/f", &st) == -ENOENT :
			old_name && help_file_is("/v/to/f", old_data, 5000));
	new_dir = help_file_is("/v/to/dir/x", old_data, 200);
	old_dir = help_file_is("/v/from/dir/x", old_data, 200);
	good = good && (new_dir ? vfs_stat("/v/from/dir", &st) == -ENOENT :
			old_dir && vfs_stat("/v/to/dir", &st) == 0);
	vfs_unmount("/v");
	ram_disk_fini(&d);
	free(want);
	return good;
}

static void test_rename_errors(void)
{
	bool over = false;
	long bad = 0, n = 0;

	for (int for_ever = 0; for_ever < 2; for_ever++) {
		for (n = 0, over = false; !over && n < 500; n++) {
			if (rename_with_error(n, for_ever, &over))
				continue;
			printf("# read %ld: not as it was, nor as it should be\n",
			       n);
			bad++;
		}
	}
	ok(over && n > 20 && bad == 0, "renames with each of %ld reads failing "
	   "(%ld bad)", n, bad);
}

/* Growing a file beyond the volume's end: it stays as it was, and the zeros
 * that were to fill the gap take no room. */
static void test_no_room_to_grow(void)
{
	struct ram_disk d;
	struct file *f;
	bool same = true;
	int r1, r2;

	ram_disk_init(&d, "disk0", 2 << 20);
	lfs_format(&d.bd);
	lfs_mount("/v", &d.bd, &(struct lfs_options){ .cache_bytes = 1 << 15 });
	for (uint32_t len = 100; len <= 9100; len += 9000) {
		help_put("/v/f", new_data, len);
		vfs_open("/v/f", VFS_RD | VFS_WR, 0, &f);
		r1 = f->ops->truncate(f, 3 << 20);
		same = same && r1 == -ENOSPC && help_same(f, new_data, len);
		r2 = (int)f->ops->pwrite(f, old_data, 100, 3 << 20);
		same = same && r2 == -ENOSPC && help_same(f, new_data, len) &&
		       f->ops->sync(f) == 0;
		file_put(f);
		same = same && help_file_is("/v/f", new_data, len);
	}
	ok(same && r1 == -ENOSPC, "ftruncate and pwrite beyond what the volume "
	   "holds: the file stays as it was");
	help_remount(&d);
	ok(help_file_is("/v/f", new_data, 9100) &&
	   help_put("/v/g", new_data, BIG) == 0, "and leaves room");
	vfs_unmount("/v");
	ram_disk_fini(&d);
}

int main(void)
{
	host_log_quiet = true;
	old_data = help_pattern(BIG, 11);
	new_data = help_pattern(BIG, 12);
	test_injection(false);
	test_injection(true);
	test_read_errors();
	test_rename_errors();
	test_no_room_to_grow();
	test_flushes();
	test_compactions();
	test_scan();
	ok(host_heap_live == 0, "no memory lost: %ld", host_heap_live);
	free(old_data);
	free(new_data);
	return done_testing();
}
