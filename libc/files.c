/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Paths: files and directories over the VFS. An image whose application does
 * not need fs/ links none of this.
 */
#include "libc_impl.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <unistd.h>

#include "kernel/clock.h"
#include "kernel/vfs.h"

struct glint_dir {
	struct file *file;
	int fd;
	long pos;			/* entries read */
	struct vfs_dirent raw;
	struct dirent out;
};

int open(const char *path, int flags, ...)
{
	bool dir = flags & O_DIRECTORY;
	unsigned v = 0;
	struct file *f;
	mode_t mode;
	va_list ap;
	int r;

	va_start(ap, flags);
	mode = flags & O_CREAT ? (mode_t)va_arg(ap, int) : 0;
	va_end(ap);
	v |= (flags & O_ACCMODE) != O_WRONLY ? VFS_RD : 0;
	v |= (flags & O_ACCMODE) != O_RDONLY ? VFS_WR : 0;
	v |= flags & O_CREAT ? VFS_CREATE : 0;
	v |= flags & O_EXCL ? VFS_EXCL : 0;
	v |= flags & O_TRUNC ? VFS_TRUNC : 0;
	v |= flags & O_APPEND ? VFS_APPEND : 0;
	v |= dir ? VFS_DIRECTORY : 0;
	r = vfs_open(path, v, mode & 07777, &f);
	if (r < 0)
		return (int)libc_result(r);
	if (flags & O_NONBLOCK)
		f->nonblock = true;
	f->synced = flags & (O_SYNC | O_DSYNC);
	return fd_install(f, flags & O_CLOEXEC);
}

