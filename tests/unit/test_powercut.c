/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Power cuts (tests/powercut/): after each the volume mounts, what was synced
 * is there, every file is old or new. And the test of the test: with a flush
 * lost, moved, or no block held back, it fails.
 *
 *	POWERCUT_IMAGES=N	disks to look at, at least (10000)
 *	POWERCUT_SEED=0x...	instead of a new one each time
 *	POWERCUT_ONLY_CUTS=1	no test of the test (tests/powercut/mutate.py)
 *
 * SOURCES: fs/vfs.c fs/path.c fs/mounts.c fs/root.c fs/lfs_bd.c fs/lfs_dir.c
 * SOURCES: fs/lfs_file.c fs/lfs_mount.c fs/lfs_node.c fs/lfs_util.c fs/bcache.c fs/bcache_io.c
 * SOURCES: fs/tar.c fs/archive.c fs/archive_index.c tools/host_kernel.c
 * SOURCES: tests/powercut/disk.c tests/powercut/model.c tests/powercut/load.c
 * SOURCES: tests/powercut/check.c tests/powercut/sim.c tests/powercut/mutant.c
 * SOURCES: fs/lfs_core.c fs/lfs_memo.c fs/lfs_time.c
 * FLAGS: -O2 -isystem third_party/littlefs -DLFS2_CONFIG=fs/lfs_config.h
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/powercut/sim.h"
#include "tests/unit/tap.h"
#include "tools/host_kernel.h"

static uint64_t seed0;

static uint64_t seed_of(int round, int load)
{
	struct cut_rng r = { seed0 + (uint64_t)round * 1000 + (uint64_t)load };

	return cut_rand(&r);
}

static void test_cuts(long want)
{
	struct cut_options opt = { .extra = 1 };
	long images = 0, failures = 0, load_images[16] = { 0 };
	long load_failures[16] = { 0 };
	char why[300] = "";

	for (int round = 0; images < want && failures < 50; round++) {
		for (int i = 0; i < n_loads; i++) {
			struct cut_result res = { 0 };

			if (round > 0 && images >= want)
				break;
			cut_run(&loads[i], seed_of(round, i), &opt, &res);
			images += res.images;
			failures += res.failures;
			load_images[i] += res.images;
			load_failures[i] += res.failures;
			if (res.failures && !why[0])
				memcpy(why, res.why, sizeof(why));
		}
	}
	for (int i = 0; i < n_loads; i++)
		ok(load_failures[i] == 0 && load_images[i] > 100,
		   "%s: %ld disks, %ld bad", loads[i].name, load_images[i],
		   load_failures[i]);
	ok(failures == 0 && images >= want, "%ld disks after a cut, %ld bad %s",
	   images, failures, why);
}

static void test_mutants(void)
{
	for (int mu = 1; mu < ONE_FLUSH_LOST; mu++) {
		struct cut_options opt = { .mutant = mu, .stop = true,
					   .quiet = true };
		struct cut_result res = { 0 };
		/* Old commits that follow new ones are seldom but there. */
		bool last = mu == NO_REST_FIRST;

		opt.extra = last ? 8 : 2;
		for (int i = 1; i < 4 * n_loads && !res.failures; i++)
			cut_run(&loads[last ? n_loads - 1 : i % n_loads],
				seed_of(-i, i), &opt, &res);
		ok(res.failures > 0, "%s: found after %ld disks (%s)",
		   mutant_names[mu], res.images, res.why);
	}
}

/* Each single flush of a workload, lost by the device. A call's last must be
 * missed always. Others may do nothing for this workload: between two commits
 * of one call, or (NO_REST_FIRST is for those) inside a block. */
static void test_lost_flushes(const struct load *load, size_t most)
{
	struct cut_options opt = { .mutant = ONE_FLUSH_LOST, .stop = true,
				   .quiet = true, .extra = 2 };
	long images = 0, missed = 0, inside = 0, ends = 0, ends_missed = 0;
	size_t n = 1, i;

	for (i = 0; i < n && i < most; i++) {
		struct cut_result res = { 0 };

		opt.lost_flush = i;
		cut_run(load, seed_of(-100, 0), &opt, &res);
		n = res.flushes;
		images += res.images;
		missed += res.failures > 0;
		inside += !res.failures && res.lost_between;
		ends += res.lost_end;
		ends_missed += res.lost_end && res.failures;
		if (res.lost_end && !res.failures)
			printf("# flush %zu of %zu ends a call, and is not "
			       "missed\n", i, n);
	}
	ok(ends_missed == ends && ends > 0, "%s, each of %zu flushes lost: %ld "
	   "missed, all %ld that end a call (%ld disks; %ld inside a block)",
	   load->name, i, missed, ends, images, inside);
}

int main(void)
{
	const char *env = getenv("POWERCUT_SEED");
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	seed0 = env ? strtoull(env, NULL, 0) :
		(uint64_t)ts.tv_sec * 1000003u ^ (uint64_t)ts.tv_nsec;
	printf("# POWERCUT_SEED=0x%llx\n", (unsigned long long)seed0);
	host_log_quiet = true;
	env = getenv("POWERCUT_IMAGES");
	test_cuts(env ? atol(env) : 10000);
	if (getenv("POWERCUT_ONLY_CUTS"))
		return done_testing();
	test_mutants();
	/* The others' calls may end with a commit that only tidies up (mtime of
	 * a directory, the old name of a move across directories). */
	for (int i = 0; i < 3; i++)
		test_lost_flushes(&loads[i], env ? SIZE_MAX : 25);
	ok(host_heap_live == 0, "no memory lost: %ld", host_heap_live);
	return done_testing();
}
