/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Which volumes are mounted where: `mount=` on the command line, else on /site
 * the first archive module, the partition labelled "site", or the first disk or
 * partition with a volume or an archive. A volume that does not mount is a
 * message, not the end: the application decides what it can do without.
 */
#include <errno.h>

#include "fs/fs.h"
#include "fs/gpt.h"
#include "fs/partitions.h"
#include "fs/path.h"
#include "fs/rawdev.h"
#include "kernel/blkdev.h"
#include "kernel/cmdline.h"
#include "kernel/init.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"
#include "kernel/module.h"
#include "kernel/power.h"

#define MOUNTS_MAX   8
#define DEFAULT_PATH "/site"
#define DEFAULT_LABEL "site"

struct mount_option {
	char source[GPT_LABEL_MAX];	/* the longest kind of name */
	char path[VFS_MOUNT_PATH_MAX];
	bool archive, read_only;
};

static struct mount_option options[MOUNTS_MAX];
static unsigned n_options;

/* Copies up to the next ':' or the end; the rest, or NULL if it does not fit
 * or is empty. */
static const char *field(const char *s, char *out, size_t size)
{
	const char *end = strchr(s, ':');
	size_t n = end ? (size_t)(end - s) : strlen(s);

	if (n == 0 || n >= size)
		return NULL;
	memcpy(out, s, n);
	out[n] = '\0';
	return end ? end + 1 : s + n;
}

static bool path_is_normal(const char *path)
{
	struct vfs_path p;

	return path[0] == '/' &&
	       vfs_path_resolve(path, &p) == 0 && strcmp(p.full, path) == 0;
}

static int parse_mount(const char *value, unsigned index)
{
	struct mount_option *o = &options[n_options];
	char type[12];
	const char *p;

	(void)index;
	if (n_options == MOUNTS_MAX) {
		log_err(LOG_FS, "mount: at most %d", MOUNTS_MAX);
		return -E2BIG;
	}
	memset(o, 0, sizeof(*o));
	p = field(value, o->source, sizeof(o->source));
	p = p ? field(p, o->path, sizeof(o->path)) : NULL;
	p = p ? field(p, type, sizeof(type)) : NULL;
	if (!p || !path_is_normal(o->path) ||
	    (strcmp(type, "littlefs") && strcmp(type, "archive")) ||
	    (p[0] && strcmp(p, "ro"))) {
		log_err(LOG_FS, "mount=%s: expected SOURCE:PATH:TYPE[:ro], for "
			"example mount=disk0:/data:littlefs or "
			"mount=module0:/site:archive", value);
		return -EINVAL;
	}
	o->archive = type[0] == 'a';
	o->read_only = p[0] != '\0';
	n_options++;
	return 0;
}

static const struct cmdline_option mount_option CMDLINE_OPTION = {
	.key = "mount",
	.help = "SOURCE:PATH:TYPE[:ro], as in disk0:/data:littlefs or "
		"data:/data:littlefs",
	.parse = parse_mount,
};

static const void *module_data(const struct boot_module *mod, uint64_t *len)
{
	*len = mod->end - mod->start;
	return (const void *)(uintptr_t)mod->start;
}

static int mount_module(const char *path, unsigned i)
{
	const struct boot_module *mod = module_get(i);
	const void *data;
	char name[16];
	uint64_t len;

	if (!mod) {
		log_err(LOG_FS, "module%u: there is no such boot module", i);
		return -ENODEV;
	}
	fmt_snprintf(name, sizeof(name), "module%u", i);
	data = module_data(mod, &len);
	return archive_mount_memory(path, name, data, len);
}

/* A mount has its device alone. Mounts last until the end. */
static int mount_device(const char *path, struct blkdev *dev, bool archive,
			bool read_only)
{
	const struct lfs_options opt = { .read_only = read_only };
	struct blkdev *user = blkdev_user(dev);
	int r = blkdev_claim(dev, path);

	if (r < 0) {
		log_err(LOG_FS, "%s is %s%s already; %s is not mounted",
			user->name, user->owner ? "mounted on " : "open for writing",
			user->owner ? user->owner : "", path);
		return r;
	}
	r = archive ? archive_mount_disk(path, dev) : lfs_mount(path, dev, &opt);
	if (r < 0)
		blkdev_unclaim(dev, path);
	return r;
}

