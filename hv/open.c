/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What `glint run` needs before the guest: image, modules, disks, networks
 * (net.c), and where everything lies in guest memory.
 */
#include "hv/kvm/kvm.h"
#include "hv/msg.h"
#include "hv/run.h"

#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/stat.h>

#include "hv/host.h"
#include "kernel/lib/string.h"

#define STATX_DIOALIGN_BIT 0x2000u	/* Linux 6.1; older headers lack it */
#define IMAGE_MAX (1ull << 30)

static uint64_t page_up(uint64_t v)
{
	return ALIGN_UP(v, (uint64_t)HV_PAGE);
}

static int open_regular(const char *what, const char *path, uint64_t *len)
{
	struct statx st;
	int fd = sys_open(path, O_RDONLY | O_NONBLOCK, 0), err;

	if (fd < 0)
		die(fd == -ENOENT ? EXIT_USAGE : EXIT_HOST, "%s %s: %s", what, path, errno_text(fd));
	err = sys_statx(fd, STATX_BASIC_STATS, &st);
	if (err)
		die(EXIT_HOST, "%s %s: %s", what, path, errno_text(err));
	if ((st.stx_mode & S_IFMT) != S_IFREG)
		die(EXIT_USAGE, "%s %s: not a regular file", what, path);
	*len = st.stx_size;
	return fd;
}

void image_open(const char *path, struct image *img, int *fd)
{
	char err[IMAGE_ERR_MAX];
	uint64_t len;
	uintptr_t at;

	*fd = open_regular("image", path, &len);
	if (!len || len > IMAGE_MAX)
		die(EXIT_USAGE, "image %s: %s", path, len ? "larger than 1 GiB" : "it is empty");
	at = sys_mmap(0, len, PROT_READ, MAP_PRIVATE, *fd, 0);
	if (sys_failed(at))
		die(EXIT_HOST, "image %s: mmap: %s", path, errno_text((long)at));
	if (image_parse((const uint8_t *)at, len, img, err))
		die(EXIT_USAGE, "image %s: %s", path, err);
}

static void open_module(struct module_option *m)
{
	m->fd = open_regular("module", m->path, &m->len);
	if (m->len > HV_MEM_MAX)
		die(EXIT_USAGE, "module %s: larger than any memory", m->path);
}

static void check_memory(const struct run *r, uint64_t modules_len)
{
	uint64_t need = image_mem_needed(&r->image, modules_len);

	if (r->mem_size < need)
		die(EXIT_USAGE, "--mem %lluK is too small for %s: it needs at least --mem %lluK",
		    (unsigned long long)r->mem_size / 1024, r->image_path,
		    (unsigned long long)need / 1024);
}

static void place(struct run *r)
{
	uint64_t modules_len = 0, at;

	for (uint32_t i = 0; i < r->n_modules; i++)
		modules_len += page_up(r->module[i].len);
	check_memory(r, modules_len);
	at = HV_MEM_BASE + r->mem_size - page_up(sizeof(struct hv_start));
	r->start_addr = at;
	for (uint32_t i = 0; i < r->n_modules; i++) {
		at -= page_up(r->module[i].len);
		r->module[i].addr = at;
	}
	r->modules_addr = at;
}

/* O_DIRECT's alignment: what the file system says, or 4096. */
static uint32_t direct_align(int fd)
{
	struct {
		struct statx st;
	} s;
	uint32_t mem, off;

	if (sys_statx(fd, STATX_DIOALIGN_BIT, &s.st) || !(s.st.stx_mask & STATX_DIOALIGN_BIT))
		return 4096;
	memcpy(&mem, (const char *)&s.st + 0x98, 4);	/* stx_dio_mem_align */
	memcpy(&off, (const char *)&s.st + 0x9c, 4);	/* stx_dio_offset_align */
	if (mem < off)
		mem = off;
	return mem <= 512 ? 512 : mem <= 1024 ? 1024 : mem <= 2048 ? 2048 : 4096;
}

static void open_direct(struct disk_option *d, int flags)
{
	d->dev.direct_fd = -1;
	if (!d->direct)
		return;
	d->dev.direct_fd = sys_open(d->path, flags | O_DIRECT, 0);
	if (d->dev.direct_fd < 0)
		die(EXIT_HOST, "disk %s: its file system has no O_DIRECT: leave out `direct`: %s",
		    d->path, errno_text(d->dev.direct_fd));
	d->dev.direct_align = direct_align(d->dev.direct_fd);
}

