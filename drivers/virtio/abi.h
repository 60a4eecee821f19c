/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Virtio 1.2: the layouts and numbers that driver and device share, with the
 * specification's own names; the section stands above each group. The
 * kernel's uapi headers have the same but need <linux/types.h>. All fields
 * are little endian, as x86 is.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* 5: device types */
#define VIRTIO_ID_NET			1
#define VIRTIO_ID_BLOCK			2
#define VIRTIO_ID_CONSOLE		3
#define VIRTIO_ID_RNG			4

/* 2.1: device status */
#define VIRTIO_S_ACKNOWLEDGE		1
#define VIRTIO_S_DRIVER			2
#define VIRTIO_S_DRIVER_OK		4
#define VIRTIO_S_FEATURES_OK		8
#define VIRTIO_S_DEVICE_NEEDS_RESET	64
#define VIRTIO_S_FAILED			128

/* 6: reserved feature bits */
#define VIRTIO_F_INDIRECT_DESC		(1ull << 28)
#define VIRTIO_F_EVENT_IDX		(1ull << 29)
#define VIRTIO_F_VERSION_1		(1ull << 32)
#define VIRTIO_F_ACCESS_PLATFORM	(1ull << 33)

/* 2.7: split virtqueues */
#define VIRTQ_DESC_F_NEXT		1
#define VIRTQ_DESC_F_WRITE		2
#define VIRTQ_DESC_F_INDIRECT		4
#define VIRTQ_AVAIL_F_NO_INTERRUPT	1
#define VIRTQ_USED_F_NO_NOTIFY		1

struct virtq_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};
_Static_assert(sizeof(struct virtq_desc) == 16, "virtq_desc");

struct virtq_avail {
	uint16_t flags;
	uint16_t idx;
	uint16_t ring[];		/* then used_event */
};
_Static_assert(offsetof(struct virtq_avail, ring) == 4, "virtq_avail");

struct virtq_used_elem {
	uint32_t id;
	uint32_t len;
};
_Static_assert(sizeof(struct virtq_used_elem) == 8, "virtq_used_elem");

struct virtq_used {
	uint16_t flags;
	uint16_t idx;
	struct virtq_used_elem ring[];	/* then avail_event */
};
_Static_assert(offsetof(struct virtq_used, ring) == 4, "virtq_used");

/* 4.1: virtio over PCI */
#define VIRTIO_PCI_VENDOR		0x1af4
#define VIRTIO_PCI_DEVICE_MIN		0x1000	/* transitional: type in the subsystem id */
#define VIRTIO_PCI_DEVICE_MODERN	0x1040	/* + type */
#define VIRTIO_PCI_DEVICE_MAX		0x107f
#define VIRTIO_PCI_CAP_COMMON_CFG	1
#define VIRTIO_PCI_CAP_NOTIFY_CFG	2
#define VIRTIO_PCI_CAP_ISR_CFG		3
#define VIRTIO_PCI_CAP_DEVICE_CFG	4
#define VIRTIO_MSI_NO_VECTOR		0xffff
#define VIRTIO_ISR_QUEUE		1
#define VIRTIO_ISR_CONFIG		2

struct virtio_pci_cap {
	uint8_t cap_vndr, cap_next, cap_len, cfg_type, bar, id, padding[2];
	uint32_t offset;
	uint32_t length;
};
_Static_assert(sizeof(struct virtio_pci_cap) == 16, "virtio_pci_cap");
#define VIRTIO_PCI_NOTIFY_OFF_MULTIPLIER 16	/* offset behind the cap */

struct virtio_pci_common_cfg {
	uint32_t device_feature_select, device_feature;
	uint32_t driver_feature_select, driver_feature;
	uint16_t config_msix_vector, num_queues;
	uint8_t device_status, config_generation;
	uint16_t queue_select, queue_size, queue_msix_vector;
	uint16_t queue_enable, queue_notify_off;
	uint32_t queue_desc[2], queue_driver[2], queue_device[2];
};
_Static_assert(offsetof(struct virtio_pci_common_cfg, device_status) == 20, "status");
_Static_assert(offsetof(struct virtio_pci_common_cfg, queue_desc) == 32, "desc");
_Static_assert(sizeof(struct virtio_pci_common_cfg) == 56, "common_cfg");

