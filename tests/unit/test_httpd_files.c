/* SPDX-License-Identifier: BSD-2-Clause
 *
 * httpd: the file cache over real files: hits, changes, eviction, descriptors, the missing root, accounting.
 * SOURCES: apps/httpd/files.c apps/httpd/filecache.c apps/httpd/head.c apps/httpd/mime.c apps/httpd/date.c
 * SOURCES: apps/httpd/text.c
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

#include "apps/httpd/files.h"
#include "tap.h"

static char dir[] = "/tmp/test_httpd_files.XXXXXX";
static struct files files;

static void put(const char *name, const char *text, size_t len, time_t mtime)
{
	char path[256];
	struct utimbuf times = { mtime, mtime };

	snprintf(path, sizeof(path), "%s%s", dir, name);
	FILE *f = fopen(path, "w");

	fwrite(text, 1, len, f);
	fclose(f);
	utime(path, &times);
}

static void gone(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s%s", dir, name);
	if (remove(path))
		perror(path);
}

static int get(const char *path, bool gzip, uint32_t second, struct entry **e)
{
	*e = NULL;
	return files_get(&files, path, strlen(path), gzip, second, e);
}

static void drop(struct entry *e)
{
	filecache_unref(&files.cache, e);
}

static bool body_is(struct entry *e, const char *text)
{
	return files_load(&files, e) == 1 && e->size == strlen(text) && !memcmp(e->image + e->body_at, text, e->size);
}

static void finding(void)
{
	struct entry *e, *again;

	ok(!get("/", false, 1, &e) && body_is(e, "index"), "/ is index.html");
	ok(!strcmp(e->type, "text/html") && e->etag_len && !memcmp(e->image, "HTTP/1.1 200 OK\r\n", 17), "with its head");
	ok(!get("/", false, 1, &again) && again == e && files.cache.n_hits == 1, "found again in the cache");
	drop(again);
	drop(e);
	ok(get("/sub", false, 1, &e) == -EISDIR, "a folder without slash");
	ok(get("/sub/", false, 1, &e) == -EACCES, "a folder without index");
	ok(get("/no", false, 1, &e) == -ENOENT && get("/no/", false, 1, &e) == -ENOENT, "nothing");
	ok(get("/a.txt/", false, 1, &e) == -ENOENT && get("/a.txt/b", false, 1, &e) == -ENOENT, "a file is no folder");
}

static void changing(void)
{
	struct entry *e, *old;

	get("/a.txt", false, 2, &old);
	ok(body_is(old, "one"), "a file");
	put("/a.txt", "three", 5, 2000);
	ok(!get("/a.txt", false, 2, &e) && e == old, "not looked at again in the same second");
	drop(e);
	ok(!get("/a.txt", false, 3, &e) && e != old && body_is(e, "three"), "seen a second later");
	ok(body_is(old, "one"), "who held the old one still has it");
	drop(e);
	drop(old);
	gone("/a.txt");
	ok(get("/a.txt", false, 4, &e) == -ENOENT, "removed");
	put("/a.txt", "four", 4, 2000);
	ok(!get("/a.txt", false, 4, &e) && body_is(e, "four"), "and back at once");
	drop(e);
}

static void packed(void)
{
	struct entry *e;

	ok(!get("/p.html", true, 5, &e) && e->gzip && body_is(e, "packed") && !strcmp(e->type, "text/html"), "the packed form");
	drop(e);
	ok(!get("/p.html", false, 5, &e) && !e->gzip && e->has_gzip && body_is(e, "plain"), "the plain one");
	drop(e);
	put("/p.html", "newer", 5, 3000);
	ok(!get("/p.html", true, 6, &e) && !e->gzip && !e->has_gzip && body_is(e, "newer"), "a packed form that is older");
	drop(e);
	gone("/p.html.gz");
	ok(!get("/p.html", true, 7, &e) && !e->gzip, "or gone");
	drop(e);
}

static void evicting(void)
{
	char name[32], data[4000];
	struct entry *held, *e;
	unsigned wrong = 0, most_open = 0;

	memset(data, 'x', sizeof(data));
	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "/f%d", i);
		put(name, data, sizeof(data), 1000);
	}
	get("/f0", false, 8, &held);
	files_load(&files, held);
	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "/f%d", i);
		wrong += get(name, false, 8, &e) != 0 || files_load(&files, e) != 1;
		drop(e);
		wrong += files.cache.used > files.cache.budget;
	}
	ok(!wrong, "sixty files of 4000 bytes through a cache of 64 KiB, which is never exceeded");
	ok(held->image[held->body_at] == 'x', "who is used stays");
	drop(held);
	for (int i = 0; i < 60; i++) {	/* never loaded: each keeps its descriptor */
		snprintf(name, sizeof(name), "/f%d", i);
		get(name, false, 9, &e);
		drop(e);
		if (files.cache.n_open > most_open)
			most_open = files.cache.n_open;
	}
	ok(most_open <= FILECACHE_OPEN_MAX, "at most %u descriptors stay open", most_open);
	char big[20000];

	memset(big, 'y', sizeof(big));
	put("/big", big, sizeof(big), 1000);
	ok(!get("/big", false, 10, &e) && !files_load(&files, e) && !files_probe(&files, e, sizeof(big) - 1),
	   "a large file is sent from disk");
	put("/big", big, 5, 1000);
	ok(files_probe(&files, e, 5) == -EIO && !e->linked, "one that was cut short meanwhile is seen");
	drop(e);
	ok(!get("/big", false, 10, &e) && e->size == 5, "and looked at afresh");
	put("/big", big, 3, 1000);
	ok(files_load(&files, e) == -EIO && !e->linked, "a small one, too");
	drop(e);
	filecache_clear(&files.cache);
	ok(!files.cache.used && !files.cache.n_entries && !files.cache.n_open, "nothing is left in the accounts");
}

static void no_root(void)
{
	struct files other;
	char path[300];
	struct entry *e;

	snprintf(path, sizeof(path), "%s/later/", dir);
	ok(!files_init(&other, path, 65536), "a root that is not there yet");
	ok(files_get(&other, "/x", 2, false, 1, &e) == -ENODEV, "is -ENODEV, not a missing page");
	mkdir(path, 0755);
	put("/later/x", "x", 1, 1000);
	ok(!files_get(&other, "/x", 2, false, 1, &e), "and found when it is");
	filecache_unref(&other.cache, e);
	ok(files_get(&other, "/y", 2, false, 2, &e) == -ENOENT, "with its missing pages");
	files_destroy(&other);
	memset(path, 'r', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	ok(files_init(&other, path, 65536) == -ENAMETOOLONG, "a root with too long a name");
}

int main(void)
{
	if (!mkdtemp(dir))
		return 1;
	put("/index.html", "index", 5, 1000);
	put("/a.txt", "one", 3, 1000);
	put("/p.html", "plain", 5, 1000);
	put("/p.html.gz", "packed", 6, 1000);
	char sub[64];

	snprintf(sub, sizeof(sub), "%s/sub", dir);
	mkdir(sub, 0755);
	files_init(&files, dir, 65536);
	finding();
	changing();
	packed();
	evicting();
	no_root();
	files_destroy(&files);
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command) ? 1 : done_testing();
}
