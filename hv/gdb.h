/* SPDX-License-Identifier: BSD-2-Clause
 *
 * --gdb PORT: gdb's remote protocol (GDB manual, appendix E) on 127.0.0.1, for
 * one gdb at a time. What it does to the guest goes through struct gdb_target,
 * so that every accelerator can have it. gdb plants its breakpoints itself, by
 * writing memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/fault.h"

struct gdb_target {
	bool (*read_regs)(int id, struct fault_regs *regs);
	bool (*write_regs)(int id, const struct fault_regs *regs);
	bool (*read_mem)(int id, uint64_t addr, void *buf, size_t len);
	bool (*write_mem)(int id, uint64_t addr, const void *buf, size_t len);
};

enum gdb_wish {
	GDB_NOTHING,
	GDB_CONTINUE,		/* with gdb.signal, if not 0 */
	GDB_STEP,
	GDB_INTERRUPT,		/* the guest runs and should stop */
	GDB_KILL,
	GDB_LEFT,		/* detached or gone: the guest runs on without it */
};

#define GDB_PACKET_MAX 4096u

struct gdb {
	const struct gdb_target *target;
	int id;			/* of the guest, for the target's functions */
	int fd;			/* connection, or -1 */
	bool stopped;		/* the guest is, and gdb knows */
	int signal;		/* why it stopped; with GDB_CONTINUE: what to deliver */
	bool no_ack;
	bool asked;		/* it knows of the first stop */
	size_t in_len;
	char in[GDB_PACKET_MAX + 8];
	char out[GDB_PACKET_MAX + 8];
};

/* Waits at the port for gdb; ends the program if the port is busy. */
void gdb_wait(struct gdb *g, uint16_t port);

/* The guest stopped with this signal; it stays so until gdb wishes otherwise. */
void gdb_tell_stop(struct gdb *g, int signal);
void gdb_tell_end(struct gdb *g, int status);

/* There is something to read: what gdb wants done with the guest. */
enum gdb_wish gdb_read(struct gdb *g);
