/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See load.h. Each takes its decisions from the model's random numbers and
 * causes some 150 to 400 requests, so that every cut can be tried.
 */
#include "tests/powercut/load.h"

#include <stdio.h>
#include <string.h>

#include "fs/lfs.h"
#include "tests/unit/tap.h"

static uint32_t below(struct model *m, uint32_t n)
{
	return cut_below(&m->rng, n);
}

/* Mostly small, sometimes several blocks: inline files and others. */
static uint32_t any_len(struct model *m)
{
	return below(m, 3) ? 1 + below(m, 700) : 1 + below(m, 20000);
}

static const char *path(const char *dir, const char *name, uint32_t n)
{
	static char buf[8][M_PATH];
	static int i;
	char tmp[3 * M_PATH];

	snprintf(tmp, sizeof(tmp), "/v%s/%s%u", dir, name, n);
	tmp[M_PATH - 1] = '\0';
	return memcpy(buf[i++ & 7], tmp, M_PATH);
}

static void some_files(struct model *m)
{
	w_mkdir(m, "/v/d");
	for (uint32_t i = 0; i < 6; i++)
		w_put(m, path(i & 1 ? "/d" : "", "kept", i), any_len(m));
}

/* Configuration: a new file, synced, renamed over the old one. */
static void replace(struct model *m)
{
	for (int i = 0; i < 22; i++) {
		const char *to = path("", "config", below(m, 3));

		w_put(m, "/v/config.tmp", any_len(m));
		w_rename(m, "/v/config.tmp", to);
	}
}

static void append(struct model *m)
{
	struct w_file w;

	w_open(m, &w, "/v/d/log", VFS_WR | VFS_CREATE | VFS_APPEND);
	for (int i = 0; i < 70; i++) {
		w_write(m, &w, -1, below(m, 4) ? 100 : any_len(m) / 4 + 1);
		w_fsync(m, &w);
	}
	w_close(m, &w);
}

static void many_prepare(struct model *m)
{
	w_mkdir(m, "/v/many");
	for (uint32_t i = 0; i < 70; i++)
		w_put(m, path("/many", "a-small-file-", i), 1 + below(m, 200));
}

static void many(struct model *m)
{
	for (uint32_t i = 0; i < 60; i++) {
		uint32_t n = below(m, 110);

		if (below(m, 3) == 0)
			w_remove(m, path("/many", "a-small-file-", i));
		else
			w_put(m, path("/many", "a-small-file-", n), any_len(m) / 8 + 1);
	}
}

static void dirs_prepare(struct model *m)
{
	for (uint32_t i = 0; i < 3; i++) {
		w_mkdir(m, path("", "top", i));
		w_mkdir(m, path(path("", "top", i) + 2, "sub", i));
		w_put(m, path(path(path("", "top", i) + 2, "sub", i) + 2, "f", i),
		      any_len(m));
	}
}

/* A subdirectory and its files move between parents; others come and go. */
static void dirs(struct model *m)
{
	uint32_t at[3] = { 0, 1, 2 };

	for (uint32_t i = 0; i < 45; i++) {
		uint32_t s = below(m, 3), to = below(m, 3);
		char from_dir[M_PATH], to_dir[M_PATH];

		snprintf(from_dir, M_PATH, "/top%u", at[s]);
		snprintf(to_dir, M_PATH, "/top%u", to);
		switch (below(m, 4)) {
		case 0:
			w_put(m, path(path(from_dir, "sub", s) + 2, "f", s),
			      any_len(m));
			break;
		case 1:
			if (w_mkdir(m, path(from_dir, "new", i)) == 0)
				w_rename(m, path(from_dir, "new", i),
					 path(to_dir, "moved", i));
			if (below(m, 2))
				w_remove(m, path(to_dir, "moved", i));
			break;
		default:
			if (to == at[s])
				break;
			w_rename(m, path(from_dir, "sub", s),
				 path(to_dir, "sub", s));
			at[s] = to;
		}
	}
}

static void full_prepare(struct model *m)
{
	some_files(m);
	for (uint32_t i = 0; w_put(m, path("", "fill", i), 12000) == 0; i++)
		;
	w_remove(m, "/v/fill0");
}

