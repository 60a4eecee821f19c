/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What fs/lfs_memo.c remembers of directories, each answer compared with what
 * littlefs itself finds (LFS_MEMO_CHECK: a difference is a trap), under a long
 * random workload with names that are awkward to sort, with memory for all of
 * it, for some, and for next to nothing. LFS_SEED=0x... repeats one.
 *
 * SOURCES: fs/vfs.c fs/path.c fs/mounts.c fs/root.c fs/lfs_bd.c fs/lfs_dir.c
 * SOURCES: fs/lfs_file.c fs/lfs_mount.c fs/lfs_node.c fs/lfs_util.c fs/bcache.c fs/bcache_io.c
 * SOURCES: fs/tar.c fs/archive.c fs/archive_index.c tools/host_kernel.c
 * SOURCES: tests/host/ram_blkdev.c tests/host/fs_help.c tests/host/volume_help.c
 * SOURCES: fs/lfs_core.c fs/lfs_memo.c fs/lfs_time.c
 * FLAGS: -isystem third_party/littlefs -DLFS2_CONFIG=fs/lfs_config.h -DLFS_MEMO_CHECK
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs/lfs.h"
#include "tests/host/fs_help.h"
#include "tests/host/volume_help.h"
#include "tests/unit/tap.h"

#define NAMES 300
#define DIRS  4

static const char *const dirs[DIRS] = { "", "/d", "/d/sub", "/other" };
static char names[NAMES][256];
static int size_of[DIRS][NAMES];	/* -1: not there */
static struct ram_disk disk;
static uint64_t seed;
static uint8_t fill[600];

static unsigned rnd(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed >> 20) % n;
}

/* Short ones, beginnings of each other, long ones, bytes above 0x7f. */
static void make_names(void)
{
	for (int i = 0; i < NAMES; i++) {
		char *p = names[i];

		if (i < 40) {
			memset(p, 'a', (size_t)i + 1);
		} else if (i < 60) {
			memset(p, 'b', 255);
			p[rnd(255)] = (char)('c' + i - 40);
		} else if (i < 100) {
			snprintf(p, 256, "%c%c%d", 0x80 + i, 0xff - i, i);
		} else {
			snprintf(p, 256, "%0*x-%d", (int)rnd(24), rnd(1 << 24), i);
		}
	}
}

static const char *path_of(char *buf, int dir, int i)
{
	snprintf(buf, 600, "/v%s/%s", dirs[dir], names[i]);
	return buf;
}

static bool there(int dir, int i)
{
	struct file_stat st;
	char buf[600];
	int r = vfs_stat(path_of(buf, dir, i), &st);

	return size_of[dir][i] < 0 ? r == -ENOENT :
	       r == 0 && st.size == (uint64_t)size_of[dir][i];
}

static bool all_listed(int dir)
{
	bool seen[NAMES] = { false }, good = true;
	struct vfs_dirent de;
	struct file *d;
	char path[300];

	snprintf(path, sizeof(path), "/v%s", dirs[dir]);
	if (vfs_open(path, VFS_RD | VFS_DIRECTORY, 0, &d) < 0)
		return false;
	while (vfs_readdir(d, &de) == 1) {
		int i = 0;

		if (de.name[0] == '.' || !strcmp(de.name, "d") ||
		    !strcmp(de.name, "sub") || !strcmp(de.name, "other"))
			continue;
		while (i < NAMES && strcmp(names[i], de.name) != 0)
			i++;
		good = good && i < NAMES && !seen[i];
		if (i < NAMES)
			seen[i] = true;
	}
	file_put(d);
	for (int i = 0; i < NAMES; i++)
		good = good && seen[i] == (size_of[dir][i] >= 0);
	return good;
}

static bool move(int dir, int i)
{
	int to_dir = (int)rnd(DIRS), to = (int)rnd(NAMES);
	char from_path[600], to_path[600];
	int r = vfs_rename(path_of(from_path, dir, i),
			   path_of(to_path, to_dir, to));

	if (size_of[dir][i] < 0)
		return r == -ENOENT;
	if (r < 0)
		return false;
	if (dir != to_dir || i != to) {
		size_of[to_dir][to] = size_of[dir][i];
		size_of[dir][i] = -1;
	}
	return there(to_dir, to);
}

static bool step(void)
{
	int dir = (int)rnd(DIRS), i = (int)rnd(NAMES), size, r;
	unsigned what = rnd(100);
	char buf[600];

	path_of(buf, dir, i);
	if (what < 40) {
		size = (int)rnd(3) ? (int)rnd(60) : (int)rnd(600);
		if (help_put(buf, fill, (size_t)size) < 0)
			return false;
		size_of[dir][i] = size;
	} else if (what < 60) {
		r = vfs_unlink(buf);
		if (r != (size_of[dir][i] < 0 ? -ENOENT : 0))
			return false;
		size_of[dir][i] = -1;
	} else if (what < 75) {
		return move(dir, i) && there(dir, i);
	} else if (what < 78) {
		return all_listed(dir);
	} else if (what < 79) {
		lfs_memo_purge(lfs_of(vfs_mount_next(NULL))->memo);
	} else if (what < 80) {
		help_remount(&disk);
	}
	return there(dir, i);
}

