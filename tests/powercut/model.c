/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See model.h.
 */
#include "tests/powercut/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/lfs.h"
#include "tests/unit/tap.h"
#include "tools/host_kernel.h"

uint64_t m_hash(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t h = len * 0x9e3779b97f4a7c15u + 1, x;

	for (; len; p += 8) {
		size_t n = len < 8 ? len : 8;

		x = 0;
		memcpy(&x, p, n);
		h = (h ^ x) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
		len -= n;
	}
	return h;
}

static struct m_name *find(struct m_state *s, const char *path)
{
	uint64_t h = m_hash(path, strlen(path));

	for (int i = 0; i < s->n; i++) {
		if (s->name[i].hash == h)
			return &s->name[i];
	}
	return NULL;
}

static void set_path(struct m_name *n, const char *path)
{
	size_t len = strlen(path);

	if (len >= sizeof(n->path))
		abort();
	memcpy(n->path, path, len + 1);
	n->hash = m_hash(n->path, len);
}

static void add(struct m_state *s, const char *path, int file, uint32_t mode)
{
	if (s->n == M_NAMES)
		abort();
	set_path(&s->name[s->n], path);
	s->name[s->n].mode = mode;
	s->name[s->n++].file = file;
}

static void drop(struct m_state *s, const char *path)
{
	struct m_name *n = find(s, path);

	if (n)
		*n = s->name[--s->n];
}

static void move(struct m_state *s, const char *from, const char *to)
{
	size_t len = strlen(from);
	char path[2 * M_PATH];

	if (!strcmp(from, to))
		return;
	drop(s, to);
	for (int i = 0; i < s->n; i++) {
		struct m_name *n = &s->name[i];

		if (strncmp(n->path, from, len) ||
		    (n->path[len] && n->path[len] != '/'))
			continue;
		snprintf(path, sizeof(path), "%s%s", to, n->path + len);
		set_path(n, path);
	}
}

void m_apply(struct m_state *s, const struct m_op *op)
{
	struct m_name *n;

	switch (op->kind) {
	case M_CREATE:
		add(s, op->a, op->file, op->mode);
		s->file[op->file].synced = op->version;
		s->file[op->file].current = op->version;
		break;
	case M_MKDIR:
		add(s, op->a, -1, op->mode);
		break;
	case M_REMOVE:
		drop(s, op->a);
		break;
	case M_RENAME:
		move(s, op->a, op->b);
		break;
	case M_WRITE:
		s->file[op->file].current = op->version;
		break;
	case M_SYNC:
		s->file[op->file].synced = op->version;
		break;
	case M_MODE:
		n = find(s, op->a);
		if (n)
			n->mode = op->mode;
		break;
	}
}

static uint64_t used(void)
{
	struct vfs_statfs fs;

	return vfs_statfs("/v", &fs) == 0 ? fs.blocks - fs.blocks_free :
	       UINT64_MAX;
}

static struct m_op *begin(struct model *m, enum m_kind kind)
{
	struct m_op *op;

	if (m->n_ops == m->room_ops) {
		m->room_ops = m->room_ops ? 2 * m->room_ops : 256;
		m->op = realloc(m->op, m->room_ops * sizeof(m->op[0]));
	}
	op = &m->op[m->n_ops];
	memset(op, 0, sizeof(*op));
	op->kind = kind;
	op->start = m->disk->n;
	host_wall += 1000000007u;
	return op;
}

/* The call returned r; >= 0: the operation is done. A full volume may refuse. */
static int end(struct model *m, struct m_op *op, int r)
{
	if (r < 0) {
		if (r != -ENOSPC && m->errors++ < 5)
			printf("# op %d on %s: error %d\n", op->kind, op->a, r);
		return r;
	}
	op->end = m->disk->n;
	op->used = used();
	m_apply(&m->live, op);
	m->n_ops++;
	return r;
}

static int new_version(struct model *m, int file)
{
	struct m_content *c = &m->content[file];

	if (m->n_versions == m->room_versions) {
		m->room_versions = m->room_versions ? 2 * m->room_versions : 256;
		m->version = realloc(m->version, (size_t)m->room_versions *
				     sizeof(m->version[0]));
	}
	m->version[m->n_versions] = (struct m_version){
		file, c->len, m_hash(c->data, c->len), host_wall, host_wall };
	return m->n_versions++;
}

static void resize(struct m_content *c, uint32_t len)
{
	c->data = realloc(c->data, len ? len : 1);
	if (len > c->len)
		memset(c->data + c->len, 0, len - c->len);
	c->len = len;
}

void model_init(struct model *m, struct cut_disk *d, uint64_t seed)
{
	memset(m, 0, sizeof(*m));
	m->disk = d;
	m->rng.s = seed;
}

void model_fini(struct model *m)
{
	for (int i = 0; i < m->n_files; i++)
		free(m->content[i].data);
	free(m->op);
	free(m->version);
}

void model_start(struct model *m)
{
	w_sync_all(m);
	m->n_ops = 0;
	m->first = m->live;
	m->used_first = used();
	cut_disk_record(m->disk, true);
}

