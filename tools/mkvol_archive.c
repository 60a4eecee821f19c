/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mkvol archive: a folder as a tar archive (ustar; pax for long names and
 * large files). Owner and group are 0, the order is fixed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/tar.h"
#include "tools/mkvol.h"

static FILE *out_file;
static const char *out_name;

static void put(const void *data, size_t len)
{
	if (fwrite(data, 1, len, out_file) != len)
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
	if (!e->dir)
		data(e);
}

int archive_make(const char *out, const char *folder)
{
	static const char end[2 * TAR_BLOCK];
	struct tree t;
	char a[32];
	off_t size;

	tree_read(&t, folder);
	out_name = out;
	out_file = fopen(output_begin(out), "wb");
	if (!out_file)
		die("%s: %s", out, strerror(errno));
	for (size_t i = 1; i < t.n; i++) {
		entry(&t.e[i]);
		progress("files", i, t.n - 1);
	}
	put(end, sizeof(end));
	size = ftello(out_file);
	if (fclose(out_file) != 0)
		die("%s: %s", out, strerror(errno));
	output_done(out);
	printf("%s: %s, %zu entries\n", out, human(size < 0 ? 0 : (uint64_t)size, a, sizeof(a)),
	       t.n - 1);
	tree_free(&t);
	return MKVOL_OK;
}
