/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What must be on a disk after a cut. A workload calls the file system through
 * the w_ functions; each call becomes an operation with the part of the disk's
 * log that it caused. For a cut inside that part the operation happened or
 * did not; for a later one it happened.
 *
 *	names	created, removed, moved: there when the call has returned
 *	data	what the last sync, or close by the last writer, or a later
 *		write made of the file: one of these contents as a whole, with
 *		the time of that write
 *	modes	of files and directories: as the last call made them
 */
#pragma once

#include "kernel/vfs.h"
#include "tests/powercut/disk.h"

#define M_NAMES 320
#define M_FILES 1024
#define M_PATH	80

struct m_name {
	char path[M_PATH];
	uint64_t hash;
	int file;			/* -1: a directory */
	uint32_t mode;
};

/* Names and, for each file, the contents that may be found. */
struct m_state {
	struct m_name name[M_NAMES];
	int n;
	struct {
		int synced, current;	/* versions */
	} file[M_FILES];
};

struct m_version {
	int file;
	uint32_t len;
	uint64_t hash;
	uint64_t from, to;		/* its time; a write that failed is later */
};

enum m_kind { M_CREATE, M_MKDIR, M_REMOVE, M_RENAME, M_WRITE, M_SYNC, M_MODE };

struct m_op {
	enum m_kind kind;
	size_t start, end;		/* the log's length before and after */
	int file, version;
	uint32_t mode;			/* CREATE, MKDIR, MODE */
	uint64_t used;			/* blocks of the volume, afterwards */
	char a[M_PATH], b[M_PATH];
};

struct m_content {
	uint8_t *data;
	uint32_t len;
	int writers;
};

struct model {
	struct cut_disk *disk;
	struct cut_rng rng;
	struct m_state first, live;	/* at the start of the log; now */
	uint64_t used_first;
	struct m_op *op;
	size_t n_ops, room_ops;
	struct m_version *version;
	int n_versions, room_versions;
	struct m_content content[M_FILES];
	int n_files;
	int errors;			/* calls that failed, but for ENOSPC */
};

/* A fresh, empty, mounted /v on the disk. */
void model_init(struct model *m, struct cut_disk *d, uint64_t seed);
void model_fini(struct model *m);
/* Recording begins: what was done so far is certain. */
void model_start(struct model *m);

void m_apply(struct m_state *s, const struct m_op *op);
uint64_t m_hash(const void *data, size_t len);

struct w_file {
	struct file *f;
	int file;
	bool writer;
};

int w_open(struct model *m, struct w_file *w, const char *path, unsigned flags);
void w_close(struct model *m, struct w_file *w);
/* Pseudo-random bytes; off < 0: at the end (the file was opened to append). */
int w_write(struct model *m, struct w_file *w, int64_t off, uint32_t len);
int w_truncate(struct model *m, struct w_file *w, uint32_t len);
int w_fsync(struct model *m, struct w_file *w);
void w_sync_all(struct model *m);
int w_rename(struct model *m, const char *from, const char *to);
int w_mkdir(struct model *m, const char *path);
int w_chmod(struct model *m, const char *path, uint32_t mode);
/* Time passes, and what is unsynced is synced. */
void w_idle(struct model *m);
int w_remove(struct model *m, const char *path);	/* file or directory */
/* Creates or replaces, in small writes, synced. */
int w_put(struct model *m, const char *path, uint32_t len);
