/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Reading a folder of the host: files and directories in a fixed order. A
 * symbolic link counts as what it leads to, if that is inside the folder and
 * not a directory above itself.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/vfs.h"
#include "tools/mkvol.h"

#define DEPTH_MAX 64

static char *join(const char *a, const char *b)
{
	char *s;

	if (asprintf(&s, "%s%s%s", a, a[0] ? "/" : "", b) < 0)
		die("no memory");
	return s;
}

static void add(struct tree *t, char *path, char *host, const struct stat *st)
{
	struct tree_entry *e;

	if (t->n == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 256;
		t->e = realloc(t->e, t->cap * sizeof(*t->e));
		if (!t->e)
			die("no memory");
	}
	e = &t->e[t->n++];
	e->path = path;
	e->host = host;
	e->dir = S_ISDIR(st->st_mode);
	e->mode = st->st_mode & 07777;
	e->size = e->dir ? 0 : (uint64_t)st->st_size;
	e->mtime_ns = st->st_mtim.tv_sec < 0 ? 0 :
		      (uint64_t)st->st_mtim.tv_sec * 1000000000u +
		      (uint64_t)st->st_mtim.tv_nsec;
	t->bytes += e->size;
}

/* Does `host`, a symbolic link, lead into `root` and not to a folder that it
 * lies in? */
static bool link_stays(const char *root, const char *host, bool dir)
{
	char target[PATH_MAX], here[PATH_MAX], above[PATH_MAX];
	size_t n = strlen(root), len;
	char *slash;

	if (!realpath(host, target))
		return false;
	if (strncmp(target, root, n) != 0 || (target[n] && target[n] != '/'))
		return false;
	if (!dir)
		return true;
	snprintf(above, sizeof(above), "%s", host);
	slash = strrchr(above, '/');
	if (slash)
		*slash = '\0';
	if (!realpath(above, here))
		return false;
	len = strlen(target);
	return strncmp(here, target, len) != 0 || (here[len] && here[len] != '/');
}

static bool wanted(struct tree *t, const char *root, const char *path,
		   const char *host, struct stat *st)
{
	struct stat lst;
	const char *why = NULL;

	if (lstat(host, &lst) < 0)
		die("%s: %s", host, strerror(errno));
	*st = lst;
	if (S_ISLNK(lst.st_mode)) {
		if (stat(host, st) < 0)
			why = "a symbolic link to nothing";
		else if (!link_stays(root, host, S_ISDIR(st->st_mode)))
			why = "a symbolic link that leads outside (or in a circle)";
	}
	if (!why && !S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
		why = "neither file nor directory";
	if (!why && strlen(path) + 16 > VFS_PATH_MAX)
		die("%s: the path is too long (%d bytes at most)", host,
		    VFS_PATH_MAX - 16);
	if (why) {
		warn("%s: skipped: %s", host, why);
		t->skipped++;
	}
	return !why;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void walk(struct tree *t, const char *root, const char *path,
		 const char *host, int depth)
{
	struct dirent **list;
	int n = scandir(host, &list, NULL, by_name);

	if (n < 0)
		die("%s: %s", host, strerror(errno));
	if (depth > DEPTH_MAX)
		die("%s: folders are nested deeper than %d", host, DEPTH_MAX);
	for (int i = 0; i < n; i++) {
		const char *name = list[i]->d_name;
		char *p, *h;
		struct stat st;

		if (!strcmp(name, ".") || !strcmp(name, ".."))
			goto next;
		p = join(path, name);
		h = join(host, name);
		if (!wanted(t, root, p, h, &st)) {
			free(p);
			free(h);
			goto next;
		}
		add(t, p, h, &st);
		if (S_ISDIR(st.st_mode))
			walk(t, root, p, h, depth + 1);
next:
		free(list[i]);
	}
	free(list);
}

void tree_read(struct tree *t, const char *folder)
{
	char root[PATH_MAX];
	struct stat st;

	memset(t, 0, sizeof(*t));
	if (!realpath(folder, root) || stat(root, &st) < 0)
		die("%s: %s", folder, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		die("%s: not a folder", folder);
	add(t, join("", ""), join("", root), &st);
	walk(t, root, "", root, 0);
}

void tree_free(struct tree *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->e[i].path);
		free(t->e[i].host);
	}
	free(t->e);
}
