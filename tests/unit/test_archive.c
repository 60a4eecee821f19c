/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tar archives: made here header by header, and by the tar program; in memory
 * and on a disk; what is wrong with them.
 *
 * SOURCES: fs/vfs.c fs/path.c fs/mounts.c fs/root.c fs/bcache.c fs/bcache_io.c
 * SOURCES: fs/tar.c fs/archive.c fs/archive_index.c tools/host_kernel.c
 * SOURCES: tests/host/ram_blkdev.c
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/fs.h"
#include "fs/tar.h"
#include "tests/host/ram_blkdev.h"
#include "tests/unit/tap.h"
#include "tools/host_kernel.h"

static uint8_t *image;
static size_t image_len;

static uint8_t *add(const char *name, char type, const void *data, size_t len)
{
	uint8_t *h = image + image_len;
	unsigned sum = 8 * ' ';

	memset(h, 0, 512 + len + 512);
	memcpy(h, name, strlen(name));
	sprintf((char *)h + 100, "%07o", 0640);
	sprintf((char *)h + 124, "%011zo", len);
	sprintf((char *)h + 136, "%011o", 1000000000);
	h[156] = (uint8_t)type;
	memcpy(h + 257, "ustar\0" "00", 8);
	for (int i = 0; i < 512; i++)
		sum += i >= 148 && i < 156 ? 0 : h[i];
	sprintf((char *)h + 148, "%06o", sum);
	memcpy(h + 512, data, len);
	image_len += 512 + (len + 511) / 512 * 512;
	return h;
}

static void end(void)
{
	memset(image + image_len, 0, 1024);
	image_len += 1024;
}

static int mount_memory(void)
{
	return archive_mount_memory("/v", "module0", image, image_len);
}

static bool is(const char *path, const char *want)
{
	char buf[256];
	struct file *f;
	long n;

	if (vfs_open(path, VFS_RD, 0, &f) < 0)
		return false;
	n = f->ops->pread(f, buf, sizeof(buf), 0);
	file_put(f);
	return n == (long)strlen(want) && !memcmp(buf, want, (size_t)n);
}

static void list(const char *path, char *out)
{
	struct vfs_dirent de;
	struct file *d;

	out[0] = '\0';
	if (vfs_open(path, VFS_RD, 0, &d) < 0)
		return;
	while (vfs_readdir(d, &de) == 1)
		strcat(strcat(out, de.name), " ");
	file_put(d);
}

static void test_content(void)
{
	struct file_stat st;
	struct file *f;
	char names[256], buf[4];

	ok(is("/v/index.html", "<p>") && is("/v/a/b/c.txt", "deep") &&
	   is("/v/a-b", "dash") && is("/v/empty", ""), "files");
	list("/v", names);
	ok(!strcmp(names, ". .. a a-b empty index.html twice "), "the root: %s",
	   names);
	list("/v/a", names);
	ok(!strcmp(names, ". .. b z "), "a directory that no entry names: %s",
	   names);
	ok(is("/v/twice", "second"), "the last of two counts");
	ok(vfs_stat("/v/index.html", &st) == 0 && st.size == 3 &&
	   st.mode == (VFS_S_IFREG | 0640) &&
	   st.mtime_ns == 1000000000ull * 1000000000ull, "stat");
	ok(vfs_stat("/v/a", &st) == 0 && st.mode == (VFS_S_IFDIR | 0755), "dir");
	ok(vfs_stat("/v/index.html/x", &st) == -ENOTDIR &&
	   vfs_stat("/v/a/none/x", &st) == -ENOENT &&
	   vfs_stat("/v/", &st) == 0, "errors");
	ok(vfs_open("/v/a", VFS_WR, 0, &f) == -EISDIR &&
	   vfs_open("/v/index.html", VFS_WR, 0, &f) == -EROFS &&
	   vfs_open("/v/new", VFS_WR | VFS_CREATE, 0, &f) == -EROFS &&
	   vfs_unlink("/v/a-b") == -EROFS && vfs_rmdir("/v/a") == -EROFS &&
	   vfs_rename("/v/a", "/v/b") == -EROFS, "read-only");
	ok(vfs_open("/v/a/b/c.txt", VFS_RD, 0, &f) == 0 &&
	   f->ops->lseek(f, -2, 2) == 2 && f->ops->pread(f, buf, 4, 2) == 2 &&
	   f->ops->pread(f, buf, 4, 4) == 0 && f->ops->pread(f, buf, 4, -1) < 0 &&
	   f->ops->pread(f, buf, 4, INT64_MAX) == 0, "positions");
	file_put(f);
}

static void make_sample(void)
{
	image_len = 0;
	add("./index.html", '0', "<p>", 3);
	add("twice", '0', "first", 5);
	add("a/b/c.txt", '0', "deep", 4);
	add("a-b", '0', "dash", 4);
	add("a/z/", '5', "", 0);
	add("link", '2', "", 0);
	add("empty", '0', "", 0);
	add("twice", '0', "second", 6);
	end();
}

