/* SPDX-License-Identifier: BSD-2-Clause
 *
 * KVM mode, the monitor's part before the fork: is there a KVM, and can it do this?
 */
#include <linux/kvm.h>

#include "hv/host.h"
#include "hv/kvm/kvm.h"
#include "hv/msg.h"
#include "hv/run.h"
#include "kernel/lib/compiler.h"

#define INSTEAD "; or leave out --accel kvm: process mode needs no /dev/kvm"

static int open_device(void)
{
	int fd = sys_open("/dev/kvm", O_RDWR, 0);

	if (fd == -ENOENT || fd == -ENXIO || fd == -ENODEV)
		die(EXIT_HOST, "/dev/kvm: %s: this machine has no KVM, or its module is not loaded "
		    "(sudo modprobe kvm-intel, or kvm-amd)" INSTEAD, errno_text(fd));
	if (fd == -EACCES || fd == -EPERM)
		die(EXIT_HOST, "/dev/kvm: %s: become a member of the group kvm "
		    "(sudo usermod -aG kvm $(id -un), then log in again)" INSTEAD, errno_text(fd));
	if (fd < 0)
		die(EXIT_HOST, "/dev/kvm: %s" INSTEAD, errno_text(fd));
	return fd;
}

int kvm_open(void)
{
	static const struct {
		unsigned cap;
		const char *name;
	} needed[] = {
		{ KVM_CAP_USER_MEMORY, "memory of the user's" },
		{ KVM_CAP_IOEVENTFD, "ioeventfd" },
		{ KVM_CAP_SYNC_REGS, "registers in the shared page" },
	};
	int fd = open_device();

	if (sys_ioctl(fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		die(EXIT_HOST, "/dev/kvm: not a KVM of version %d" INSTEAD, KVM_API_VERSION);
	for (unsigned i = 0; i < ARRAY_SIZE(needed); i++) {
		if (sys_ioctl(fd, KVM_CHECK_EXTENSION, needed[i].cap) <= 0)
			die(EXIT_HOST, "/dev/kvm: this KVM lacks %s (Linux 4.17 has it)" INSTEAD, needed[i].name);
	}
	return fd;
}

void kvm_describe(const struct run *r, struct kvm *k)
{
	uint64_t mem_end = HV_MEM_BASE + r->mem_size;
	uint64_t tables = (mem_end >> 21) + (mem_end >> 30) + (mem_end >> 39) + 8;

	k->on = true;
	k->dev_fd = r->kvm_fd;
	k->vm_fd = k->vcpu_fd = -1;
	k->mem_end = mem_end;
	k->rw_end = r->modules_addr;
	k->area = ALIGN_UP(mem_end, 2ull << 20);
	k->area_len = (KVM_AREA_ROOT + 4 + tables) * HV_PAGE;
	for (uint32_t i = 0; i < r->image.n_segments; i++) {
		const struct image_segment *s = &r->image.seg[i];

		k->range[k->n_ranges++] = (struct kvm_range){
			ALIGN_DOWN(s->addr, (uint64_t)HV_PAGE),
			ALIGN_UP(s->addr + s->mem_len, (uint64_t)HV_PAGE), s->write, s->exec };
	}
}