/* Most of it fails with ENOSPC at some point; room comes back by removing. */
static void full(struct model *m)
{
	struct w_file w;

	for (uint32_t i = 0; i < 30; i++) {
		uint32_t n = below(m, 8);

		switch (below(m, 4)) {
		case 0:
			w_put(m, path("", "fill", n), 1 + below(m, 16000));
			break;
		case 1:
			if (w_put(m, "/v/tmp", 1 + below(m, 8000)) == 0)
				w_rename(m, "/v/tmp", path("", "fill", n));
			break;
		case 2:
			if (w_open(m, &w, path("/d", "grow", n & 1),
				   VFS_WR | VFS_CREATE | VFS_APPEND) < 0)
				break;
			w_write(m, &w, -1, 1 + below(m, 6000));
			w_fsync(m, &w);
			w_close(m, &w);
			break;
		default:
			if (w_open(m, &w, path("", "fill", n),
				   VFS_WR | VFS_CREATE) < 0)
				break;
			w_close(m, &w);
			w_remove(m, path("", "fill", n));
		}
	}
}

static void truncates(struct model *m)
{
	struct w_file w;

	for (int i = 0; i < 45; i++) {
		if (w_open(m, &w, path("/d", "cut", below(m, 3)), VFS_RD |
			   VFS_WR | VFS_CREATE | (below(m, 5) ? 0 : VFS_TRUNC)) < 0)
			return;
		if (below(m, 3) == 0)
			w_write(m, &w, below(m, 3000), any_len(m));
		w_truncate(m, &w, below(m, 2) ? any_len(m) : below(m, 600));
		if (below(m, 2))
			w_fsync(m, &w);
		w_close(m, &w);
	}
}

static void overwrite_prepare(struct model *m)
{
	some_files(m);
	w_put(m, "/v/d/data", 30000);
}

static void overwrite(struct model *m)
{
	struct w_file w;

	if (w_open(m, &w, "/v/d/data", VFS_RD | VFS_WR) < 0)
		return;
	for (int i = 0; i < 32; i++) {
		w_write(m, &w, below(m, 30000), 1 + below(m, 5000));
		if (below(m, 3))
			w_fsync(m, &w);
	}
	w_close(m, &w);
}

static void several(struct model *m)
{
	struct w_file w[4];

	for (uint32_t i = 0; i < 4; i++) {
		if (w_open(m, &w[i], path(i & 1 ? "/d" : "", "open", i),
			   VFS_RD | VFS_WR | VFS_CREATE) < 0)
			return;
	}
	for (int i = 0; i < 110; i++) {
		struct w_file *f = &w[below(m, 4)];
		uint32_t len = m->content[f->file].len;

		switch (below(m, 8)) {
		case 0:
		case 1:
			w_fsync(m, f);
			break;
		case 2:
			if (below(m, 3) == 0)
				w_sync_all(m);
			break;
		case 3:
			w_write(m, f, below(m, len + 1), 1 + below(m, 900));
			break;
		default:
			w_write(m, f, len, len > 20000 ? 1 : any_len(m) / 3 + 1);
		}
	}
	for (int i = 0; i < 4; i++)
		w_close(m, &w[i]);
}

/* Open files lose their names, by unlink and by rename over them. */
static void unlinked(struct model *m)
{
	for (uint32_t i = 0; i < 14; i++) {
		const char *name = path("", "victim", i & 1);
		struct w_file w;

		if (w_open(m, &w, name, VFS_RD | VFS_WR | VFS_CREATE) < 0)
			return;
		w_write(m, &w, 0, any_len(m));
		if (below(m, 2))
			w_fsync(m, &w);
		if (below(m, 2)) {
			w_remove(m, name);
		} else {
			w_put(m, "/v/d/other", any_len(m));
			w_rename(m, "/v/d/other", name);
		}
		w_write(m, &w, 100, any_len(m));
		w_put(m, path("/d", "kept", 1), any_len(m));
		w_fsync(m, &w);
		w_close(m, &w);
	}
}

/* All of it, with files that are not synced before they are renamed. */
static void mixed(struct model *m)
{
	struct w_file w;

	for (uint32_t i = 0; i < 40; i++) {
		const char *a = path(below(m, 2) ? "/d" : "", "mix", below(m, 5));
		const char *b = path(below(m, 2) ? "/d" : "", "mix", below(m, 5));

		switch (below(m, 6)) {
		case 0:
			w_put(m, a, any_len(m));
			w_remove(m, a);
			break;
		case 1:
			w_put(m, a, any_len(m));
			w_rename(m, a, b);
			break;
		case 2:
			if (w_open(m, &w, a, VFS_WR | VFS_CREATE) < 0)
				return;
			w_write(m, &w, below(m, 9000), any_len(m));
			w_rename(m, a, b);
			w_write(m, &w, below(m, 9000), any_len(m) / 4 + 1);
			w_close(m, &w);
			break;
		default:
			if (w_open(m, &w, a, VFS_WR | VFS_CREATE | VFS_APPEND) < 0)
				return;
			w_write(m, &w, -1, any_len(m) / 4 + 1);
			w_close(m, &w);
		}
	}
}

