/* SPDX-License-Identifier: BSD-2-Clause
 *
 * /dev: null, zero, random, urandom, console. Rows in a table. And one
 * directory that another file fills (fs/rawdev.c).
 */
#include "fs/devfs.h"

#include <errno.h>

#include "kernel/console.h"
#include "kernel/entropy.h"
#include "kernel/heap.h"
#include "kernel/lib/string.h"

struct dev_node {
	const char *name;
	/* Fills, returns how much; NULL: nothing to read. */
	long (*read)(struct file *f, void *buf, size_t len);
	void (*write)(const void *buf, size_t len);	/* NULL: swallowed */
};

struct dev_file {
	struct vfs_dir dir;		/* its file in front; used as such too */
	const struct dev_node *node;	/* NULL: a directory */
	bool below;			/* not /dev, but sub */
	unsigned pos;
};

/* What a path leads to. */
struct dev_path {
	const struct dev_node *node;	/* NULL: a directory */
	bool below;
	const char *entry;		/* of sub, or NULL */
};

static struct vfs_mount dev_mount;
static const struct devfs_dir *sub;

static long zero_read(struct file *f, void *buf, size_t len)
{
	(void)f;
	memset(buf, 0, len);
	return (long)len;
}

static long random_read(struct file *f, void *buf, size_t len)
{
	(void)f;
	entropy_bytes(buf, len);
	return (long)len;
}

static long cons_read(struct file *f, void *buf, size_t len)
{
	while (!console_readable()) {
		if (f->nonblock)
			return -EAGAIN;
		wait_queue_sleep(console_read_queue(), NSEC_NEVER);
	}
	return (long)console_read(buf, len);
}

static void cons_write(const void *buf, size_t len)
{
	console_write(buf, len);
}

static const struct dev_node nodes[] = {
	{ "null", NULL, NULL },
	{ "zero", zero_read, NULL },
	{ "random", random_read, NULL },
	{ "urandom", random_read, NULL },
	{ "console", cons_read, cons_write },
};

static long dev_readv(struct file *f, const struct file_iov *iov, int n)
{
	struct dev_file *d = container_of(f, struct dev_file, dir.file);
	long total = 0;

	if (!f->readable)
		return -EBADF;
	for (int i = 0; i < n && d->node->read; i++) {
		long r = iov[i].len ? d->node->read(f, iov[i].base, iov[i].len)
				    : 0;

		if (r < 0)
			return total ? total : r;
		total += r;
		if ((size_t)r < iov[i].len)
			break;
	}
	return total;
}

static long dev_writev(struct file *f, const struct file_iov *iov, int n)
{
	struct dev_file *d = container_of(f, struct dev_file, dir.file);
	long total = 0;

	if (!f->writable)
		return -EBADF;
	for (int i = 0; i < n; i++) {
		if (d->node->write)
			d->node->write(iov[i].base, iov[i].len);
		total += (long)iov[i].len;
	}
	return total;
}

static void fill(const struct dev_node *node, bool below, struct file_stat *st)
{
	uint32_t mode = node ? VFS_S_IFCHR | 0666 : VFS_S_IFDIR | 0755;

	fs_fill_stat(&dev_mount, st, mode, 0, 0,
		     node ? 2 + (uint64_t)(node - nodes) :
		     below ? 2 + ARRAY_SIZE(nodes) : 1);
}

static int dev_fstat(struct file *f, struct file_stat *st)
{
	struct dev_file *d = container_of(f, struct dev_file, dir.file);

	fill(d->node, d->below, st);
	return 0;
}

static void dev_release(struct file *f)
{
	dev_mount.n_files--;
	heap_free(HEAP_FS, f);
}

static unsigned cons_poll(struct file *f)
{
	struct dev_file *d = container_of(f, struct dev_file, dir.file);
	bool wait = d->node->read == cons_read && !console_readable();

	return FILE_OUT | (wait ? 0 : FILE_IN);
}

static const struct file_ops dev_file_ops = {
	.readv = dev_readv,
	.writev = dev_writev,
	.stat = dev_fstat,
	.poll = cons_poll,
	.release = dev_release,
};