static void disk_size(struct disk_option *d)
{
	struct statx st;
	int err = sys_statx(d->dev.fd, STATX_BASIC_STATS, &st);
	bool block = (st.stx_mode & S_IFMT) == S_IFBLK;

	if (err)
		die(EXIT_HOST, "disk %s: %s", d->path, errno_text(err));
	if (!block && (st.stx_mode & S_IFMT) != S_IFREG)
		die(EXIT_USAGE, "disk %s: neither a regular file nor a block device", d->path);
	d->dev.size = st.stx_size;
	if (block && sys_ioctl(d->dev.fd, BLKGETSIZE64, (uintptr_t)&d->dev.size))
		die(EXIT_HOST, "disk %s: its size cannot be read", d->path);
	if (!d->dev.size)
		die(EXIT_USAGE, "disk %s: it is empty", d->path);
	if (d->dev.size % 512)
		die(EXIT_USAGE, "disk %s: its size, %llu bytes, is not a multiple of 512", d->path,
		    (unsigned long long)d->dev.size);
	/* A hole behind the end changes nothing, and tells whether holes work. */
	d->dev.discard = !block && !d->read_only &&
		sys_fallocate(d->dev.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, d->dev.size, 4096) == 0;
}

void disk_open(struct disk_option *d, uint32_t index)
{
	int flags = d->read_only ? O_RDONLY : O_RDWR, err;

	d->dev.fd = sys_open(d->path, flags | O_NONBLOCK, 0);
	if (d->dev.fd == -EACCES || d->dev.fd == -EROFS)
		die(EXIT_HOST, "disk %s: %s: no right to write it? `--disk %s,ro` reads only",
		    d->path, errno_text(d->dev.fd), d->path);
	if (d->dev.fd < 0)
		die(d->dev.fd == -ENOENT ? EXIT_USAGE : EXIT_HOST, "disk %s: %s", d->path, errno_text(d->dev.fd));
	disk_size(d);
	err = (int)SYS(flock, d->dev.fd, (d->read_only ? LOCK_SH : LOCK_EX) | LOCK_NB, 0, 0, 0, 0);
	if (err)
		die(EXIT_HOST, err == -EAGAIN ? "disk %s: another guest or program uses it (it is locked)" :
		    "disk %s: cannot be locked", d->path);
	open_direct(d, flags);
	d->dev.read_only = d->read_only;
	memset(d->dev.serial, 0, sizeof(d->dev.serial));
	if (d->serial) {
		memcpy(d->dev.serial, d->serial, strlen(d->serial));
	} else {
		memcpy(d->dev.serial, "disk", 4);
		d->dev.serial[4] = (char)('0' + index);
	}
}

/* A terminal is read by us, because a background process may not; anything
 * else by the guest itself. */
static void open_console(struct run *r)
{
	char termios[64];
	int ends[2];

	r->console_in = 0;
	r->console_feed = -1;
	if (SYS(fcntl, 0, F_GETFD, 0, 0, 0, 0) < 0)
		r->console_in = -1;
	else if (sys_ioctl(0, 0x5401 /* TCGETS */, (uintptr_t)termios) == 0 &&
		 SYS(pipe2, ends, O_CLOEXEC | O_NONBLOCK, 0, 0, 0, 0) == 0) {
		r->console_in = ends[0];
		r->console_feed = ends[1];
	}
}

static bool tsc_is_stable(void)
{
	char name[16] = "";
	int fd = sys_open("/sys/devices/system/clocksource/clocksource0/current_clocksource", O_RDONLY, 0);

	if (fd < 0)
		return false;
	sys_read(fd, name, sizeof(name) - 1);
	sys_close(fd);
	return strcmp(name, "tsc\n") == 0;
}

void run_open(struct run *r)
{
	char err[IMAGE_ERR_MAX];

	r->tsc_stable = tsc_is_stable();
	if (r->kvm)
		r->kvm_fd = kvm_open();
	image_open(r->image_path, &r->image, &r->image_fd);
	if (image_check_hv(&r->image, err))
		die(EXIT_USAGE, "image %s: %s", r->image_path, err);
	for (uint32_t i = 0; i < r->n_modules; i++)
		open_module(&r->module[i]);
	place(r);
	for (uint32_t i = 0; i < r->n_disks; i++)
		disk_open(&r->disk[i], i);
	for (uint32_t i = 0; i < r->n_nets; i++)
		net_open(&r->net[i], i);
	open_console(r);
	r->event_fd = (int)sys_eventfd2(0, O_NONBLOCK | O_CLOEXEC);
	if (r->event_fd < 0)
		die(EXIT_HOST, "eventfd: %s", errno_text(r->event_fd));
}