/* Much is written and little synced: the cache writes it when it has too much,
 * and the flush thread after a while. */
static void unsynced(struct model *m)
{
	struct w_file w[3];

	for (uint32_t i = 0; i < 3; i++) {
		if (w_open(m, &w[i], path(i & 1 ? "/d" : "", "idle", i),
			   VFS_RD | VFS_WR | VFS_CREATE) < 0)
			return;
	}
	for (int i = 0; i < 50; i++) {
		struct w_file *f = &w[below(m, 3)];
		uint32_t len = m->content[f->file].len;

		if (below(m, 5) == 0)
			w_idle(m);
		else if (below(m, 8) == 0)
			w_fsync(m, f);
		else if (len > 60000)
			w_truncate(m, f, below(m, len));
		else
			w_write(m, f, below(m, 3) ? len : below(m, len + 1),
				1 + below(m, 18000));
	}
	w_idle(m);
	for (int i = 0; i < 3; i++)
		w_close(m, &w[i]);
}

/* Modes and times, of open files too. */
static void attributes(struct model *m)
{
	struct w_file w;

	for (uint32_t i = 0; i < 30; i++) {
		const char *dir = path("", "dir", i & 3);
		const char *name = path("/d", "mode", below(m, 4));

		if (w_open(m, &w, name, VFS_WR | VFS_CREATE | VFS_APPEND) < 0)
			return;
		if (below(m, 2))
			w_write(m, &w, -1, any_len(m) / 4 + 1);
		w_chmod(m, name, below(m, 07777 + 1));
		if (below(m, 2))
			w_fsync(m, &w);
		if (below(m, 3) == 0)
			w_rename(m, name, path("/d", "mode", 9));
		w_close(m, &w);
		if (i < 4)
			w_mkdir(m, dir);
		else
			w_chmod(m, dir, below(m, 07777 + 1));
	}
}

/* Where the directory of the file ends in its block. */
static uint32_t end_of_dir(void)
{
	struct lfs_volume *v = container_of(lfs_volumes.prev, struct lfs_volume,
					    all);
	struct lfs_node *n = lfs_node_find(v, "d/same");

	return n && n->h ? n->h->file.m.off : 0;
}

static uint32_t same_len;

/* Compacted, the directory shall end with a sector: then the former life's
 * next commit, which begins there, would follow the new one's. */
static void same_prepare(struct model *m)
{
	uint32_t end = 0, last = 0;
	struct w_file w;

	some_files(m);
	if (w_open(m, &w, "/v/d/same", VFS_WR | VFS_CREATE) < 0)
		return;
	for (int i = 0; i < 200 && end >= last; i++) {
		last = end;
		w_write(m, &w, 0, 16);
		w_fsync(m, &w);
		end = end_of_dir();
	}
	same_len = 16 + (BLK_SECTOR - end % BLK_SECTOR) % BLK_SECTOR;
	w_close(m, &w);
}

/* All commits are equally long: what a block of the directory held in its
 * former life has its commits at the same places as the new one. */
static void same_again(struct model *m)
{
	struct w_file w;

	if (w_open(m, &w, "/v/d/same", VFS_WR) < 0)
		return;
	for (int i = 0; i < 45; i++) {
		w_write(m, &w, 0, same_len);
		w_fsync(m, &w);
	}
	w_close(m, &w);
}

const struct load loads[] = {
	{ "replace by rename", 96, some_files, replace },
	{ "append with fsync", 96, some_files, append },
	{ "many small files", 160, many_prepare, many },
	{ "directories moved about", 96, dirs_prepare, dirs },
	{ "a volume nearly full", 64, full_prepare, full },
	{ "truncate", 96, some_files, truncates },
	{ "overwrite in place", 96, overwrite_prepare, overwrite },
	{ "several files open", 128, some_files, several },
	{ "unlink while open", 96, some_files, unlinked },
	{ "everything", 96, some_files, mixed },
	{ "written and not synced", 128, some_files, unsynced },
	{ "modes and times", 96, some_files, attributes },
	{ "the same again", 96, same_prepare, same_again },
};
const int n_loads = sizeof(loads) / sizeof(loads[0]);
