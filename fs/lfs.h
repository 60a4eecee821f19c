/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The littlefs file system: a mounted volume, its nodes and their handles.
 *
 * A node stands for a path that was looked at: a file, a directory, or the
 * knowledge that nothing is there. All descriptors of a file share its node,
 * and the node has one littlefs handle (littlefs handles are snapshots: two of
 * one file would not see each other's writes). Nodes without users stay in a
 * cache, so that looking at a path again costs no littlefs work; so do their
 * handles, in a smaller number.
 *
 * An unlinked file that is still open keeps its handle and loses its name. Its
 * handle is marked dirty, which is how littlefs' allocator knows that blocks
 * are in use that no directory mentions. After a power cut they are free.
 *
 * Attributes on disk, by littlefs' attribute number (docs/storage.md):
 *	0x74 't'  mtime		8 bytes, nanoseconds since 1970, little-endian
 *	0x6d 'm'  mode		4 bytes, 07777 permission bits; absent: 0644, 0755
 *	0x47 'G'  on the root: format version, 4 bytes; absent: 1
 */
#pragma once

#include "fs/fs.h"
#include "fs/lfs_bd.h"
#include "fs/lfs_config.h"
#include "fs/lfs_memo.h"
#include "kernel/heap.h"

#define LFS_ATTR_MTIME	 0x74
#define LFS_ATTR_MODE	 0x6d
#define LFS_ATTR_VERSION 0x47
#define LFS_FORMAT_VERSION 1u

#define LFS_MODE_FILE 0644u
#define LFS_MODE_DIR  0755u
#define LFS_MODE_ABSENT UINT32_MAX
#define LFS_FILE_LIMIT 0x7fffffffu	/* littlefs' greatest file */

/* Directories whose new time is not on the disk yet, at most. */
#define LFS_TOUCHED 16u

enum lfs_kind { LFS_ABSENT, LFS_FILE, LFS_DIR };

/* The way to a position in a file: blocks with their places in it, from the
 * last one down. Good while `erases` is the volume's. */
#define LFS_PATH 24u
struct lfs_path {
	uint32_t erases, n;
	uint32_t index[LFS_PATH], block[LFS_PATH];
};

struct lfs_handle {
	struct list lru;		/* v->handles while the node is idle */
	struct lfs_node *node;
	lfs2_file_t file;
	struct lfs2_file_config cfg;
	struct lfs2_attr attrs[2];	/* mtime, mode: into the node */
	struct lfs_path path;
	uint8_t buf[];			/* cache_size */
};

struct lfs_node {
	struct list hash;		/* unlinked from it: no longer named */
	struct list lru;		/* v->idle while refs == 0 */
	uint32_t hash_val;
	unsigned refs, writers;
	enum lfs_kind kind;
	bool unlinked;
	bool mode_stored;		/* the disk has a mode attribute */
	bool touched;			/* a directory: in v->touched */
	struct bcache_stream ahead;	/* of reading it in sequence */
	uint64_t read_end;		/* where the last read ended */
	int error;			/* sticky: a write was lost */
	uint32_t size;			/* while there is no handle */
	uint32_t mode;
	uint64_t mtime, ino;
	struct lfs_handle *h;		/* LFS_FILE, or NULL */
	char *path;			/* relative to the volume */
	size_t path_len;
};

struct lfs_volume {
	struct vfs_mount m;
	struct lfs_bd bd;
	lfs2_t lfs;
	struct lfs2_config cfg;
	struct list *bucket;
	uint32_t mask;
	struct list idle, handles;	/* longest unused first */
	unsigned n_idle, max_idle, n_handles, max_handles;
	struct list dirs;		/* open directories */
	struct list all;
	bool mounting, consistent, said_full;
	nsec_t unsynced;		/* since when something may be; 0: nothing */
	uint32_t erases;		/* of blocks, so far */
	uint32_t gc_at;			/* allocator's place after the last gc */
	const struct lfs2_attr *new_attrs;	/* of what is being created, or NULL */
	unsigned n_new_attrs;
	struct lfs_memo *memo;		/* fs/lfs_core.c; or NULL */
	bool used_known;		/* used is the number of blocks in use */
	uint32_t used;
	uint32_t changes;		/* of names: open directories look again */
	struct lfs_node *touched[LFS_TOUCHED];
	unsigned n_touched;
};

static inline struct lfs_volume *lfs_of(struct vfs_mount *m)
{
	return container_of(m, struct lfs_volume, m);
}

/* fs/lfs_mount.c: littlefs' number -> -errno, with the message that it
 * deserves. For each call that may have committed something. */
int lfs_result(struct lfs_volume *v, int r, const char *path);
extern struct list lfs_volumes;
void lfs_volume_free(struct lfs_volume *v);

/* fs/lfs_node.c. All with the mount's lock held. */
int lfs_nodes_init(struct lfs_volume *v);
void lfs_nodes_fini(struct lfs_volume *v);
/* The node of a path with a reference, whatever its kind. */
int lfs_node_get(struct lfs_volume *v, const char *path, struct lfs_node **out)
	MUST_CHECK;
/* Only if it is in the cache; no reference. */
struct lfs_node *lfs_node_find(struct lfs_volume *v, const char *path);
void lfs_node_put(struct lfs_volume *v, struct lfs_node *n);
/* Makes sure that a LFS_FILE has its handle. */
int lfs_node_open(struct lfs_volume *v, struct lfs_node *n) MUST_CHECK;
/* Makes the file that an LFS_ABSENT node is missing, with its attributes. */
int lfs_node_create(struct lfs_volume *v, struct lfs_node *n, uint32_t mode)
	MUST_CHECK;
/* What is known about a path is no longer true. The node must be idle. */
void lfs_node_forget(struct lfs_volume *v, const char *path);
/* Takes away the name; the node lives until its last user goes. */
void lfs_node_unname(struct lfs_volume *v, struct lfs_node *n);
/* Every idle node goes (a directory moved). */
void lfs_nodes_purge(struct lfs_volume *v);
/* A directory or file moved: room for the names first (may fail), then the
 * names themselves (cannot). */
int lfs_nodes_prepare_move(struct lfs_volume *v, const char *from,
			   const char *to) MUST_CHECK;
void lfs_nodes_move(struct lfs_volume *v, const char *from, const char *to);
uint64_t lfs_node_size(struct lfs_volume *v, const struct lfs_node *n);

/* fs/lfs_core.c: the open directory goes to the first name that follows `last`
 * in littlefs' order (NULL: to the beginning). littlefs' number. */
int lfs_core_seek_after(lfs2_t *lfs2, lfs2_dir_t *dir, const char *last);
/* Does the disk say that a removal or a rename is done but for the rest, which
 * lfs_may_write() does? */
bool lfs_core_unfinished(const lfs2_t *lfs2);

/* fs/lfs_time.c: a directory's time is the last change of its names. It is
 * kept in the node, and written by sync, by fsync of the directory, at unmount
 * or when LFS_TOUCHED others wait. */
/* A name was made, removed or renamed. */
void lfs_names_changed(struct lfs_volume *v, const char *path);
/* The node's time goes to the disk, or need not any more. */
int lfs_time_write(struct lfs_volume *v, struct lfs_node *n);
void lfs_time_drop(struct lfs_volume *v, struct lfs_node *n);
/* All of them; the first error. */
int lfs_times_write(struct lfs_volume *v);
/* FILE_KEEP_* leaves one as it is. */
int lfs_node_set(struct lfs_volume *v, struct lfs_node *n, uint32_t mode,
		 uint64_t mtime);

/* fs/lfs_file.c */
int lfs_file_open(struct vfs_mount *m, const char *path, unsigned flags,
		  uint32_t mode, struct file **out);
int lfs_node_sync(struct lfs_volume *v, struct lfs_node *n);
/* Before the first change of a mount and of a handle. */
int lfs_may_write(struct lfs_volume *v) MUST_CHECK;
/* Something was written that nobody has synced. */
void lfs_unsynced(struct lfs_volume *v);
/* Called when that becomes true of a volume: fs/lfs_flush.c, or NULL. */
extern void (*lfs_unsynced_hook)(void);
/* Syncs the volumes that have had something unsynced for `after`. When to come
 * again: NSEC_NEVER while nothing is unsynced. Without any lock. */
nsec_t lfs_flush_due(nsec_t now, nsec_t after);

/* fs/lfs_dir.c */
int lfs_dir_open(struct lfs_volume *v, struct lfs_node *n, struct file **out);
extern const struct vfs_ops lfs_ops;
