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
static char said[4000];
static bool all_said;
static unsigned n_changed, n_silent_whole, n_silent_data, n_missed;

static void keep(const struct check *c, const char *text)
{
	size_t n = strlen(said);

	(void)c;
	if (!n || all_said)
		snprintf(said + n, sizeof(said) - n, "%s\n", text);
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

/* A block of one commit (its others are taken away) that is damaged: what it
 * said of the next older state is all there is to see. */
static void only_commits(void)
{
	static struct meta m;

	for (unsigned b = 0; b < BLOCKS; b++) {
		uint8_t *p = disk.data + b * 4096;

		for (unsigned end = 16; was_meta[b] && end <= 4096; end += 16) {
			memset(m.b, 0xff, 4096);
			memcpy(m.b, p, end);
			meta_parse(&m);
			if (!m.good)
				continue;
			memset(p + end, 0xff, 4096 - end);
			p[30] ^= 1;
			judge(b, false, "its only commit");
			break;
		}
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

/* Where the damage is told by what is left behind it. */
static void commits_behind(void)
{
	unsigned lost = 0, beginning = 0, torn = 0;

	for (unsigned b = 0; b < BLOCKS; b++) {
		for (unsigned at = 30; was_meta[b] && at < 4000; at += 331) {
			disk.data[b * 4096 + at] ^= 4;
			all_said = true;
			run_check(false);
			all_said = false;
			lost += strstr(said, "newer commits behind") != NULL;
			beginning += strstr(said, "the beginning of") != NULL;
			torn += strstr(said, "something unfinished") != NULL;
			restore();
		}
		for (unsigned k = 0; was_meta[b] && k < 512; k++)
			disk.data[b * 4096 + k] = (uint8_t)(k * 7);
		all_said = true;
		run_check(false);
		all_said = false;
		beginning += strstr(said, "the beginning of") != NULL;
		restore();
	}
	printf("# commits lost: %u, beginnings: %u\n", lost, beginning);
	ok(lost > 5 && beginning > 2, "commits behind damage are found");
	ok(torn > 0, "so is what lies behind the last one");
}

/* What entries say, sums made right again: `from` is found, `len` bytes. */
static void replace(const void *from, const void *to, size_t len)
{
	for (uint32_t at = 0; at + len < SIZE; at++) {
		if (!was_meta[at / 4096] || memcmp(disk.data + at, from, len))
			continue;
		memcpy(disk.data + at, to, len);
		volume_fix_sums(disk.data + at / 4096 * 4096);
	}
}

/* The place of a file's blocks: first block and size, as in its entry. */
static void places(void)
{
	uint32_t size = 60000, head = 0, to[2];

	for (uint32_t at = 0; at + 8 < SIZE && !head; at++)
		if (was_meta[at / 4096] && !memcmp(disk.data + at + 4, &size, 4))
			memcpy(&head, disk.data + at, 4);
	to[0] = BLOCKS;
	to[1] = size;
	replace((uint32_t[]){ head, size }, to, 8);
	expect("a first block just outside", "block 160 lies outside the volume");
	to[0] = head;
	to[1] = 0x7fffffff;
	replace((uint32_t[]){ head, size }, to, 8);
	expect("a size beyond the volume", "more than the volume");
	to[1] = 0x80000000;
	replace((uint32_t[]){ head, size }, to, 8);
	expect("a size beyond all files", "more than a file of this volume");
	to[1] = 30000;
	replace((uint32_t[]){ head, size }, to, 8);
	expect("a size that does not fit to the blocks", "/big: ");
	/* The last block, number 14, has the only shortcut to number 12. */
	memcpy(disk.data + head * 4096 + 4, &(uint32_t){ 5 }, 4);
	expect("a wrong shortcut", "a shortcut says 5");
}

/* Attributes: their tags are not found by content, so they are made wrong
 * where they are made. */
static void attributes(void)
{
	struct lfs_volume *v;
	const char *rel;

	if (lfs_mount("/v", &disk.bd, &(struct lfs_options){ 0 }) < 0)
		abort();
	v = lfs_of(vfs_find_mount("/v", &rel));
	lfs2_setattr(&v->lfs, "big", 0x74, "abc", 3);
	lfs2_setattr(&v->lfs, "tiny", 0x6d, "ab", 2);
	lfs2_setattr(&v->lfs, "one", 0x6d, "\xff\xff\0\0", 4);
	lfs2_setattr(&v->lfs, "/", 0x47, "\x02\0\0\0", 4);
	lfs2_setattr(&v->lfs, "none", 0x11, "x", 1);
	(void)vfs_sync();
	if (vfs_unmount("/v") < 0)
		abort();
	all_said = true;
	run_check(false);
	all_said = false;
	ok(strstr(said, "/big: the modification time has 3 bytes"), "a time of 3 bytes");
	ok(strstr(said, "/tiny: the permissions have 2 bytes"), "a mode of 2");
	ok(strstr(said, "/one: the permissions are 177777"), "a strange mode");
	ok(strstr(said, "format version 2, this Glint knows up to 1"), "a newer format");
	ok(strstr(said, "/none: has an attribute that"), "an unknown attribute");
	restore();
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
	only_commits();
	printf("# %u changes of the tree; not to be seen: %u of data only, %u by "
	       "losing the newer of two metadata blocks\n", n_changed,
	       n_silent_data, n_silent_whole);
	ok(n_changed > 200, "the damage does damage");
	ok(n_missed == 0, "every change of the tree is noticed");
	ok(n_silent_whole <= 50, "few by losing a whole block");
	edited();
	commits_behind();
	places();
	attributes();
	cut_short();
	ram_disk_fini(&disk);
	free(good);
	return done_testing();
}
