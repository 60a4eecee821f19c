/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Paths, mounts, the root above the mounts, /dev.
 *
 * SOURCES: fs/vfs.c fs/path.c fs/mounts.c fs/root.c fs/lfs_bd.c fs/lfs_dir.c
 * SOURCES: fs/lfs_file.c fs/lfs_mount.c fs/lfs_node.c fs/lfs_util.c fs/bcache.c fs/bcache_io.c
 * SOURCES: fs/tar.c fs/archive.c fs/archive_index.c tools/host_kernel.c
 * SOURCES: tests/host/ram_blkdev.c tests/host/fs_help.c
 * SOURCES: fs/lfs_core.c fs/lfs_memo.c fs/lfs_time.c
 * FLAGS: -isystem third_party/littlefs -DLFS2_CONFIG=fs/lfs_config.h
 * SOURCES: fs/devfs.c
 */
#include <errno.h>
#include <string.h>

#include "fs/path.h"
#include "kernel/console.h"
#include "kernel/entropy.h"
#include "tests/host/fs_help.h"
#include "tests/unit/tap.h"

static char console_text[64];

void console_write(const char *text, size_t len)
{
	memcpy(console_text, text, len);
}
size_t console_read(char *buf, size_t len)
{
	return len ? (buf[0] = 'k', 1) : 0;
}
bool console_readable(void)
{
	return true;
}
struct wait_queue *console_read_queue(void)
{
	return NULL;
}
int wait_queue_sleep(struct wait_queue *q, nsec_t deadline)
{
	(void)q;
	if (host_wait && host_wait())
		return 0;
	return deadline ? -ETIMEDOUT : 0;
}
void entropy_bytes(void *out, size_t len)
{
	memset(out, 0x5a, len);
}

static bool resolves(const char *path, const char *want)
{
	struct vfs_path p;
	int r = vfs_path_resolve(path, &p);

	if (r == 0 && strcmp(p.full, want) == 0 && p.len == strlen(want))
		return true;
	printf("# %s -> %d %s\n", path, r, r ? "" : p.full);
	return false;
}

static void test_paths(void)
{
	char name[VFS_PATH_MAX + 10];
	struct vfs_path p;

	ok(resolves("/", "/") && resolves("//", "/") && resolves("/.", "/") &&
	   resolves("/..", "/") && resolves("/../../v", "/v"), "the root");
	ok(resolves("/v//a/./b/", "/v/a/b") && resolves("v/d/../e", "/v/e") &&
	   resolves("/v/d/e/../../..", "/"), "dots and slashes");
	ok(resolves("/v/...", "/v/...") && resolves("/v/.a", "/v/.a") &&
	   resolves("/v/..a", "/v/..a"), "names that begin with dots");
	ok(vfs_path_resolve("", &p) == -ENOENT, "empty");
	ok(vfs_path_resolve("/v/none/../d", &p) == -ENOENT &&
	   vfs_path_resolve("/v/file/../d", &p) == -ENOTDIR,
	   "what .. leaves must be a directory");
	ok(vfs_path_resolve("/v/d/", &p) == 0 && p.must_dir && !p.dots,
	   "a slash at the end");
	ok(vfs_path_resolve("/v/d/.", &p) == 0 && p.must_dir && p.dots, "a dot");
	memset(name, 'n', sizeof(name));
	name[0] = '/';
	name[256] = '\0';
	ok(vfs_path_resolve(name, &p) == 0, "255 bytes fit");
	name[256] = 'n';
	name[257] = '\0';
	ok(vfs_path_resolve(name, &p) == -ENAMETOOLONG, "256 do not");
	for (int i = 0; i < VFS_PATH_MAX; i += 2)
		memcpy(name + i, "/a", 3);
	ok(vfs_path_resolve(name, &p) == -ENAMETOOLONG, "nor does a long path");
	name[VFS_PATH_MAX - 2] = '\0';
	ok(vfs_path_resolve(name, &p) == 0, "one shorter does");
}

static void test_slashes(void)
{
	struct file_stat st;
	struct file *f;

	ok(vfs_stat("/v/file/", &st) == -ENOTDIR &&
	   vfs_open("/v/file/", VFS_RD, 0, &f) == -ENOTDIR &&
	   vfs_unlink("/v/file/") == -ENOTDIR &&
	   vfs_rename("/v/file/", "/v/x") == -ENOTDIR &&
	   vfs_rename("/v/file", "/v/x/") == -ENOTDIR, "file/ is no file");
	ok(vfs_open("/v/new/", VFS_WR | VFS_CREATE, 0, &f) == -EISDIR &&
	   vfs_open("/v/d/", VFS_WR | VFS_CREATE, 0, &f) == -EISDIR,
	   "no file is created as a directory");
	ok(vfs_mkdir("/v/new/", 0755) == 0 && vfs_rmdir("/v/new/") == 0,
	   "mkdir and rmdir take a slash");
	ok(vfs_rmdir("/v/d/.") == -EINVAL && vfs_rename("/v/d/.", "/v/x") ==
	   -EINVAL && vfs_mkdir("/v/d/.", 0) == -EEXIST, "not by a dot");
	ok(vfs_rmdir("/v") == -EBUSY && vfs_unlink("/v") == -EISDIR &&
	   vfs_mkdir("/v", 0) == -EEXIST, "mount points stay");
	ok(vfs_mkdir("/w", 0) == -EROFS &&
	   vfs_open("/w", VFS_WR | VFS_CREATE, 0, &f) == -EROFS,
	   "nothing is made above the mounts");
}