static void workload(const char *what, size_t memory, int steps)
{
	int i = 0;
	bool good = true;

	host_memory = memory;
	ram_disk_init(&disk, "disk0", 2 << 20);
	good = lfs_format(&disk.bd) == 0 &&
	       lfs_mount("/v", &disk.bd, &(struct lfs_options){ 0 }) == 0;
	for (int d = 1; d < DIRS; d++) {
		char path[20];

		snprintf(path, sizeof(path), "/v%s", dirs[d]);
		good = good && vfs_mkdir(path, 0755) == 0;
	}
	memset(size_of, 0xff, sizeof(size_of));
	while (good && i < steps) {
		good = step();
		i += good;
	}
	ok(good, "%s: %d steps", what, i);
	for (int d = 0; d < DIRS; d++)
		good = good && all_listed(d);
	help_remount(&disk);
	for (int d = 0; d < DIRS; d++)
		for (i = 0; i < NAMES; i++)
			good = good && there(d, i);
	ok(good, "%s: every name is there or not, as it should", what);
	vfs_unmount("/v");
	ram_disk_fini(&disk);
}

/* ---- the parts by themselves ---- */

static void test_compare(void)
{
	ok(lfs_memo_compare("a", 1, "b", 1) < 0 &&
	   lfs_memo_compare("\xff", 1, "a", 1) > 0 &&
	   lfs_memo_compare("ab", 2, "ab", 2) == 0, "names by their bytes");
	ok(lfs_memo_compare("abc", 3, "ab", 2) < 0 &&
	   lfs_memo_compare("ab", 2, "abc", 3) > 0, "a longer one comes first");
}

static void test_forget(void)
{
	static const uint8_t text[] = "onetwo";
	const struct lfs_memo_name n[2] = { { 0, 3, 1 }, { 3, 3, 2 } };
	lfs2_block_t a[2] = { 4, 5 }, b[2] = { 5, 4 }, c[2] = { 4, 21 };
	lfs2_mdir_t dir = { .pair = { 5, 4 }, .count = 2 };
	struct lfs_memo *m;
	struct lfs_memo_pair *p;
	bool found;

	host_memory = 1 << 20;
	m = lfs_memo_create();
	p = lfs_memo_add(m, a, &dir, true, n, text);
	ok(p && lfs_memo_find(m, a) == p && !lfs_memo_find(m, b) &&
	   !lfs_memo_find(m, c), "found in the order that was asked for");
	ok(lfs_memo_search(p, "one", 3, &found) == 0 && found &&
	   lfs_memo_search(p, "two", 3, &found) == 1 && found &&
	   lfs_memo_search(p, "p", 1, &found) == 1 && !found &&
	   lfs_memo_search(p, "z", 1, &found) == 2 && !found, "search");
	lfs_memo_add(m, b, &dir, false, NULL, NULL);
	lfs_memo_add(m, c, &dir, false, NULL, NULL);
	lfs_memo_forget(m, 6);
	ok(lfs_memo_find(m, a) && lfs_memo_find(m, b) && lfs_memo_find(m, c),
	   "another block's change is nothing to them");
	lfs_memo_forget(m, 5);
	ok(!lfs_memo_find(m, a) && !lfs_memo_find(m, b) && lfs_memo_find(m, c),
	   "forgotten by either block");
	for (lfs2_block_t i = 100; i < 5000; i += 2)
		lfs_memo_add(m, (lfs2_block_t[2]){ i, i + 1 }, &dir, true, n,
			     text);
	ok(lfs_memo_bytes(m) <= (1 << 20) / 32 &&
	   lfs_memo_bytes(m) > (1 << 20) / 40, "full, not more: %zu bytes",
	   lfs_memo_bytes(m));
	lfs_memo_purge(m);
	ok(lfs_memo_bytes(m) == 0, "emptied");
	lfs_memo_destroy(m);
}

static void test_bytes(void)
{
	struct lfs_volume *v;
	struct file_stat st;
	char buf[64];

	host_memory = 64u << 20;
	ram_disk_init(&disk, "disk0", 4 << 20);
	lfs_format(&disk.bd);
	lfs_mount("/v", &disk.bd, &(struct lfs_options){ 0 });
	v = lfs_of(vfs_mount_next(NULL));
	for (int i = 0; i < 400; i++) {
		snprintf(buf, sizeof(buf), "/v/file-%03d", i);
		help_put(buf, "", 0);
	}
	vfs_stat("/v/none", &st);
	ok(lfs_memo_bytes(v->memo) > 400 * 10, "%zu bytes remembered",
	   lfs_memo_bytes(v->memo));
	ok(host_shrink(1 << 30) > 0 && lfs_memo_bytes(v->memo) == 0,
	   "given back when memory runs short");
	ok(vfs_stat("/v/file-399", &st) == 0, "and known again");
	vfs_unmount("/v");
	ram_disk_fini(&disk);
}