/* A file that nobody has open keeps its content here: it may be opened. */
int w_open(struct model *m, struct w_file *w, const char *path, unsigned flags)
{
	struct m_name *n = find(&m->live, path);
	struct m_op *op = begin(m, n ? M_WRITE : M_CREATE);
	int r;

	memset(w, 0, sizeof(*w));
	strcpy(op->a, path);
	op->mode = cut_below(&m->rng, 3) ? 0644 : cut_below(&m->rng, 07777 + 1);
	r = vfs_open(path, flags, op->mode, &w->f);
	if (r < 0)
		return end(m, op, r);
	w->file = n ? n->file : m->n_files++;
	if (m->n_files > M_FILES)
		abort();
	op->file = w->file;
	if (flags & VFS_TRUNC)
		resize(&m->content[w->file], 0);
	if (!n || (flags & VFS_TRUNC)) {
		op->version = new_version(m, w->file);
		end(m, op, 0);
	}
	w->writer = flags & VFS_WR;
	m->content[w->file].writers += w->writer;
	return 0;
}

static int synced(struct model *m, struct m_op *op, int file, int r)
{
	op->file = file;
	op->version = m->live.file[file].current;
	return end(m, op, r);
}

int w_fsync(struct model *m, struct w_file *w)
{
	struct m_op *op = begin(m, M_SYNC);

	return synced(m, op, w->file, w->f->ops->sync(w->f));
}

/* What close could not write it logs; then nothing is promised. */
void w_close(struct model *m, struct w_file *w)
{
	struct m_op *op = begin(m, M_SYNC);
	bool last = w->writer && --m->content[w->file].writers == 0;

	host_last_log[0] = '\0';
	file_put(w->f);
	w->f = NULL;
	if (last && !strstr(host_last_log, "could not be written"))
		synced(m, op, w->file, 0);
}

static void all_synced(struct model *m, size_t start)
{
	for (int i = 0; i < m->live.n; i++) {
		if (m->live.name[i].file >= 0) {
			struct m_op *op = begin(m, M_SYNC);

			op->start = start;
			synced(m, op, m->live.name[i].file, 0);
		}
	}
}

void w_sync_all(struct model *m)
{
	size_t start = m->disk->n;

	if (vfs_sync() == 0)
		all_synced(m, start);
}

/* If it fails, or one file's part of it, it logs. */
void w_idle(struct model *m)
{
	size_t start = m->disk->n;

	host_now += 5 * NSEC_PER_SEC;
	host_last_log[0] = '\0';
	if (lfs_flush_due(host_now, 5 * NSEC_PER_SEC) != NSEC_NEVER)
		abort();
	if (!host_last_log[0])
		all_synced(m, start);
}

int w_write(struct model *m, struct w_file *w, int64_t off, uint32_t len)
{
	struct m_content *c = &m->content[w->file];
	uint32_t at = off < 0 ? c->len : (uint32_t)off;
	struct m_op *op = begin(m, M_WRITE);
	uint8_t *data = malloc(len);
	struct file_iov iov = { data, len };
	long r;

	for (uint32_t i = 0; i < len; i++)
		data[i] = (uint8_t)cut_rand(&m->rng);
	r = off < 0 ? w->f->ops->writev(w->f, &iov, 1) :
	    w->f->ops->pwrite(w->f, data, len, off);
	if (r > 0) {
		if (at + (uint32_t)r > c->len)
			resize(c, at + (uint32_t)r);
		memcpy(c->data + at, data, (size_t)r);
		op->file = w->file;
		op->version = new_version(m, w->file);
	} else {
		m->version[m->live.file[w->file].current].to = host_wall;
	}
	free(data);
	return end(m, op, (int)r);
}

int w_truncate(struct model *m, struct w_file *w, uint32_t len)
{
	struct m_op *op = begin(m, M_WRITE);
	int r = w->f->ops->truncate(w->f, len);

	if (r == 0) {
		resize(&m->content[w->file], len);
		op->file = w->file;
		op->version = new_version(m, w->file);
	} else {
		m->version[m->live.file[w->file].current].to = host_wall;
	}
	return end(m, op, r);
}

int w_rename(struct model *m, const char *from, const char *to)
{
	struct m_op *op = begin(m, M_RENAME);

	strcpy(op->a, from);
	strcpy(op->b, to);
	return end(m, op, vfs_rename(from, to));
}

int w_mkdir(struct model *m, const char *path)
{
	struct m_op *op = begin(m, M_MKDIR);

	strcpy(op->a, path);
	op->mode = cut_below(&m->rng, 3) ? 0755 : cut_below(&m->rng, 07777 + 1);
	return end(m, op, vfs_mkdir(path, op->mode));
}

int w_chmod(struct model *m, const char *path, uint32_t mode)
{
	struct m_op *op = begin(m, M_MODE);

	strcpy(op->a, path);
	op->mode = mode;
	return end(m, op, vfs_chmod(path, mode));
}

int w_remove(struct model *m, const char *path)
{
	struct m_name *n = find(&m->live, path);
	struct m_op *op = begin(m, M_REMOVE);

	strcpy(op->a, path);
	return end(m, op, n && n->file < 0 ? vfs_rmdir(path) : vfs_unlink(path));
}

int w_put(struct model *m, const char *path, uint32_t len)
{
	struct w_file w;
	int r = w_open(m, &w, path, VFS_WR | VFS_CREATE | VFS_TRUNC | VFS_APPEND);

	while (r >= 0 && len) {
		uint32_t n = len < 3000 ? len : 3000;

		r = w_write(m, &w, -1, n);
		len -= r > 0 ? (uint32_t)r : 0;
	}
	if (w.f && r >= 0)
		r = w_fsync(m, &w);
	if (w.f)
		w_close(m, &w);
	return r < 0 ? r : 0;
}
