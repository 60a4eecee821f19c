/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mkvol archive: a folder as a tar archive (ustar; pax for long names and
 * large files). Owner and group are 0, the order is fixed.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/tar.h"
#include "tools/file_blkdev.h"
#include "tools/mkvol.h"
#include "tools/target.h"

static FILE *out_file;			/* NULL: only counts */
static const char *out_name;
static uint64_t out_size;

static void put(const void *data, size_t len)
{
	out_size += len;
	if (out_file && fwrite(data, 1, len, out_file) != len)
		die("%s: %s", out_name, strerror(errno));
}

static void pad(uint64_t len)
{
	static const char zeros[TAR_BLOCK];

	if (len % TAR_BLOCK)
		put(zeros, TAR_BLOCK - len % TAR_BLOCK);
}

/* name[100] and prefix[155] of a header; false: does not fit. */
static bool set_name(char *h, const char *path)
{
	size_t n = strlen(path);
	const char *cut = path;

	if (n <= 100) {
		memcpy(h, path, n);
		return true;
	}
	while ((cut = strchr(cut + 1, '/')) != NULL) {
		size_t before = (size_t)(cut - path), after = n - before - 1;

		if (before <= 155 && after <= 100 && after > 0) {
			memcpy(h + 345, path, before);
			memcpy(h, cut + 1, after);
			return true;
		}
	}
	memcpy(h, path, 100);
	return false;
}

static void header(const char *path, char type, uint32_t mode, uint64_t size,
		   uint64_t mtime, bool *fits)
{
	char h[TAR_BLOCK + 1] = { 0 };
	unsigned sum = 0;

	*fits = set_name(h, path);
	snprintf(h + 100, 8, "%07o", mode);
	snprintf(h + 108, 8, "%07o", 0);
	snprintf(h + 116, 8, "%07o", 0);
	snprintf(h + 124, 12, "%011llo",
		 (unsigned long long)size & 077777777777);
	snprintf(h + 136, 12, "%011llo",
		 (unsigned long long)mtime & 077777777777);
	memset(h + 148, ' ', 8);
	h[156] = type;
	memcpy(h + 257, "ustar\00000", 8);
	for (int i = 0; i < (int)TAR_BLOCK; i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	put(h, TAR_BLOCK);
}

static void pax_path(const char *path)
{
	char body[2048];
	size_t len = strlen(path) + strlen(" path=\n"), n = len + 1;
	bool fits;

	/* The length counts its own digits. */
	while (n != len + (size_t)snprintf(NULL, 0, "%zu", n))
		n++;
	snprintf(body, sizeof(body), "%zu path=%s\n", n, path);
	header("././@PaxHeader", 'x', 0644, n, 0, &fits);
	put(body, n);
	pad(n);
}

static void data(const struct tree_entry *e)
{
	static char buf[1 << 16];
	uint64_t left = e->size;
	int fd = open(e->host, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die("%s: %s", e->host, strerror(errno));
	while (left > 0) {
		ssize_t n = read(fd, buf, left < sizeof(buf) ? left :
				 sizeof(buf));

		if (n <= 0)
			die("%s: %s", e->host, n < 0 ? strerror(errno) :
			    "became shorter while it was read");
		put(buf, (size_t)n);
		progress_step(0, (uint64_t)n);
		left -= (uint64_t)n;
	}
	close(fd);
	pad(e->size);
}

static void entry(const struct tree_entry *e)
{
	char path[TAR_NAME_MAX + 2];
	char probe[TAR_BLOCK + 1] = { 0 };
	bool fits;

	snprintf(path, sizeof(path), "%s%s", e->path, e->dir ? "/" : "");
	if (e->size >> 32)
		die("%s: larger than 4 GiB, too large for an archive", e->host);
	if (!set_name(probe, path))
		pax_path(path);
	header(path, e->dir ? '5' : '0', e->mode, e->size,
	       e->mtime_ns / 1000000000u, &fits);
	if (!e->dir && out_file) {
		data(e);
	} else if (!e->dir) {
		out_size += e->size;
		pad(e->size);
	}
}

void archive_write(const struct tree *t, FILE *f, const char *out)
{
	static const char end[2 * TAR_BLOCK];

	out_file = f;
	out_name = out;
	out_size = 0;
	if (f)
		progress_begin("files", t->n - 1);
	for (size_t i = 1; i < t->n; i++) {
		entry(&t->e[i]);
		if (f)
			progress_step(1, 0);
	}
	put(end, sizeof(end));
	if (f && fflush(f) != 0)
		die("%s: %s", out, strerror(errno));
	progress_end();
}

uint64_t archive_size(const struct tree *t)
{
	archive_write(t, NULL, "");
	return out_size;
}

static int say_done(const char *out, const struct tree *t)
{
	char a[32];

	printf("%s: %s, %zu entries\n", out, human(out_size, a, sizeof(a)),
	       t->n - 1);
	return MKVOL_OK;
}

int archive_fill(struct blkdev *bd, const struct tree *t, const char *out)
{
	uint64_t size = bd->n_sectors * BLK_SECTOR, need = archive_size(t);
	int fd = dup(file_blkdev_fd_of(bd));
	char a[32], b[32];
	FILE *f;

	if (need > size) {
		warn("%s: the archive (%s) does not fit into %s", out,
		     human(need, a, sizeof(a)), human(size, b, sizeof(b)));
		close(fd);
		return -ENOSPC;
	}
	f = fd < 0 ? NULL : fdopen(fd, "r+b");
	if (!f)
		die("%s: %s", out, strerror(errno));
	if (fseeko(f, (off_t)file_blkdev_base(bd), SEEK_SET) < 0)
		die("%s: %s", out, strerror(errno));
	archive_write(t, f, out);
	fclose(f);
	return 0;
}

static int make_part(const char *arg, const struct tree *t)
{
	struct target tg;
	int r;

	target_open(&tg, arg, NULL, IMAGE_WRITE);
	target_choose(&tg);
	r = archive_fill(&tg.bd, t, arg);
	if (target_close(&tg) < 0 || r < 0)
		return MKVOL_FAILED;
	return say_done(arg, t);
}

static int make_file(const char *out, const struct tree *t)
{
	FILE *f = fopen(output_begin(out), "wb");
	struct stat st;

	if (!f)
		die("%s: %s", out, strerror(errno));
	archive_write(t, f, out);
	if (fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode) &&
	    fsync(fileno(f)) < 0)
		die("%s: %s", out, strerror(errno));
	if (fclose(f) != 0)
		die("%s: %s", out, strerror(errno));
	output_done(out);
	return say_done(out, t);
}

int verb_archive(int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ NULL, 0, NULL, 0 },
	};
	const char *out = NULL;
	struct tree t;
	int c, r;

	while ((c = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		if (c != 'o')
			return usage(argv[0], "unknown option");
		out = optarg;
	}
	if (!out)
		return usage(argv[0], "where to? -o FILE.tar is missing");
	if (optind + 1 != argc)
		return usage(argv[0], "exactly one FOLDER is needed");
	tree_read(&t, argv[optind]);
	r = output_is_part(out) ? make_part(out, &t) : make_file(out, &t);
	tree_free(&t);
	return r;
}