/* 4.2: virtio over MMIO */
#define VIRTIO_MMIO_MAGIC		0x74726976	/* "virt" */
enum {
	VIRTIO_MMIO_MagicValue = 0x000,
	VIRTIO_MMIO_Version = 0x004,
	VIRTIO_MMIO_DeviceID = 0x008,
	VIRTIO_MMIO_DeviceFeatures = 0x010,
	VIRTIO_MMIO_DeviceFeaturesSel = 0x014,
	VIRTIO_MMIO_DriverFeatures = 0x020,
	VIRTIO_MMIO_DriverFeaturesSel = 0x024,
	VIRTIO_MMIO_QueueSel = 0x030,
	VIRTIO_MMIO_QueueNumMax = 0x034,
	VIRTIO_MMIO_QueueNum = 0x038,
	VIRTIO_MMIO_QueueReady = 0x044,
	VIRTIO_MMIO_QueueNotify = 0x050,
	VIRTIO_MMIO_InterruptStatus = 0x060,
	VIRTIO_MMIO_InterruptACK = 0x064,
	VIRTIO_MMIO_Status = 0x070,
	VIRTIO_MMIO_QueueDescLow = 0x080,
	VIRTIO_MMIO_QueueDriverLow = 0x090,
	VIRTIO_MMIO_QueueDeviceLow = 0x0a0,
	VIRTIO_MMIO_ConfigGeneration = 0x0fc,
	VIRTIO_MMIO_Config = 0x100,
};

/* 5.1: network device */
#define VIRTIO_NET_F_CSUM		(1ull << 0)
#define VIRTIO_NET_F_GUEST_CSUM		(1ull << 1)
#define VIRTIO_NET_F_MTU		(1ull << 3)
#define VIRTIO_NET_F_MAC		(1ull << 5)
#define VIRTIO_NET_F_GUEST_TSO4		(1ull << 7)
#define VIRTIO_NET_F_GUEST_TSO6		(1ull << 8)
#define VIRTIO_NET_F_HOST_TSO4		(1ull << 11)
#define VIRTIO_NET_F_HOST_TSO6		(1ull << 12)
#define VIRTIO_NET_F_MRG_RXBUF		(1ull << 15)
#define VIRTIO_NET_F_STATUS		(1ull << 16)
#define VIRTIO_NET_S_LINK_UP		1
#define VIRTIO_NET_CFG_MAC		0	/* offsets in the configuration */
#define VIRTIO_NET_CFG_STATUS		6
#define VIRTIO_NET_CFG_MTU		10
#define VIRTIO_NET_HDR_F_NEEDS_CSUM	1
#define VIRTIO_NET_HDR_F_DATA_VALID	2
#define VIRTIO_NET_HDR_GSO_NONE		0
#define VIRTIO_NET_HDR_GSO_TCPV4	1
#define VIRTIO_NET_HDR_GSO_TCPV6	4

struct virtio_net_hdr {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len;
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
	uint16_t num_buffers;
};
_Static_assert(sizeof(struct virtio_net_hdr) == 12, "virtio_net_hdr");

/* 5.2: block device */
#define VIRTIO_BLK_F_SIZE_MAX		(1ull << 1)
#define VIRTIO_BLK_F_SEG_MAX		(1ull << 2)
#define VIRTIO_BLK_F_RO			(1ull << 5)
#define VIRTIO_BLK_F_BLK_SIZE		(1ull << 6)
#define VIRTIO_BLK_F_FLUSH		(1ull << 9)
#define VIRTIO_BLK_F_DISCARD		(1ull << 13)
#define VIRTIO_BLK_CFG_CAPACITY		0
#define VIRTIO_BLK_CFG_SIZE_MAX		8
#define VIRTIO_BLK_CFG_SEG_MAX		12
#define VIRTIO_BLK_CFG_BLK_SIZE		20
#define VIRTIO_BLK_CFG_MAX_DISCARD	36	/* max_discard_sectors */
#define VIRTIO_BLK_T_IN			0
#define VIRTIO_BLK_T_OUT		1
#define VIRTIO_BLK_T_FLUSH		4
#define VIRTIO_BLK_T_GET_ID		8
#define VIRTIO_BLK_T_DISCARD		11
#define VIRTIO_BLK_S_OK			0
#define VIRTIO_BLK_S_IOERR		1
#define VIRTIO_BLK_S_UNSUPP		2
#define VIRTIO_BLK_ID_BYTES		20

struct virtio_blk_req_hdr {
	uint32_t type;
	uint32_t reserved;
	uint64_t sector;
};
_Static_assert(sizeof(struct virtio_blk_req_hdr) == 16, "virtio_blk_req");

struct virtio_blk_discard {
	uint64_t sector;
	uint32_t num_sectors;
	uint32_t flags;
};
_Static_assert(sizeof(struct virtio_blk_discard) == 16, "virtio_blk_discard");

/* 5.3: console device */
#define VIRTIO_CONSOLE_F_EMERG_WRITE	(1ull << 2)
#define VIRTIO_CONSOLE_CFG_EMERG_WR	8