int creat(const char *path, mode_t mode)
{
	return open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

static void fill_stat(struct stat *out, const struct file_stat *st)
{
	memset(out, 0, sizeof(*out));
	out->st_dev = (dev_t)st->dev;
	out->st_ino = (ino_t)st->ino;
	out->st_mode = (mode_t)st->mode;
	out->st_nlink = (nlink_t)st->nlink;
	out->st_size = (off_t)st->size;
	out->st_blksize = (blksize_t)st->blksize;
	out->st_blocks = (blkcnt_t)st->blocks;
	out->st_mtim.tv_sec = (time_t)(st->mtime_ns / NSEC_PER_SEC);
	out->st_mtim.tv_nsec = (long)(st->mtime_ns % NSEC_PER_SEC);
	out->st_atim = out->st_ctim = out->st_mtim;
}

int stat(const char *path, struct stat *out)
{
	struct file_stat st;
	int r = vfs_stat(path, &st);

	if (r == 0)
		fill_stat(out, &st);
	return (int)libc_result(r);
}

int lstat(const char *path, struct stat *out)
{
	return stat(path, out);		/* there are no symbolic links */
}

int fstat(int fd, struct stat *out)
{
	struct file *f = fd_get(fd);
	struct file_stat st;
	int r;

	if (!f)
		return -1;
	memset(&st, 0, sizeof(st));
	r = f->ops->stat ? f->ops->stat(f, &st) : 0;
	if (r == 0)
		fill_stat(out, &st);
	file_put(f);
	return (int)libc_result(r);
}

int access(const char *path, int mode)
{
	struct vfs_statfs fs;
	struct file_stat st;
	int r = mode & ~(R_OK | W_OK | X_OK) ? -EINVAL : vfs_stat(path, &st);

	if (r == 0 && (mode & X_OK) && S_ISREG(st.mode))
		r = -EACCES;		/* nothing can be executed */
	if (r == 0 && (mode & W_OK)) {
		r = vfs_statfs(path, &fs);
		/* A device is no part of the volume. */
		if (S_ISCHR(st.mode) || S_ISBLK(st.mode))
			fs.read_only = !(st.mode & 0222);
		if (r == 0 && fs.read_only)
			r = -EROFS;
	}
	return (int)libc_result(r);
}

int unlink(const char *path)
{
	return (int)libc_result(vfs_unlink(path));
}

int remove(const char *path)
{
	int r = vfs_unlink(path);

	if (r == -EISDIR || r == -EPERM)
		r = vfs_rmdir(path);
	return (int)libc_result(r);
}

int mkdir(const char *path, mode_t mode)
{
	return (int)libc_result(vfs_mkdir(path, mode & 07777));
}

int rmdir(const char *path)
{
	return (int)libc_result(vfs_rmdir(path));
}

int rename(const char *from, const char *to)
{
	return (int)libc_result(vfs_rename(from, to));
}

int chmod(const char *path, mode_t mode)
{
	return (int)libc_result(vfs_chmod(path, mode & 07777));
}

static int set_file(int fd, uint32_t mode, uint64_t mtime)
{
	struct file *f = fd_get(fd);
	int r;

	if (!f)
		return -1;
	r = f->ops->set ? f->ops->set(f, mode, mtime) : -EINVAL;
	file_put(f);
	return (int)libc_result(r);
}

int fchmod(int fd, mode_t mode)
{
	return set_file(fd, mode & 07777, FILE_KEEP_MTIME);
}

/* Access times are not kept: ts[1] alone counts. */
static int mtime_of(const struct timespec ts[2], uint64_t *out)
{
	if (!ts || ts[1].tv_nsec == UTIME_NOW) {
		*out = clock_wall();
		return 0;
	}
	*out = FILE_KEEP_MTIME;
	if (ts[1].tv_nsec == UTIME_OMIT)
		return 0;
	if (ts[1].tv_sec < 0 || ts[1].tv_sec > INT64_MAX / (int64_t)NSEC_PER_SEC ||
	    ts[1].tv_nsec < 0 || ts[1].tv_nsec >= (long)NSEC_PER_SEC)
		return -EINVAL;
	*out = (uint64_t)ts[1].tv_sec * NSEC_PER_SEC + (uint64_t)ts[1].tv_nsec;
	return 0;
}

int futimens(int fd, const struct timespec ts[2])
{
	uint64_t mtime;
	int r = mtime_of(ts, &mtime);

	return r < 0 ? (int)libc_result(r) :
	       set_file(fd, FILE_KEEP_MODE, mtime);
}

int utimensat(int dir, const char *path, const struct timespec ts[2], int flags)
{
	struct file_stat st;
	uint64_t mtime;
	int r = mtime_of(ts, &mtime);

	(void)flags;			/* there are no symbolic links */
	if (r == 0 && dir != AT_FDCWD && path[0] != '/')
		r = -ENOTSUP;
	if (r == 0)
		r = mtime == FILE_KEEP_MTIME ? vfs_stat(path, &st) :
		    vfs_utime(path, mtime);
	return (int)libc_result(r);
}

int utimes(const char *path, const struct timeval tv[2])
{
	struct timespec ts[2] = { { 0 } };

	if (!tv)
		return utimensat(AT_FDCWD, path, NULL, 0);
	ts[1].tv_sec = tv[1].tv_sec;
	ts[1].tv_nsec = tv[1].tv_usec < 0 || tv[1].tv_usec >= 1000000 ? -1 :
			(long)tv[1].tv_usec * 1000;
	return utimensat(AT_FDCWD, path, ts, 0);
}

int truncate(const char *path, off_t len)
{
	int fd = open(path, O_WRONLY), r;

	if (fd < 0)
		return -1;
	r = ftruncate(fd, len);
	close(fd);
	return r;
}

int chdir(const char *path)
{
	return (int)libc_result(vfs_chdir(path));
}

/* As elsewhere, getcwd(NULL, n) allocates. */
char *getcwd(char *buf, size_t len)
{
	char *own = buf ? NULL : malloc(len ? len : (len = VFS_PATH_MAX));

	if (!buf && !own)
		return NULL;
	if (libc_result(vfs_getcwd(buf ? buf : own, len)) < 0) {
		free(own);
		return NULL;
	}
	return buf ? buf : own;
}

void sync(void)
{
	(void)vfs_sync();
}

int statvfs(const char *path, struct statvfs *out)
{
	struct vfs_statfs fs;
	int r = vfs_statfs(path, &fs);

	if (r < 0)
		return (int)libc_result(r);
	memset(out, 0, sizeof(*out));
	out->f_bsize = out->f_frsize = fs.block_size;
	out->f_blocks = fs.blocks;
	out->f_bfree = out->f_bavail = fs.blocks_free;
	out->f_namemax = fs.name_max;
	out->f_flag = fs.read_only ? ST_RDONLY : 0;
	return 0;
}

DIR *fdopendir(int fd)
{
	DIR *d = malloc(sizeof(*d));

	if (!d)
		return NULL;
	d->fd = fd;
	d->pos = 0;
	d->file = fd_get(fd);
	if (!d->file) {
		free(d);
		return NULL;
	}
	return d;
}

DIR *opendir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !d)
		close(fd);
	return d;
}

struct dirent *readdir(DIR *d)
{
	int r = vfs_readdir(d->file, &d->raw);

	if (r <= 0) {
		if (r < 0)
			errno = -r;
		return NULL;
	}
	d->pos++;
	d->out.d_ino = (ino_t)d->raw.ino;
	d->out.d_type = S_ISDIR(d->raw.mode) ? DT_DIR :
			S_ISREG(d->raw.mode) ? DT_REG :
			S_ISBLK(d->raw.mode) ? DT_BLK : DT_CHR;
	memcpy(d->out.d_name, d->raw.name, sizeof(d->out.d_name));
	return &d->out;
}

void rewinddir(DIR *d)
{
	d->pos = 0;
	(void)vfs_rewinddir(d->file);
}

long telldir(DIR *d)
{
	return d->pos;
}

/* By reading again: as many entries on as there were. */
void seekdir(DIR *d, long pos)
{
	if (pos < d->pos)
		rewinddir(d);
	while (d->pos < pos && readdir(d))
		;
}

int closedir(DIR *d)
{
	int r = close(d->fd);

	file_put(d->file);
	free(d);
	return r;
}

int dirfd(DIR *d)
{
	return d->fd;
}
