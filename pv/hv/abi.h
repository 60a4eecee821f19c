/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The interface between Glint's hypervisor (hv/, `glint run`) and its guests,
 * version 1. This file is the specification: it needs nothing but <stdint.h>,
 * and both sides include it. Little-endian, x86-64, sizes asserted.
 *
 * The guest is an ordinary ELF64 executable whose addresses are its guest
 * physical addresses (identity, no relocation). It runs in ring 3 from the first
 * instruction to the last; it never sees an interrupt, a port, or a register of
 * a chip. What it has:
 *
 *	memory		[HV_MEM_BASE, HV_MEM_BASE + mem_size), all of it
 *			readable and writable, except that the image's segments
 *			have the permissions of their program headers, modules
 *			and the start block are read-only for the guest (the clock and
 *			`pending` within it change under it). It is zero where nothing
 *			was loaded. Nothing outside of it is mapped but the
 *			hypervisor's entry code, which can be called, and the guest
 *			must not expect to read it.
 *	hypercalls	a function to call (struct hv_start.entry)
 *	devices		virtio 1.2 devices, split virtqueues in guest memory,
 *			with the hypercalls below in place of a virtio transport
 *	events		bits that HV_WAIT returns
 *	time		a clock record like KVM's pvclock, and rdtsc
 *
 * Directions in comments: [in] written by the hypervisor before the start,
 * [live] written by it at any time, [out] written by the guest.
 *
 * Trust: the hypervisor checks every number that the guest gives, at the time of
 * the call and again whenever it reads shared memory; a wrong one fails the call
 * (-HV_E*) or the device (status bit NEEDS_RESET), or ends the guest with a
 * message; it never harms the host. The guest need not trust the devices.
 */
#pragma once

#include <stdint.h>

/* ---- how the hypervisor recognises an image ----
 * An ELF note of name "Glint", type HV_NOTE_TYPE in a PT_NOTE segment of
 * alignment 4 (ELF gABI, "Note Section"). A note with another version: the
 * hypervisor refuses and names both. */
#define HV_NOTE_NAME	"Glint"
#define HV_NOTE_TYPE	1u
#define HV_ABI_VERSION	1u

struct hv_note {
	uint32_t abi_version;		/* HV_ABI_VERSION the image was built for */
	uint32_t flags;			/* 0 */
	uint32_t entry_lo, entry_hi;	/* 64-bit entry point */
	uint32_t min_mem_kib;		/* least mem_size that can work, image included */
};
_Static_assert(sizeof(struct hv_note) == 20, "hv_note");

/* State at the entry point: 64-bit mode, ring 3, %rdi = address of struct
 * hv_start, %rsp = 0 (the guest brings its stack), %rflags = 0x202, direction
 * flag clear, SSE usable with MXCSR 0x1f80, %fs and %gs base 0, all other
 * general registers 0. */

/* ---- memory ---- */
#define HV_MEM_BASE	0x100000ull	/* 1 MiB: the image is linked there */
#define HV_PAGE		4096u
#define HV_MEM_MAX	(1ull << 40)

/* ---- the start block: page aligned, at the top of memory ---- */
#define HV_START_MAGIC	0x31564847u		/* "GHV1" */
#define HV_MODULES_MAX	8u
#define HV_DEVICES_MAX	16u
#define HV_CMDLINE_MAX	2048u			/* bytes with the NUL */

/* Time as in KVM's pvclock_vcpu_time_info (Linux: Documentation/virt/kvm/x86/
 * msr.rst, MSR_KVM_SYSTEM_TIME_NEW): nanoseconds = system_time +
 * ((rdtsc - tsc_timestamp) shifted by tsc_shift) * tsc_to_system_mul >> 32;
 * odd version: being changed. The hypervisor refines the rate while the guest
 * runs; a reader keeps its own results monotonic. The time base is the host's
 * CLOCK_MONOTONIC; deadlines of HV_WAIT are in it. */
struct hv_clock {
	uint32_t version;		/* [live] */
	uint32_t pad0;
	uint64_t tsc_timestamp;		/* [live] */
	uint64_t system_time;		/* [live] ns */
	uint32_t tsc_to_system_mul;	/* [live] */
	int8_t tsc_shift;		/* [live] */
	uint8_t flags;			/* [in] bit 0: stable; clear: use HV_NOW */
	uint8_t pad[2];
};
_Static_assert(sizeof(struct hv_clock) == 32, "pvclock layout");

struct hv_module {
	uint64_t addr, len;		/* [in] page aligned address, bytes */
	char name[48];			/* [in] NUL-terminated */
};
_Static_assert(sizeof(struct hv_module) == 64, "hv_module");

#define HV_QUEUES_MAX	2u
#define HV_CONFIG_MAX	64u

struct hv_device {
	/* [in] 1 net, 2 block, 3 console, 4 entropy. A console offers
	 * VIRTIO_CONSOLE_F_EMERG_WRITE with a configuration of 12 bytes; its
	 * emergency write is HV_PUTS. */
	uint32_t virtio_id;
	uint32_t n_queues;		/* [in] */
	uint16_t queue_max[HV_QUEUES_MAX];	/* [in] entries, powers of two */
	uint32_t config_len;		/* [in] bytes of config[] that count */
	uint64_t features;		/* [in] offered, virtio feature bits */
	uint8_t status;			/* [live] virtio device status */
	uint8_t pad[3];
	uint32_t generation;		/* [live] of config[], virtio 2.5.1 */
	uint8_t config[HV_CONFIG_MAX];	/* [live] virtio configuration space */
	char name[32];			/* [in] "net0", "disk0": for messages */
};
_Static_assert(sizeof(struct hv_device) == 128, "hv_device");

