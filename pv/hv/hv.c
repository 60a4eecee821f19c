/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The `hv` platform: a guest of Glint's own hypervisor, in ring 3 from first to
 * last (pv/hv/abi.h). Nothing in this folder is privileged: no port, no control
 * register, no interrupt. Faults are the hypervisor's to report.
 */
#include "pv/hv/hv.h"

#include <errno.h>

#include "kernel/boot_info.h"
#include "kernel/bus.h"
#include "kernel/device.h"
#include "kernel/heap.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"
#include "kernel/log.h"

extern char boot_stack_guard[];		/* boot/stack.S */
extern char _image_start[], _image_end[], _text_start[], _text_end[];

const struct hv_start SHARED *hv_start;

static int64_t (*entry)(uint64_t nr, uint64_t a, uint64_t b, uint64_t c);
static bool fsgsbase;

int64_t hv_call(uint64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
	return entry ? entry(nr, a, b, c) : -HV_ENOSYS;
}

static bool hv_probe(const struct boot_info *bi)
{
	if (bi->protocol != BOOT_HV)
		return false;
	if (!bi->start_block)		/* all that is left is to crash */
		return true;
	hv_start = (const struct hv_start SHARED *)(uintptr_t)bi->start_block;
	entry = (int64_t (*)(uint64_t, uint64_t, uint64_t, uint64_t))
		(uintptr_t)shared_load64(&hv_start->entry);
	fsgsbase = shared_load32(&hv_start->flags) & HV_F_FSGSBASE;
	hv_clock_init();
	return true;
}

static void hv_puts(const char *text, size_t len)
{
	(void)hv_call(HV_PUTS, (uintptr_t)text, len, 0);
}

static void NORETURN hv_exit(int status)
{
	uint64_t how = status == PV_EXIT_REBOOT ? HV_EXIT_REBOOT :
		       status == PV_EXIT_PANIC ? HV_EXIT_CRASH :
		       (uint64_t)status & 0xff;

	(void)hv_call(HV_EXIT, how, 0, 0);
	for (;;)
		__builtin_trap();
}

static bool overlap(uintptr_t addr, size_t len, const char *start, const char *end)
{
	return addr < (uintptr_t)end && addr + len > (uintptr_t)start;
}

static int hv_protect(uintptr_t addr, size_t len, enum pv_prot prot)
{
	static const uint8_t bits[] = {
		[PV_PROT_NONE] = HV_PROT_NONE,
		[PV_PROT_R] = HV_PROT_R,
		[PV_PROT_RW] = HV_PROT_RW,
	};

	if (!IS_ALIGNED(addr | len, PAGE_SIZE) || addr + len < addr)
		return -EINVAL;
	if (prot == PV_PROT_RX)		/* only what is so already */
		return addr >= (uintptr_t)_text_start &&
		       addr + len <= (uintptr_t)_text_end ? 0 : -EINVAL;
	/* The hypervisor gives text away to nobody. Of the rest of the image,
	 * what is read-only stays so. */
	if (prot == PV_PROT_RW && overlap(addr, len, _image_start, _image_end))
		return -EINVAL;
	if (!len)
		return 0;
	switch (hv_call(HV_PROTECT, addr, len, bits[prot])) {
	case 0:
		return 0;
	case -HV_ENOMEM:
		return -ENOMEM;
	default:
		return -EINVAL;
	}
}

static int hv_init(const struct boot_info *bi)
{
	(void)bi;
	return hv_protect((uintptr_t)boot_stack_guard, PAGE_SIZE, PV_PROT_NONE);
}

static void hv_set_tls(uintptr_t base)
{
	if (fsgsbase)
		__asm__ volatile("wrfsbase %0" :: "r"(base) : "memory");
	else
		(void)hv_call(HV_SET_TLS, base, 0, 0);
}

static int announce(unsigned i)
{
	const struct hv_device SHARED *d = &hv_start->device[i];
	struct bus_virtio_hv *bus;
	struct device *dev = heap_zalloc(HEAP_DRIVER, sizeof(*dev) + sizeof(*bus));
	char name[sizeof(((struct hv_device *)0)->name)];

	if (!dev)
		return -ENOMEM;
	bus = (struct bus_virtio_hv *)(dev + 1);
	*bus = (struct bus_virtio_hv){ d, i, i, hv_call };
	dev->bus = BUS_VIRTIO_HV;
	dev->bus_info = bus;
	shared_copy_in(name, &d->name, sizeof(name));
	fmt_snprintf(dev->name, sizeof(dev->name), "%.*s",
		     (int)strnlen(name, sizeof(name)), name);
	device_announce(dev);
	return 0;
}

static int hv_scan(void)
{
	uint32_t n = shared_load32(&hv_start->n_devices);

	for (unsigned i = 0; i < n && i < HV_DEVICES_MAX; i++)
		if (announce(i))
			return -ENOMEM;
	return 0;
}

static const struct pv_platform hv = {
	.name = "hv",
	.probe = hv_probe,
	.init = hv_init,
	.puts = hv_puts,
	.exit = hv_exit,
	.now = hv_now,
	.wall = hv_wall,
	.wait = hv_wait,
	.line = hv_line,
	.scan = hv_scan,
	.protect = hv_protect,
	.set_tls = hv_set_tls,
};
static const struct pv_platform *const hv_entry_in_table PV_PLATFORM("10") = &hv;
