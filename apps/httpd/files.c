/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding and reading files for the cache. Only this machine writes the volume, so a look each second
 * at what is in use keeps the cache true, and a hot file costs no system call at all in between.
 */
#define _GNU_SOURCE 1
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "head.h"
#include "mime.h"
#include "urlpath.h"

#define FILE_PATH_MAX (FILES_ROOT_MAX + URLPATH_MAX + sizeof(FILES_INDEX) + sizeof(".gz"))

int files_init(struct files *f, const char *root, size_t cache_bytes)
{
	size_t len = strlen(root);

	while (len && root[len - 1] == '/')
		len--;
	if (len >= sizeof(f->root))
		return -ENAMETOOLONG;
	memcpy(f->root, root, len);
	f->root[len] = '\0';
	f->root_len = len;
	f->body_max = cache_bytes / 4;	/* one file may not push out all others */
	f->root_checked_s = 0;
	f->root_ok = false;
	filecache_init(&f->cache, cache_bytes);
	return 0;
}

void files_destroy(struct files *f)
{
	filecache_clear(&f->cache);
}

bool files_root_ok(struct files *f, uint32_t now_s)
{
	struct stat st;

	if (f->root_checked_s != now_s) {
		f->root_checked_s = now_s;
		f->root_ok = !stat(f->root_len ? f->root : "/", &st) && S_ISDIR(st.st_mode);
	}
	return f->root_ok;
}

static bool stat_file(const char *path, struct stat *st)
{
	return !stat(path, st) && S_ISREG(st->st_mode);
}

/* Does file.gz stand beside it, at least as new? An older one would serve yesterday's page. */
static bool gzip_exists(const char *file, int64_t mtime)
{
	char path[FILE_PATH_MAX];
	size_t len = strlen(file);
	struct stat st;

	if (len + sizeof(".gz") > sizeof(path))
		return false;
	memcpy(path, file, len);
	memcpy(path + len, ".gz", sizeof(".gz"));
	return stat_file(path, &st) && st.st_mtime >= mtime;
}

static bool unchanged(const struct entry *e)
{
	struct stat st;

	if (!stat_file(e->file, &st))
		return false;
	return (uint64_t)st.st_size == e->size && st.st_mtime == e->mtime &&
	       (uint32_t)st.st_mtim.tv_nsec == e->mtime_ns && (uint64_t)st.st_ino == e->inode &&
	       (e->gzip || e->has_gzip == gzip_exists(e->file, e->mtime));
}

/* The cached entry, if the file is still what it was. */
static struct entry *find(struct files *f, const char *path, size_t len, bool gzip, uint32_t now_s)
{
	struct entry *e = filecache_find(&f->cache, path, len, gzip);

	if (!e || e->checked_s == now_s)
		return e;
	if (unchanged(e)) {
		e->checked_s = now_s;
		return e;
	}
	filecache_unlink(&f->cache, e);
	filecache_unref(&f->cache, e);
	return NULL;
}

/* File and size together, so that different files of one second differ; ns where the volume keeps them. */
static void set_etag(struct entry *e)
{
	struct text t;

	e->etag_len = 0;
	if (e->mtime <= 0)
		return;
	text_init(&t, e->etag, sizeof(e->etag));
	text_char(&t, '"');
	text_hex(&t, (uint64_t)e->mtime);
	if (e->mtime_ns) {
		text_char(&t, '.');
		text_hex(&t, e->mtime_ns);
	}
	text_char(&t, '-');
	text_hex(&t, e->size);
	if (e->gzip)
		TEXT_LIT(&t, "-gz");
	text_char(&t, '"');
	e->etag_len = (uint8_t)t.len;
	date_format_http(e->mtime, e->last_modified);
}

/* What opening failed with, seen from the client: a root that is gone is not a missing page. */
static int open_error(struct files *f, int error, uint32_t now_s)
{
	if (error == ENOTDIR || error == ENAMETOOLONG || error == ELOOP)
		error = ENOENT;
	if (error == EPERM || error == ENXIO)
		error = EACCES;
	if (error == ENFILE)
		error = EMFILE;
	if (error != EACCES && error != EMFILE && error != ENOMEM && !files_root_ok(f, now_s))
		error = ENODEV;
	return -error;
}