static void test_bad(void)
{
	uint8_t *h;

	image_len = 0;
	add("ok", '0', "x", 1);
	h = add("bad", '0', "y", 1);
	h[0] ^= 1;
	end();
	ok(mount_memory() == -EILSEQ && strstr(host_last_log, "checksum"),
	   "a flipped bit: %s", host_last_log);
	image_len = 0;
	add("../etc", '0', "x", 1);
	end();
	ok(mount_memory() == -EILSEQ && strstr(host_last_log, "outside"),
	   "a name that leads out: %s", host_last_log);
	image_len = 0;
	add("long", '0', "x", 1);
	image_len = 512 + 0;
	ok(mount_memory() == -EILSEQ && strstr(host_last_log, "longer"),
	   "cut: %s", host_last_log);
	image_len = 0;
	add("a", '0', "x", 1);
	image_len -= 100;
	ok(mount_memory() == 0 && is("/v/a", "x") && vfs_unmount("/v") == 0,
	   "no end mark, no padding: still fine");
	image_len = 0;
	add("a", '0', "file", 4);
	add("a/b", '0', "below", 5);
	end();
	ok(mount_memory() == 0 && is("/v/a/b", "below") && vfs_unmount("/v") == 0,
	   "a file with files below it becomes a directory");
	image_len = 0;
	add("target", '0', "data", 4);
	h = add("hard", '1', "", 0);
	memcpy(h + 157, "target", 6);
	{
		unsigned sum = 8 * ' ';

		for (int i = 0; i < 512; i++)
			sum += i >= 148 && i < 156 ? 0 : h[i];
		sprintf((char *)h + 148, "%06o", sum);
	}
	end();
	ok(mount_memory() == 0 && is("/v/hard", "data") && vfs_unmount("/v") == 0,
	   "a hard link");
}

static void test_disk(void)
{
	struct ram_disk d;

	make_sample();
	ram_disk_init(&d, "disk1", image_len);
	memcpy(d.data, image, image_len);
	ok(archive_mount_disk("/v", &d.bd) == 0 && is("/v/a/b/c.txt", "deep") &&
	   is("/v/twice", "second"), "on a disk");
	host_shrink(1 << 30);
	d.fail_at = d.requests;
	d.fail_for_ever = true;
	ok(!is("/v/twice", "second"), "that fails");
	d.fail_at = -1;
	ok(is("/v/twice", "second") && vfs_unmount("/v") == 0, "and recovers");
	ram_disk_fini(&d);
}

/* A long file in sequence, then pieces of it anywhere. */
static void test_read_ahead(void)
{
	uint8_t *data = malloc(1 << 20), *got = malloc(1 << 20);
	struct ram_disk d;
	struct file *f;
	uint64_t reads;
	long n = 0;

	for (int i = 0; i < 900000; i++)
		data[i] = (uint8_t)(i * 7 + (i >> 12));
	image_len = 0;
	add("long", '0', data, 900000);
	end();
	ram_disk_init(&d, "disk1", image_len);
	memcpy(d.data, image, image_len);
	if (archive_mount_disk("/v", &d.bd) < 0 ||
	    vfs_open("/v/long", VFS_RD, 0, &f) < 0)
		abort();
	host_shrink(1u << 30);
	reads = d.bd.reads;
	while (n < 900000 && f->ops->pread(f, got + n, 3000, n) > 0)
		n += 3000;
	ok(n == 900000 && !memcmp(data, got, 900000) && d.bd.reads - reads < 30,
	   "220 blocks in sequence: %d requests", (int)(d.bd.reads - reads));
	host_shrink(1u << 30);
	reads = d.bd.reads;
	for (int i = 1; i < 20; i++)
		(void)f->ops->pread(f, got, 100, i * 381000 % 899000);
	ok(d.bd.reads - reads <= 19, "19 pieces of it: %d requests",
	   (int)(d.bd.reads - reads));
	file_put(f);
	vfs_unmount("/v");
	ram_disk_fini(&d);
	free(data);
	free(got);
}

static bool tar_of_long_names(const char *format)
{
	char cmd[1024], dir[] = "/tmp/glint-tar-XXXXXX", path[600], name[200];
	FILE *p;
	bool good;

	memset(name, 'n', 199);
	name[199] = '\0';
	if (!mkdtemp(dir))
		return false;
	snprintf(cmd, sizeof(cmd), "cd %s && mkdir -p d/%s && echo hi > d/%s/%s"
		 " && tar --format=%s -cf - d", dir, name, name, name, format);
	p = popen(cmd, "r");
	image_len = p ? fread(image, 1, 1 << 20, p) : 0;
	if (p)
		pclose(p);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	good = system(cmd) == 0;
	snprintf(path, sizeof(path), "/v/d/%s/%s", name, name);
	return good && mount_memory() == 0 && is(path, "hi\n") &&
	       vfs_unmount("/v") == 0;
}

int main(void)
{
	image = malloc(2 << 20);
	host_log_quiet = true;
	make_sample();
	ok(archive_probe(image), "looks like an archive");
	ok(mount_memory() == 0 && strstr(host_last_log, "left out"),
	   "mounts; %s", host_last_log);
	test_content();
	ok(vfs_unmount("/v") == 0, "unmount");
	test_bad();
	test_disk();
	test_read_ahead();
	ok(tar_of_long_names("gnu"), "GNU tar's long names");
	ok(tar_of_long_names("pax"), "pax's");
	image_len = 1024;
	memset(image, 0, 1024);
	ok(mount_memory() == 0 && vfs_unmount("/v") == 0, "an empty archive");
	for (int n = 0, r = -1; r != 0; n++) {
		make_sample();
		host_heap_fail_after = n;
		r = mount_memory();
		host_heap_fail_after = -1;
		if (r == 0)
			ok(n > 4 && vfs_unmount("/v") == 0, "%d shortages", n);
		else if (r != -ENOMEM)
			ok(false, "shortage %d: %d", n, r);
	}
	ok(host_heap_live == 0, "no memory lost: %ld", host_heap_live);
	free(image);
	return done_testing();
}