static int mount_disk(const struct mount_option *o)
{
	struct blkdev *dev = blkdev_find(o->source);
	char names[160];

	if (dev && !dev->has_table)
		return mount_device(o->path, dev, o->archive, o->read_only);
	partitions_list(names, sizeof(names), dev, dev ? NULL : o->source);
	if (dev)
		log_err(LOG_FS, "%s is partitioned: %s cannot be the whole of it; "
			"its partitions: %s", o->source, o->path,
			names[0] ? names : "none that can be used");
	else if (names[0])
		log_err(LOG_FS, "\"%.40s\" stands for %s; %s is not mounted",
			o->source, names, o->path);
	else {
		partitions_list(names, sizeof(names), NULL, NULL);
		log_err(LOG_FS, "there is no disk or partition \"%.40s\"; there "
			"are: %s", o->source, names[0] ? names : "none");
	}
	return -ENODEV;
}

static int mount_one(const struct mount_option *o)
{
	uint64_t module;

	if (blkdev_find(o->source) || strncmp(o->source, "module", 6) != 0 ||
	    fmt_parse_u64(o->source + 6, 10, &module) < 0 ||
	    module >= BOOT_MODULES_MAX)
		return mount_disk(o);
	if (o->archive)
		return mount_module(o->path, (unsigned)module);
	log_err(LOG_FS, "%s: a boot module can only be an archive", o->source);
	return -EINVAL;
}

static bool default_module(void)
{
	const struct boot_module *mod;

	for (unsigned i = 0; (mod = module_get(i)) != NULL; i++) {
		uint64_t len;
		const void *data = module_data(mod, &len);

		if (len >= BLK_SECTOR && archive_probe(data))
			return mount_module(DEFAULT_PATH, i) == 0;
	}
	return false;
}

/* Partitions may hold anything; a whole disk that holds nothing is worth a
 * message. */
static bool default_device(struct blkdev *dev)
{
	enum lfs_probe what = LFS_PROBE_OTHER;
	int r;

	if (dev->has_table)
		return false;
	r = lfs_probe(dev, &what);
	if (dev->parent && (r < 0 || (what != LFS_PROBE_VOLUME &&
				      what != LFS_PROBE_ARCHIVE)))
		return false;
	return mount_device(DEFAULT_PATH, dev, r == 0 &&
			    what == LFS_PROBE_ARCHIVE, false) == 0;
}

static void default_disk(void)
{
	struct blkdev *dev = blkdev_next(NULL), *site = blkdev_find(DEFAULT_LABEL);
	bool partitioned = false;

	if (!dev) {
		log_warn(LOG_FS, "no disk and no archive module: nothing is on "
			 "%s (make a disk with: mkvol volume -o disk.img FOLDER)",
			 DEFAULT_PATH);
		return;
	}
	if (site && default_device(site))
		return;
	for (; dev; dev = blkdev_next(dev)) {
		partitioned |= dev->has_table;
		if (dev != site && default_device(dev))
			return;
	}
	if (partitioned)
		log_warn(LOG_FS, "no partition holds a volume or an archive: "
			 "nothing is on %s", DEFAULT_PATH);
}

/* What the program wrote and did not sync or close. */
static int sync_at_exit(void)
{
	int r = vfs_sync();

	if (r < 0)
		log_err(LOG_FS, "the last writes did not reach the disk: error %d",
			-r);
	return r;
}

static struct power_exit_hook exit_hook = { sync_at_exit, NULL };

static int fs_init(void)
{
	int r = devfs_mount("/dev");

	if (r < 0)
		return r;
	partitions_init();
	rawdev_init();
	power_add_exit_hook(&exit_hook);
	for (unsigned i = 0; i < n_options; i++)
		(void)mount_one(&options[i]);
	if (n_options == 0 && !default_module())
		default_disk();
	return 0;
}

static const struct init_hook fs_hook INIT_HOOK(INIT_STACK) = { "fs", fs_init };