static int load_entry(struct files *f, const char *file, size_t key_len, bool gzip, uint32_t now_s, struct entry **entry)
{
	int fd = open(file, O_RDONLY | O_NONBLOCK);	/* a fifo must not hold us up */
	struct stat st;

	if (fd < 0)
		return errno == EISDIR ? -EISDIR : open_error(f, errno, now_s);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return S_ISDIR(st.st_mode) ? -EISDIR : -EACCES;
	}
	struct entry *e = filecache_new(&f->cache, file, f->root_len, key_len, gzip);

	if (!e) {
		close(fd);
		return -ENOMEM;
	}
	e->fd = fd;
	e->size = (uint64_t)st.st_size;
	e->inode = (uint64_t)st.st_ino;
	e->mtime = st.st_mtime;
	e->mtime_ns = (uint32_t)st.st_mtim.tv_nsec;
	e->has_gzip = !gzip && gzip_exists(file, e->mtime);
	e->type = mime_type(file, strlen(file) - (gzip ? 3 : 0));
	e->checked_s = now_s;
	set_etag(e);
	filecache_link(&f->cache, e);
	*entry = e;
	return 0;
}

int files_get(struct files *f, const char *path, size_t len, bool want_gzip, uint32_t now_s, struct entry **entry)
{
	char file[FILE_PATH_MAX];
	struct entry *e = find(f, path, len, false, now_s);
	bool index = path[len - 1] == '/';

	if (e && !(want_gzip && e->has_gzip)) {
		*entry = e;
		return 0;
	}
	memcpy(file, f->root, f->root_len);
	memcpy(file + f->root_len, path, len);
	strcpy(file + f->root_len + len, index ? FILES_INDEX : "");
	if (!e) {
		int error = load_entry(f, file, len, false, now_s, &e);

		if (error == -EISDIR)
			return index ? -EACCES : -EISDIR;
		if (error == -ENOENT && index) {
			struct stat st;

			file[f->root_len + len] = '\0';
			return !stat(file, &st) && S_ISDIR(st.st_mode) ? -EACCES : -ENOENT;
		}
		if (error)
			return error;
	}
	if (want_gzip && e->has_gzip) {
		struct entry *g = find(f, path, len, true, now_s);

		strcat(file, ".gz");
		if (g || !load_entry(f, file, len, true, now_s, &g)) {
			filecache_unref(&f->cache, e);
			e = g;
		}
	}
	*entry = e;
	return 0;
}

int files_fd(struct files *f, struct entry *e)
{
	if (e->fd < 0) {
		e->fd = open(e->file, O_RDONLY | O_NONBLOCK);
		if (e->fd < 0)
			return -errno;
		filecache_fd_opened(&f->cache, e);
	}
	return e->fd;
}

/* Nobody else gets an entry that does not fit its file any more. */
static int forget(struct files *f, struct entry *e, int error)
{
	filecache_unlink(&f->cache, e);
	return error;
}

int files_probe(struct files *f, struct entry *e, uint64_t at)
{
	char byte;
	int fd = files_fd(f, e);

	if (fd < 0)
		return fd;
	ssize_t n = pread(fd, &byte, 1, (off_t)at);

	return n == 1 ? 0 : forget(f, e, n < 0 ? -errno : -EIO);
}

static int read_whole(int fd, char *buf, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pread(fd, buf + done, size - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	return 0;
}

static bool rewritten(const struct entry *e)
{
	struct stat st;

	return fstat(e->fd, &st) < 0 || st.st_mtime != e->mtime || (uint32_t)st.st_mtim.tv_nsec != e->mtime_ns;
}

/* The head of a whole answer, with room for the date. */
static bool image_head(struct entry *e, struct text *t)
{
	head_begin(t, 200);
	head_entity(t, e, e->size);
	TEXT_LIT(t, "Date: ");
	e->date_at = (uint32_t)t->len;
	e->dated_s = 0;
	TEXT_LIT(t, "Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n");
	e->body_at = (uint32_t)t->len;
	return !t->overflow;
}

int files_load(struct files *f, struct entry *e)
{
	char head[HEAD_MAX], *image;
	struct text t;

	if (e->image)
		return 1;
	text_init(&t, head, sizeof(head));
	if (e->size > f->body_max || !image_head(e, &t))
		return 0;
	int fd = files_fd(f, e);
	size_t size = t.len + (size_t)e->size;

	if (fd < 0)
		return fd == -ENOENT ? forget(f, e, -EIO) : fd;
	if (!filecache_charge(&f->cache, e, size))
		return 0;
	image = malloc(size);
	int error = image ? read_whole(fd, image + t.len, (size_t)e->size) : 0;

	if (!image || error) {
		free(image);
		filecache_uncharge(&f->cache, e, size);
		return error ? forget(f, e, error) : 0;
	}
	memcpy(image, head, t.len);
	if (rewritten(e))
		forget(f, e, 0);
	e->image = image;
	filecache_fd_close(&f->cache, e);
	return 1;
}
