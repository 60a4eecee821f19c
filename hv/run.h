/* SPDX-License-Identifier: BSD-2-Clause
 *
 * `glint run`: what was asked for, and what was opened for it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hv/clock.h"
#include "hv/dev/dev.h"
#include "hv/elf.h"
#include "pv/hv/abi.h"

#define RUN_NETS_MAX	8u
#define RUN_DISKS_MAX	4u
#define RUN_FWDS_MAX	16u

struct devs;

enum net_back {
	NET_TAP,
	NET_USER,
	NET_SOCKET,
};

struct net_option {
	enum net_back back;
	const char *name;		/* tap's name, socket's path */
	const char *pcap;
	bool has_mac;
	uint8_t mac[6];
	uint32_t n_fwd;
	const char *fwd[RUN_FWDS_MAX];	/* "tcp:8080:80" */
	/* opened */
	struct dev_net_param dev;
	int helper;			/* process of glint-net-user, or 0 */
};

struct disk_option {
	const char *path;
	bool read_only, direct;
	const char *serial;
	struct dev_blk_param dev;	/* opened */
};

struct module_option {
	const char *path, *name;
	int fd;				/* opened */
	uint64_t len, addr;
};

struct run {
	const char *image_path;
	uint64_t mem_size;
	uint32_t grace_s;
	uint32_t spin_us;
	const char *core_path;
	bool kvm;			/* --accel kvm */
	uint16_t gdb_port;		/* 0: none */
	uint32_t n_nets, n_disks, n_modules;
	struct net_option net[RUN_NETS_MAX];
	struct disk_option disk[RUN_DISKS_MAX];
	struct module_option module[HV_MODULES_MAX];
	char cmdline[HV_CMDLINE_MAX];

	/* opened */
	struct image image;
	int image_fd;
	int console_in;			/* -1: none */
	int console_feed;		/* what we read from the terminal goes in here, or -1 */
	int event_fd;			/* wakes the guest */
	int kvm_fd;			/* /dev/kvm, with `kvm` */
	uint64_t modules_addr;		/* the lowest module, or the start block */
	uint64_t start_addr;		/* the start block in guest memory */
	struct clock_moment began;
	bool fsgsbase, tsc_stable;
};

/* Options of `glint run`; ends the program with a message if they are wrong. */
void run_parse(struct run *r, char **argv);

/* Opens image, disks, networks, modules; lays out guest memory; ends the program
 * with a message where something is missing. */
void run_open(struct run *r);
void image_open(const char *path, struct image *img, int *fd);
void net_open(struct net_option *n, uint32_t index);
void net_user_start(struct net_option *n, uint32_t index);
void disk_open(struct disk_option *d, uint32_t index);

/* Runs the guest until it ends, again after a reboot; returns glint's exit status. */
int run_guest(struct run *r);
