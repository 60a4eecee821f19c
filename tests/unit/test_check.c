/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The volume check against damage: each block of a small volume overwritten
 * with zeros, ones and noise, its beginning only, single bytes of it. The check
 * ends, does not crash, and says something whenever the tree that a mount
 * shows is another one, or cannot be read. Two kinds of damage nobody can see
 * (tools/check.h); they are counted apart, and nothing else is.
 *
 * SOURCES: fs/vfs.c fs/path.c fs/mounts.c fs/root.c fs/lfs_bd.c fs/lfs_dir.c
 * SOURCES: fs/lfs_file.c fs/lfs_mount.c fs/lfs_node.c fs/lfs_util.c fs/bcache.c
 * SOURCES: fs/bcache_io.c fs/lfs_core.c fs/lfs_memo.c fs/lfs_time.c
 * SOURCES: fs/tar.c fs/archive.c fs/archive_index.c tools/host_kernel.c
 * SOURCES: tests/host/ram_blkdev.c tests/host/fs_help.c tests/host/volume_help.c
 * SOURCES: tools/check.c tools/check_meta.c tools/check_volume.c
 * SOURCES: tools/check_tree.c tools/check_file.c
 * FLAGS: -isystem third_party/littlefs -DLFS2_CONFIG=fs/lfs_config.h
 */
#include <stdlib.h>
#include <string.h>

#include "fs/lfs.h"
#include "tests/host/fs_help.h"
#include "tests/host/volume_help.h"
#include "tests/unit/tap.h"
#include "tools/check.h"
#include "tools/check_impl.h"

#define BLOCKS 160u
#define SIZE   (BLOCKS * 4096u)

static struct ram_disk disk;
static uint8_t *good, was_meta[BLOCKS];
static struct volume_sum sum;
static char said[400];
static unsigned n_changed, n_silent_whole, n_silent_data, n_missed;

static void keep(const struct check *c, const char *text)
{
	(void)c;
	if (!said[0])
		snprintf(said, sizeof(said), "%s", text);
}

static struct check run_check(bool data)
{
	struct check c = { .where = "v", .say = keep, .data = data };

	said[0] = '\0';
	disk.requests = 0;
	if (check_volume(&c, &disk.bd) < 0)
		abort();
	return c;
}

/* A block was damaged (`whole`: its revision, too, or all of a commit, that it
 * looks like one never written). */
static void judge(unsigned block, bool whole, const char *how)
{
	struct check c = run_check(true);
	bool notice = c.n_problems || c.n_notes, mounts;
	struct volume_sum now;

	if (disk.requests > 20 * (long)BLOCKS)
		n_missed++;		/* it went in circles */
	mounts = volume_sum(&disk, &now);
	if (mounts && !now.errors && now.names == sum.names &&
	    now.data == sum.data)
		return;
	n_changed++;
	if (notice)
		return;
	if (mounts && !now.errors && now.names == sum.names) {
		n_silent_data++;
	} else if (whole && was_meta[block] && mounts && !now.errors) {
		n_silent_whole++;
	} else {
		n_missed++;
		printf("# missed: block %u, %s (mounts %d, errors %u)\n", block,
		       how, mounts, now.errors);
	}
}

static void restore(void)
{
	memcpy(disk.data, good, SIZE);
}

/* A last commit that reads as if it had never been written. */
static bool erased(unsigned b, unsigned sector)
{
	for (unsigned i = sector * 512; i < 4096; i++)
		if (disk.data[b * 4096 + i] != 0xff)
			return false;
	return true;
}

static void whole_blocks(void)
{
	uint8_t *noise = help_pattern(4096, 99);
	char how[32];

	for (unsigned b = 0; b < BLOCKS; b++) {
		memset(disk.data + b * 4096, 0, 4096);
		judge(b, true, "zeros");
		memset(disk.data + b * 4096, 0xff, 4096);
		judge(b, true, "ones");
		memcpy(disk.data + b * 4096, noise, 4096);
		judge(b, true, "noise");
		restore();
		for (unsigned k = 0; k < 8; k++) {
			memset(disk.data + b * 4096 + k * 512, k & 1 ? 0xff : 0,
			       512);
			snprintf(how, sizeof(how), "sector %u", k);
			judge(b, k == 0 || (k & 1 && erased(b, k)), how);
			restore();
		}
	}
	free(noise);
}