/* A volume that somebody wrote with names out of order: littlefs finds some of
 * them, and so do we, the same ones. */
static void test_unsorted(void)
{
	static const char *const looked_at[] = { "/v/name-a", "/v/zame-b",
		"/v/name-c", "/v/name-d", "/v/none", "/v/zzz", "/v/name-b" };
	struct lfs_memo_pair *p;
	struct file_stat st;
	uint8_t *at;
	char path[32];

	host_memory = 64u << 20;
	ram_disk_init(&disk, "disk0", 1 << 20);
	lfs_format(&disk.bd);
	lfs_mount("/v", &disk.bd, &(struct lfs_options){ 0 });
	for (int i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "/v/name-%c", 'a' + i);
		help_put(path, path, (size_t)i);
	}
	vfs_unmount("/v");
	for (int i = 0; i < 2; i++) {
		at = memmem(disk.data + i * 4096, 4096, "name-b", 6);
		if (at)
			at[0] = 'z';
		volume_fix_sums(disk.data + i * 4096);
	}
	ok(lfs_mount("/v", &disk.bd, &(struct lfs_options){ 0 }) == 0,
	   "a volume with names out of order");
	for (unsigned i = 0; i < sizeof(looked_at) / sizeof(looked_at[0]); i++)
		(void)vfs_stat(looked_at[i], &st);
	p = lfs_memo_find(lfs_of(vfs_mount_next(NULL))->memo,
			  (lfs2_block_t[2]){ 0, 1 });
	p = p ? p : lfs_memo_find(lfs_of(vfs_mount_next(NULL))->memo,
				  (lfs2_block_t[2]){ 1, 0 });
	ok(p && !p->sorted, "is left to littlefs");
	vfs_unmount("/v");
	ram_disk_fini(&disk);
}

/* A rename that ended between its two commits: the old name is on the disk, and
 * not there. */
static void test_half_renamed(void)
{
	int both = 0, none = 0, old = 0, new = 0;

	for (long n = 0; n < 40; n++) {
		struct file_stat st;
		bool a, b;

		ram_disk_init(&disk, "disk0", 1 << 20);
		lfs_format(&disk.bd);
		lfs_mount("/v", &disk.bd, &(struct lfs_options){ 0 });
		vfs_mkdir("/v/from", 0755);
		vfs_mkdir("/v/to", 0755);
		help_put("/v/from/a", "a", 1);
		help_put("/v/from/b", "b", 1);
		help_put("/v/from/c", "c", 1);
		help_put("/v/to/b", "b", 1);
		disk.fail_at = disk.requests + n;
		disk.fail_for_ever = true;
		vfs_rename("/v/from/b", "/v/to/c");
		vfs_unmount("/v");
		disk.fail_at = -1;
		disk.fail_for_ever = false;
		lfs_mount("/v", &disk.bd, &(struct lfs_options){ .read_only = true });
		a = vfs_stat("/v/from/b", &st) == 0;
		b = vfs_stat("/v/to/c", &st) == 0;
		both += a && b;
		none += !a && !b;
		old += a && vfs_stat("/v/to/c", &st) == -ENOENT;
		new += b && vfs_stat("/v/from/aa", &st) == -ENOENT &&
		       vfs_stat("/v/from/c", &st) == 0 &&
		       vfs_stat("/v/from/d", &st) == -ENOENT;
		vfs_unmount("/v");
		ram_disk_fini(&disk);
	}
	ok(!both && !none && old && new, "half a rename is one or the other: "
	   "%d old, %d new", old, new);
}

int main(void)
{
	const char *env = getenv("LFS_SEED");
	int steps = getenv("LFS_STEPS") ? atoi(getenv("LFS_STEPS")) : 2500;
	long before = host_heap_live;

	seed = env ? strtoull(env, NULL, 0) : (uint64_t)time(NULL) * 1000003u | 1;
	printf("# LFS_SEED=0x%llx\n", (unsigned long long)seed);
	host_log_quiet = true;
	memset(fill, 'f', sizeof(fill));
	make_names();
	test_compare();
	test_forget();
	test_bytes();
	test_unsorted();
	test_half_renamed();
	workload("memory for all", 64u << 20, steps);
	workload("memory for some", 600 << 10, steps);
	workload("next to none", 64 << 10, steps / 2);
	ok(lfs_memo_checked > 50000, "%lu answers compared", lfs_memo_checked);
	ok(host_heap_live == before, "no memory lost: %ld", host_heap_live);
	return done_testing();
}