#define HV_F_FSGSBASE	(1u << 0)	/* wrfsbase works: no HV_SET_TLS needed */
/* Devices work beside the guest, not within its calls: while `pending` is 0,
 * HV_WAIT with a deadline of 0 has nothing to return and need not be made. */
#define HV_F_ASYNC	(1u << 1)

struct hv_start {
	uint32_t magic;			/* [in] HV_START_MAGIC */
	uint32_t abi_version;		/* [in] HV_ABI_VERSION */
	uint32_t size;			/* [in] of the start block in bytes, whole pages */
	uint32_t flags;			/* [in] HV_F_* */
	uint64_t mem_size;		/* [in] bytes from HV_MEM_BASE */
	uint64_t entry;			/* [in] address of the hypercall function */
	uint64_t image_end;		/* [in] first byte after the loaded image */
	uint32_t n_modules, n_devices;	/* [in] */
	uint64_t wall_ns;		/* [live] 1970 UTC at clock time 0, in ns */
	uint64_t pending;		/* [live] HV_EV_* bits not yet returned */
	struct hv_clock clock;		/* [live] */
	uint64_t start_tsc;		/* [in] rdtsc when `glint run` began, 0: unknown */
	uint64_t start_ns;		/* [in] clock time of that moment */
	uint8_t seed[32];		/* [in] entropy of full quality, for this run only */
	char build[64];			/* [in] the hypervisor's name and version */
	struct hv_module module[HV_MODULES_MAX];	/* [in] */
	struct hv_device device[HV_DEVICES_MAX];
	char cmdline[HV_CMDLINE_MAX];	/* [in] NUL-terminated */
};
_Static_assert(sizeof(struct hv_start) <= 2 * HV_PAGE, "two pages");

/* ---- hypercalls ----
 *
 *	int64_t (*entry)(uint64_t nr, uint64_t a, uint64_t b, uint64_t c)
 *
 * by the System V calling convention (all its caller-saved registers are lost).
 * Results >= 0, or -HV_E*. No call may be made on a stack of less than 256
 * bytes of room: process mode switches to its own at once. Not reentrant, one
 * thread of control. */
#define HV_EINVAL	22		/* a number out of range */
#define HV_EFAULT	14		/* an address outside guest memory */
#define HV_ENOMEM	12		/* the host has none left */
#define HV_ENOSYS	38		/* unknown call */

enum hv_call {
	/* a = address, b = length: bytes to the console, now. Emergency and
	 * early output; the ordinary way is the console device. 0. */
	HV_PUTS = 0,
	/* a = deadline in clock time, UINT64_MAX: none. Lets the devices work and
	 * returns HV_EV_* bits; sleeps only while there are none and the deadline
	 * lies ahead. A deadline of 0 never sleeps. Bits are handed out
	 * once. 0 after the deadline, or early for no reason. */
	HV_WAIT = 1,
	/* a = device << 16 | queue: there are new buffers in the available
	 * ring. 1: the device's bit of HV_WAIT is set already (it has used
	 * buffers), and is handed out by this; else 0. A device that asked for
	 * none of it (used flags, avail_event) need not be told. */
	HV_KICK = 2,
	/* a = status 0..255, or HV_EXIT_REBOOT, HV_EXIT_CRASH (the guest has said
	 * why on the console). Does not return. */
	HV_EXIT = 3,
	/* a = device, b = virtio status to be written (0: reset; returns when
	 * the device touches no memory any more). Result: the status now. */
	HV_DEVICE_STATUS = 4,
	/* a = device, b = the features that the driver accepts, before FEATURES_OK. */
	HV_DEVICE_FEATURES = 5,
	/* a = device << 16 | queue, b = address of a struct hv_queue; before
	 * DRIVER_OK. Read at the call, not later. */
	HV_QUEUE = 6,
	/* a = address, b = length, both page aligned, inside guest memory and not
	 * of the start block or a module; c = HV_PROT_*. Executable memory stays as
	 * it is for ever and nothing else becomes executable. */
	HV_PROTECT = 7,
	/* a = %fs base. Only where HV_F_FSGSBASE is missing. */
	HV_SET_TLS = 8,
	/* The clock, for hosts whose TSC is not usable (hv_clock.flags). */
	HV_NOW = 9,
	HV_N_CALLS
};

#define HV_EXIT_REBOOT	0x100u		/* start the same image anew */
#define HV_EXIT_CRASH	0x101u		/* exit status of glint run: 134 */

/* Bits of HV_WAIT: bit i < HV_DEVICES_MAX: device i used buffers, or changed its
 * configuration or status. Bit 63 is none, so that results are never negative. */
#define HV_EV_SHUTDOWN	(1ull << 62)	/* somebody asks the guest to end in order */

struct hv_queue {			/* [out] virtio 1.2, section 2.7 */
	uint32_t num;			/* entries: a power of two, <= queue_max */
	uint32_t pad;
	uint64_t desc, avail, used;	/* guest addresses, aligned as virtio says */
};
_Static_assert(sizeof(struct hv_queue) == 32, "hv_queue");

#define HV_PROT_NONE	0u
#define HV_PROT_R	1u
#define HV_PROT_RW	3u
