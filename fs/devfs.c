/* SPDX-License-Identifier: BSD-2-Clause
 *
 * /dev: null, zero, random, urandom, console. Rows in a table.
 */
#include "fs/fs.h"

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
	const struct dev_node *node;	/* NULL: the directory */
	unsigned pos;
};

static struct vfs_mount dev_mount;

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

static void fill(const struct dev_node *node, struct file_stat *st)
{
	uint32_t mode = node ? VFS_S_IFCHR | 0666 : VFS_S_IFDIR | 0755;

	fs_fill_stat(&dev_mount, st, mode, 0, 0,
		     node ? 2 + (uint64_t)(node - nodes) : 1);
}

static int dev_fstat(struct file *f, struct file_stat *st)
{
	fill(container_of(f, struct dev_file, dir.file)->node, st);
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

/* 0, -ENOENT; *out NULL: the directory. */
static int find(const char *path, const struct dev_node **out)
{
	*out = NULL;
	if (!path[0])
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		size_t n = strlen(nodes[i].name);

		if (strncmp(path, nodes[i].name, n) == 0) {
			*out = &nodes[i];
			if (path[n] == '/')
				return -ENOTDIR;
			if (!path[n])
				return 0;
		}
	}
	return -ENOENT;
}

static int dev_stat(struct vfs_mount *m, const char *path, struct file_stat *st)
{
	const struct dev_node *node;
	int r = find(path, &node);

	(void)m;
	if (r == 0)
		fill(node, st);
	return r;
}

static int dev_open(struct vfs_mount *m, const char *path, unsigned flags,
		    uint32_t mode, struct file **out)
{
	const struct dev_node *node;
	struct dev_file *d;
	int r = find(path, &node);

	(void)mode;
	if (r < 0)
		return r;
	if (!node && (flags & VFS_WR))
		return -EISDIR;
	if (node && (flags & VFS_DIRECTORY))
		return -ENOTDIR;
	d = heap_zalloc(HEAP_FS, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->node = node;
	d->dir.mount = m;
	file_init(&d->dir.file, node ? &dev_file_ops : &dev_dir_ops,
		  node ? (const void *)nodes : &vfs_dir_kind);
	*out = &d->dir.file;
	return 0;
}

static int dev_readdir(struct file *f, struct vfs_dirent *out)
{
	struct dev_file *d = container_of(f, struct dev_file, dir.file);

	if (d->pos >= ARRAY_SIZE(nodes))
		return 0;
	memset(out, 0, sizeof(*out));
	memcpy(out->name, nodes[d->pos].name, strlen(nodes[d->pos].name));
	out->mode = VFS_S_IFCHR | 0666;
	out->ino = 2 + d->pos++;
	return 1;
}

static int dev_rewind(struct file *f)
{
	container_of(f, struct dev_file, dir.file)->pos = 0;
	return 0;
}

static const struct vfs_ops dev_ops = {
	.type = "devfs",
	.open = dev_open,
	.stat = dev_stat,
	.readdir = dev_readdir,
	.rewinddir = dev_rewind,
};

int devfs_mount(const char *path)
{
	dev_mount.ops = &dev_ops;
	dev_mount.read_only = true;
	return vfs_mount_add(&dev_mount, path);
}
