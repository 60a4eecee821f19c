/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See check.h.
 */
#include "tests/powercut/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/fs.h"
#include "tools/host_kernel.h"

/* Blocks that recovery may use beyond what was in use: a split or relocated
 * directory. */
#define SLACK 4u
#define FILE_MAX (1u << 20)

#define FAIL(t, ...) (snprintf((t)->why, sizeof((t)->why), __VA_ARGS__), false)

static bool read_file(struct check_tree *t, struct check_entry *e)
{
	static uint8_t buf[FILE_MAX];
	struct file_stat st;
	struct file *f;
	size_t done = 0;
	long n;
	int r = vfs_open(e->path, VFS_RD, 0, &f);

	if (r < 0)
		return FAIL(t, "%s: open: %d", e->path, r);
	r = f->ops->stat(f, &st);
	while ((n = f->ops->pread(f, buf + done, sizeof(buf) - done,
				  (int64_t)done)) > 0)
		done += (size_t)n;
	file_put(f);
	if (r < 0 || n < 0)
		return FAIL(t, "%s: read at %zu: %ld", e->path, done, n);
	if (st.size != done)
		return FAIL(t, "%s: size %d, content %zu", e->path,
			    (int)st.size, done);
	e->mtime = st.mtime_ns;
	e->mode = st.mode & 07777;
	e->len = (uint32_t)done;
	e->hash = m_hash(buf, done);
	return true;
}

static bool read_dir(struct check_tree *t, const char *path)
{
	struct vfs_dirent de;
	struct file *d;
	int r = vfs_open(path, VFS_RD | VFS_DIRECTORY, 0, &d);

	if (r < 0)
		return FAIL(t, "%s: opendir: %d", path, r);
	while ((r = vfs_readdir(d, &de)) > 0) {
		struct check_entry *e = &t->e[t->n];

		if (!strcmp(de.name, ".") || !strcmp(de.name, ".."))
			continue;
		if (t->n == CHECK_SEEN) {
			r = -E2BIG;
			break;
		}
		snprintf(e->path, sizeof(e->path), "%.40s/%.38s", path, de.name);
		e->path_hash = m_hash(e->path, strlen(e->path));
		e->dir = de.mode == VFS_S_IFDIR;
		t->n++;
	}
	file_put(d);
	return r < 0 ? FAIL(t, "%s: readdir: %d", path, r) : true;
}

bool check_read(struct check_tree *t)
{
	struct vfs_statfs fs;

	t->n = 0;
	t->why[0] = '\0';
	if (!read_dir(t, "/v"))
		return false;
	for (int i = 0; i < t->n; i++) {
		struct check_entry *e = &t->e[i];
		struct file_stat st;

		e->hash = e->len = 0;
		e->mtime = 0;
		if (e->dir && vfs_stat(e->path, &st) < 0)
			return FAIL(t, "%s: no stat", e->path);
		e->mode = e->dir ? st.mode & 07777 : 0;
		if (!(e->dir ? read_dir(t, e->path) : read_file(t, e)))
			return false;
	}
	return vfs_statfs("/v", &fs) == 0 ? true : FAIL(t, "statfs fails");
}

static bool allowed(const struct model *m, const struct m_state *s, int file,
		    const struct check_entry *e)
{
	for (int v = s->file[file].synced; v <= s->file[file].current; v++) {
		const struct m_version *x = &m->version[v];

		if (x->file == file && x->len == e->len && x->hash == e->hash &&
		    e->mtime >= x->from && e->mtime <= x->to)
			return true;
	}
	return false;
}

static const struct check_entry *seen(const struct check_tree *t, uint64_t hash)
{
	for (int i = 0; i < t->n; i++) {
		if (t->e[i].path_hash == hash)
			return &t->e[i];
	}
	return NULL;
}

bool check_matches(struct check_tree *t, const struct model *m,
		   const struct m_state *s)
{
	for (int i = 0; i < s->n; i++) {
		const struct m_name *n = &s->name[i];
		const struct check_entry *e = seen(t, n->hash);

		if (!e)
			return FAIL(t, "%s is gone", n->path);
		if (e->dir != (n->file < 0))
			return FAIL(t, "%s is of another kind", n->path);
		if (!e->dir && !allowed(m, s, n->file, e))
			return FAIL(t, "%s has other content or time (%u bytes; "
				    "synced %u, written %u)", n->path, e->len,
				    m->version[s->file[n->file].synced].len,
				    m->version[s->file[n->file].current].len);
	}
	for (int i = 0; i < s->n; i++) {
		const struct check_entry *e = seen(t, s->name[i].hash);

		if (e->mode != s->name[i].mode)
			return FAIL(t, "%s has mode %o, not %o", e->path,
				    e->mode, s->name[i].mode);
	}
	return t->n == s->n ? true :
	       FAIL(t, "%d names, not %d", t->n, s->n);
}

bool check_equal(struct check_tree *t, const struct check_tree *o)
{
	for (int i = 0; i < o->n; i++) {
		const struct check_entry *e = seen(t, o->e[i].path_hash);

		if (!e || e->dir != o->e[i].dir || e->hash != o->e[i].hash ||
		    e->mode != o->e[i].mode || e->mtime != o->e[i].mtime)
			return FAIL(t, "%s changed after recovery", o->e[i].path);
	}
	return t->n == o->n ? true : FAIL(t, "new names after recovery");
}

static uint64_t free_blocks(void)
{
	struct vfs_statfs fs;

	return vfs_statfs("/v", &fs) < 0 ? 0 : fs.blocks_free;
}

static int put(const uint8_t *data, uint32_t len)
{
	struct file *f;
	long r = vfs_open("/v/after-cut", VFS_RD | VFS_WR | VFS_CREATE |
			  VFS_TRUNC, 0644, &f);

	if (r < 0)
		return (int)r;
	r = f->ops->pwrite(f, data, len, 0);
	if (r >= 0)
		r = f->ops->sync(f);
	file_put(f);
	return (int)r;
}

bool check_writable(struct check_tree *t, uint64_t max_used, struct cut_rng *r)
{
	static uint8_t data[60000];
	struct check_entry e = { .path = "/v/after-cut" };
	struct vfs_statfs fs;
	uint64_t room = free_blocks(), n;
	uint32_t len;
	int err;

	/* Directories may need some blocks of their own. */
	n = room > 8 ? room - 8 : 0;
	len = 1 + cut_below(r, n * 3000 > sizeof(data) ? (uint32_t)sizeof(data) :
			    n ? (uint32_t)n * 3000 : 300);
	for (uint32_t i = 0; i < len; i += 64)
		data[i] = (uint8_t)cut_rand(r);
	err = put(data, len);
	if (err == -ENOSPC && room < 8)
		return true;
	if (err < 0)
		return FAIL(t, "writing %u bytes with %d blocks free: %d", len,
			    (int)room, err);
	if (!read_file(t, &e))
		return false;
	if (e.len != len || e.hash != m_hash(data, len))
		return FAIL(t, "a file written after recovery differs");
	err = vfs_unlink("/v/after-cut");
	if (err < 0)
		return FAIL(t, "unlink after recovery: %d", err);
	if (vfs_statfs("/v", &fs) < 0)
		return FAIL(t, "statfs fails after recovery");
	if (fs.blocks - fs.blocks_free > max_used + SLACK)
		return FAIL(t, "%d blocks in use after recovery, %d before",
			    (int)(fs.blocks - fs.blocks_free), (int)max_used);
	return true;
}