static int list(const char *path, char *out)
{
	struct vfs_dirent de;
	struct file *d;
	int n = 0;

	if (vfs_open(path, VFS_RD, 0, &d) < 0)
		return -1;
	out[0] = '\0';
	while (vfs_readdir(d, &de) == 1) {
		strcat(out, de.name);
		strcat(out, " ");
		n++;
	}
	file_put(d);
	return n;
}

static void test_root(void)
{
	struct file_stat st;
	char names[256];

	ok(list("/", names) == 4 && strstr(names, "v ") && strstr(names, "dev "),
	   "the root lists the mounts: %s", names);
	ok(vfs_stat("/v", &st) == 0 && vfs_stat("/nothing", &st) == -ENOENT,
	   "and knows no more");
	ok(list("/dev", names) == 7, "/dev: %s", names);
	ok(vfs_mount_info(0, &(struct vfs_statfs){ 0 }) &&
	   vfs_mount_info(1, &(struct vfs_statfs){ 0 }) &&
	   !vfs_mount_info(2, &(struct vfs_statfs){ 0 }), "the mount table");
}

static void test_cwd(void)
{
	char buf[64];
	struct file_stat st;

	ok(vfs_chdir("/v/d") == 0 && vfs_getcwd(buf, 64) == 0 &&
	   !strcmp(buf, "/v/d"), "chdir");
	ok(vfs_stat("e", &st) == 0 && vfs_stat("../file", &st) == 0 &&
	   vfs_stat(".", &st) == 0, "relative paths");
	ok(vfs_chdir("../file") == -ENOTDIR && vfs_chdir("none") == -ENOENT,
	   "not to a file");
	ok(vfs_getcwd(buf, 3) == -ERANGE && vfs_getcwd(buf, 0) == -EINVAL,
	   "short buffers");
	ok(vfs_chdir("/") == 0, "back");
}

static void test_dev(void)
{
	char buf[8] = "abcdefg";
	struct file_stat st;
	struct file *f;

	ok(vfs_open("/dev/null", VFS_RD | VFS_WR, 0, &f) == 0 &&
	   help_read(f, buf, 8) == 0 && help_write(f, "x", 1) == 1, "null");
	file_put(f);
	ok(vfs_open("/dev/null", VFS_WR | VFS_CREATE | VFS_TRUNC, 0, &f) == 0,
	   "as programs open it");
	file_put(f);
	ok(vfs_open("/dev/zero", VFS_RD, 0, &f) == 0 &&
	   help_read(f, buf, 8) == 8 && buf[0] == 0 && buf[7] == 0, "zero");
	file_put(f);
	ok(vfs_open("/dev/urandom", VFS_RD, 0, &f) == 0 &&
	   help_read(f, buf, 8) == 8 && buf[7] == 0x5a, "urandom");
	file_put(f);
	ok(vfs_open("/dev/console", VFS_RD | VFS_WR, 0, &f) == 0 &&
	   help_write(f, "hi", 2) == 2 && !strcmp(console_text, "hi") &&
	   help_read(f, buf, 8) == 1, "console");
	file_put(f);
	ok(vfs_stat("/dev/zero", &st) == 0 &&
	   (st.mode & VFS_S_IFMT) == VFS_S_IFCHR &&
	   vfs_stat("/dev/zero/x", &st) == -ENOTDIR &&
	   vfs_stat("/dev/nul", &st) == -ENOENT &&
	   vfs_unlink("/dev/null") == -EROFS, "devices stay devices");
}

int main(void)
{
	struct ram_disk disk;

	host_log_quiet = true;
	ram_disk_init(&disk, "disk0", 1 << 20);
	lfs_format(&disk.bd);
	ok(lfs_mount("/v", &disk.bd, &(struct lfs_options){ 0 }) == 0 &&
	   devfs_mount("/dev") == 0, "mounts");
	ok(lfs_mount("/v", &disk.bd, &(struct lfs_options){ 0 }) == -EBUSY,
	   "a place is taken once");
	vfs_mkdir("/v/d", 0755);
	vfs_mkdir("/v/d/e", 0755);
	help_put("/v/file", "x", 1);
	test_paths();
	test_slashes();
	test_root();
	test_cwd();
	test_dev();
	ok(vfs_unmount("/v") == 0 && vfs_unmount("/v") == -ENOENT, "unmount");
	ok(vfs_unmount("/dev") == 0 && host_heap_live == 0, "no memory lost");
	ram_disk_fini(&disk);
	return done_testing();
}