static const struct file_ops dev_dir_ops = {
	.stat = dev_fstat,
	.release = dev_release,
};

/* Does `path` begin with this name, as a whole? What is behind it, "" or what
 * follows the '/'. */
static const char *behind(const char *path, const char *name)
{
	size_t n = strlen(name);

	if (strncmp(path, name, n) != 0 || (path[n] && path[n] != '/'))
		return NULL;
	return path[n] ? path + n + 1 : path + n;
}

static int find_below(const char *rest, struct dev_path *out)
{
	struct file_stat st;

	out->below = true;
	if (!rest[0])
		return 0;
	/* No entry's name has a '/'. */
	if (strchr(rest, '/'))
		return -ENOENT;
	out->entry = rest;
	return sub->stat(&dev_mount, rest, &st);
}

static int find(const char *path, struct dev_path *out)
{
	const char *rest;

	memset(out, 0, sizeof(*out));
	if (!path[0])
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		rest = behind(path, nodes[i].name);
		if (!rest)
			continue;
		out->node = &nodes[i];
		return rest[0] ? -ENOTDIR : 0;
	}
	rest = sub ? behind(path, sub->name) : NULL;
	return rest ? find_below(rest, out) : -ENOENT;
}

static int dev_stat(struct vfs_mount *m, const char *path, struct file_stat *st)
{
	struct dev_path p;
	int r = find(path, &p);

	if (r < 0)
		return r;
	if (p.entry)
		return sub->stat(m, p.entry, st);
	fill(p.node, p.below, st);
	return 0;
}

static int dev_open(struct vfs_mount *m, const char *path, unsigned flags,
		    uint32_t mode, struct file **out)
{
	struct dev_path p;
	struct dev_file *d;
	bool is_dir;
	int r = find(path, &p);

	(void)mode;
	if (r < 0)
		return r;
	is_dir = !p.node && !p.entry;
	if (is_dir && (flags & VFS_WR))
		return -EISDIR;
	if (!is_dir && (flags & VFS_DIRECTORY))
		return -ENOTDIR;
	if (p.entry)
		return sub->open(m, p.entry, flags, out);
	d = heap_zalloc(HEAP_FS, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->node = p.node;
	d->below = p.below;
	d->dir.mount = m;
	file_init(&d->dir.file, is_dir ? &dev_dir_ops : &dev_file_ops,
		  is_dir ? &vfs_dir_kind : (const void *)nodes);
	*out = &d->dir.file;
	return 0;
}

static int dev_readdir(struct file *f, struct vfs_dirent *out)
{
	struct dev_file *d = container_of(f, struct dev_file, dir.file);
	const char *name;

	if (d->below)
		return sub->next(&d->pos, out);
	if (d->pos >= ARRAY_SIZE(nodes) + (sub ? 1 : 0))
		return 0;
	memset(out, 0, sizeof(*out));
	name = d->pos < ARRAY_SIZE(nodes) ? nodes[d->pos].name : sub->name;
	out->mode = d->pos < ARRAY_SIZE(nodes) ? VFS_S_IFCHR | 0666 :
		    VFS_S_IFDIR | 0755;
	memcpy(out->name, name, strlen(name));
	out->ino = 2 + d->pos++;
	return 1;
}

static int dev_rewind(struct file *f)
{
	container_of(f, struct dev_file, dir.file)->pos = 0;
	return 0;
}

static int dev_sync(struct vfs_mount *m)
{
	(void)m;
	return sub ? sub->sync() : 0;
}

static const struct vfs_ops dev_ops = {
	.type = "devfs",
	.open = dev_open,
	.stat = dev_stat,
	.readdir = dev_readdir,
	.rewinddir = dev_rewind,
	.sync = dev_sync,
};

void devfs_add_dir(const struct devfs_dir *dir)
{
	sub = dir;
}

int devfs_mount(const char *path)
{
	dev_mount.ops = &dev_ops;
	dev_mount.read_only = true;
	return vfs_mount_add(&dev_mount, path);
}
