/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The loads. Each line on the console is printed after what it says is safe:
 *   synced N	record N is in the log		replaced N	so is the state
 *   made N, gone N	small files			moved N		the tree is below dirs/N
 *   kept N, dropped N	big files on /full
 */
#include "powercut.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SMALL_KEPT 40		/* small files alive at a time */
#define PLACES	   3		/* directories between which the tree moves */

static char buf[BIG], want[BIG];

static void need_dir(const char *path)
{
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		die(path);
}

/* What the last boot did and could not say any more is safe as well. */
static void tell_found(const char *less, long n_less, const char *more, long n_more)
{
	if (n_less >= 0)
		printf("%s %ld\n", less, n_less);
	if (n_more >= 0)
		printf("%s %ld\n", more, n_more);
}

/* ---- log: append with fsync ------------------------------------------------------ */

static int log_fd = -1;
static long log_next;

/* The log may be longer than what was reported, and ends with a whole record,
 * since each was one write. */
static void log_begin(void)
{
	char rec[RECORD], good[RECORD];
	long got;

	log_fd = open("/data/log", O_RDWR | O_CREAT | O_APPEND, 0644);
	if (log_fd < 0)
		die("/data/log");
	for (log_next = 0; (got = read(log_fd, rec, RECORD)) == RECORD; log_next++) {
		make_record(good, log_next);
		if (memcmp(good, rec, RECORD))
			wrong("record", log_next);
	}
	if (got)
		wrong("end of the log", got);
}

static void log_step(void)
{
	char rec[RECORD];

	make_record(rec, log_next);
	if (write(log_fd, rec, RECORD) != RECORD || fsync(log_fd) < 0)
		die("append");
	printf("synced %ld\n", log_next++);
}

/* ---- replace: a file that is old or new ------------------------------------------- */

static long state_next;

static void replace_begin(void)
{
	char rec[RECORD], good[RECORD];
	long got = read_file("/data/state", rec, RECORD);

	if (got < 0)
		return;
	state_next = got == RECORD ? strtol(rec + 7, NULL, 10) : -1;
	make_record(good, state_next);
	if (got != RECORD || memcmp(rec, good, RECORD))
		wrong("state", got);
	state_next++;
}

static void replace_step(void)
{
	char rec[RECORD];

	make_record(rec, state_next);
	if (write_synced("/data/state.new", rec, RECORD) < 0 || rename("/data/state.new", "/data/state") < 0)
		die("replace");
	printf("replaced %ld\n", state_next++);
}

/* ---- small: many small files, each synced, the oldest removed ---------------------- */

static long small_first, small_next;

static const char *small_name(long n)
{
	static char name[40];

	snprintf(name, sizeof(name), "/data/small/s%ld", n);
	return name;
}

/* All but the last must be whole; that may have any length. */
static void small_begin(void)
{
	long least, most;

	need_dir("/data/small");
	number_range("/data/small", "s", &least, &most);
	for (long n = least; n >= 0 && n <= most; n++) {
		long got = read_file(small_name(n), buf, SMALL_MAX);

		fill(want, small_size(n), n);
		if (got == (long)small_size(n) && !memcmp(buf, want, small_size(n)))
			continue;
		if (n != most)
			wrong("small file", n);
		if (unlink(small_name(n)) < 0)
			die("unlink");
		most--;
	}
	small_first = least < 0 ? 0 : least;
	small_next = most < 0 ? 0 : most + 1;
	tell_found("gone", small_first - 1, "made", most);
}

static void small_step(void)
{
	size_t len = small_size(small_next);

	fill(buf, len, small_next);
	if (write_synced(small_name(small_next), buf, len) < 0)
		die("small");
	printf("made %ld\n", small_next++);
	for (; small_next - small_first > SMALL_KEPT; small_first++) {
		if (unlink(small_name(small_first)) < 0)
			die(small_name(small_first));
		printf("gone %ld\n", small_first);
	}
}

/* ---- dirs: a tree that moves from directory to directory ---------------------------- */

static int place;

static const char *tree(int at, const char *below)
{
	static char name[2][64];
	static int turn;

	turn ^= 1;
	snprintf(name[turn], sizeof(name[0]), "/data/dirs/%d/tree%s", at, below);
	return name[turn];
}

static void dirs_begin(void)
{
	struct stat st;
	int found = 0;
	char dir[32];

	need_dir("/data/dirs");
	for (int i = 0; i < PLACES; i++) {
		snprintf(dir, sizeof(dir), "/data/dirs/%d", i);
		need_dir(dir);
		if (stat(tree(i, ""), &st) == 0) {
			place = i;
			found++;
		}
	}
	if (found > 1)
		wrong("trees", found);
	if (stat("/data/dirs/ready", &st) < 0) {
		/* A first start that was cut off may have come to anywhere. */
		need_dir(tree(place, ""));
		need_dir(tree(place, "/a"));
		need_dir(tree(place, "/a/b"));
		for (int i = 0; i < 3; i++) {
			static const char *const below[] = { "/f0", "/a/f1", "/a/b/f2" };

			fill(buf, 1000 * (size_t)i + 10, i);
			if (write_synced(tree(place, below[i]), buf, 1000 * (size_t)i + 10) < 0)
				die("tree");
		}
		if (write_synced("/data/dirs/ready", "", 0) < 0)
			die("ready");
	} else if (!found || read_file(tree(place, "/a/b/f2"), buf, BIG) != 2010) {
		wrong("tree at", place);
	}
	printf("moved %d\n", place);
}

static void dirs_step(void)
{
	int next = (place + 1) % PLACES;

	if (rename(tree(place, ""), tree(next, "")) < 0)
		die("rename of a tree");
	place = next;
	printf("moved %d\n", place);
}

/* ---- full: a volume that has no room ------------------------------------------------ */

static long big_first, big_next;

static const char *big_name(long n)
{
	static char name[40];

	snprintf(name, sizeof(name), "/full/b%ld", n);
	return name;
}

static void full_begin(void)
{
	long least, most;

	number_range("/full", "b", &least, &most);
	for (long n = least; n >= 0 && n <= most; n++) {
		long got = read_file(big_name(n), buf, BIG);

		fill(want, BIG, n);
		if (got == BIG && !memcmp(buf, want, BIG))
			continue;
		if (n != most)
			wrong("big file", n);
		if (unlink(big_name(n)) < 0)
			die("unlink");
		most--;
	}
	big_first = least < 0 ? 0 : least;
	big_next = most < 0 ? 0 : most + 1;
	tell_found("dropped", big_first - 1, "kept", most);
}

static void full_step(void)
{
	fill(buf, BIG, big_next);
	while (write_synced(big_name(big_next), buf, BIG) < 0) {
		if (big_first == big_next)
			wrong("no room for one file", big_next);
		if (unlink(big_name(big_first)) < 0)
			die(big_name(big_first));
		printf("dropped %ld\n", big_first++);
	}
	printf("kept %ld\n", big_next++);
}

const struct load loads[] = {
	{ "log", log_begin, log_step }, { "replace", replace_begin, replace_step },
	{ "small", small_begin, small_step }, { "dirs", dirs_begin, dirs_step },
	{ "full", full_begin, full_step },
};
const unsigned n_loads = sizeof(loads) / sizeof(loads[0]);