static void single_bytes(uint32_t seed)
{
	for (unsigned i = 0; i < 3000; i++) {
		unsigned b, at;

		seed = seed * 1664525u + 1013904223u;
		b = (seed >> 8) % BLOCKS;
		if (!was_meta[b])
			continue;
		at = (seed >> 12) % 4096;
		disk.data[b * 4096 + at] ^= 1u << (seed & 7);
		judge(b, at < 4, "one bit");
		restore();
	}
}

static void make(void)
{
	static struct meta m;

	ram_disk_init(&disk, "disk0", SIZE);
	host_wall = 1000;
	volume_make(&disk);
	good = malloc(SIZE);
	memcpy(good, disk.data, SIZE);
	for (unsigned b = 0; b < BLOCKS; b++) {
		memcpy(m.b, good + b * 4096, 4096);
		meta_parse(&m);
		was_meta[b] = m.good;
	}
}

static void expect(const char *what, const char *text)
{
	struct check c = run_check(false);

	ok(c.n_problems > 0 && strstr(said, text), what);
	if (!strstr(said, text))
		printf("# said: %s\n", said);
	restore();
}

/* Where `text` lies on the disk, in a metadata block. */
static uint32_t find(const char *text)
{
	for (uint32_t at = 0; at + strlen(text) < SIZE; at++)
		if (was_meta[at / 4096] &&
		    !memcmp(disk.data + at, text, strlen(text)))
			return at;
	return 0;
}

/* Every place in metadata, and the sums made right again. */
static void replace_all(const char *from, const char *to)
{
	uint32_t at;

	while ((at = find(from)) != 0) {
		memcpy(disk.data + at, to, strlen(to));
		volume_fix_sums(disk.data + at / 4096 * 4096);
	}
}

static void edited(void)
{
	uint32_t head = 0;

	replace_all("tiny", "ti/y");
	expect("a name with a slash", "character that a name cannot have");
	replace_all("moved-2", "moved-4");
	expect("a name twice", "twice");
	replace_all("tiny", "ainy");
	expect("a name out of order", "out of order");
	replace_all("littlefs", "littlesf");
	expect("no superblock", "not one of littlefs");
	/* The last block of /big: its first word leads to the one before. */
	for (uint32_t b = 2; b < BLOCKS && !head; b++)
		if (!was_meta[b] && good[b * 4096] == b - 1 && !good[b * 4096 + 1])
			head = b;
	memcpy(disk.data + head * 4096, &(uint32_t){ 0 }, 4);
	expect("a list of blocks that leads into metadata", "in use by metadata");
	memcpy(disk.data + head * 4096, &(uint32_t){ head }, 4);
	expect("a list of blocks that leads back to itself", "in use by /");
	memcpy(disk.data + head * 4096, &(uint32_t){ BLOCKS }, 4);
	expect("a list of blocks that leads out", "it names block 160");
}

static void cut_short(void)
{
	disk.bd.n_sectors -= 8 * 10;
	expect("an image cut short", "cut short");
	disk.bd.n_sectors += 8 * 10;
	disk.fail_at = 5;
	disk.fail_for_ever = true;
	disk.requests = 0;
	expect("a disk that cannot be read", "cannot be read");
	disk.fail_at = -1;
	disk.fail_for_ever = false;
}

int main(void)
{
	struct check c;

	host_log_quiet = true;
	make();
	c = run_check(true);
	ok(c.n_problems == 0 && c.n_notes == 0, "a good volume is clean");
	if (said[0])
		printf("# said: %s\n", said);
	ok(volume_sum(&disk, &sum) && !sum.errors && sum.n == c.n_files +
	   c.n_dirs - 1, "as many files and directories as a mount shows");
	whole_blocks();
	single_bytes(1);
	printf("# %u changes of the tree; not to be seen: %u of data only, %u by "
	       "losing the newer of two metadata blocks\n", n_changed,
	       n_silent_data, n_silent_whole);
	ok(n_changed > 200, "the damage does damage");
	ok(n_missed == 0, "every change of the tree is noticed");
	ok(n_silent_whole <= 50, "few by losing a whole block");
	edited();
	cut_short();
	ram_disk_fini(&disk);
	free(good);
	return done_testing();
}
