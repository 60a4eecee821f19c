/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A guest that is killed. It works on /data (and, nearly full, on /full), and
 * says on the console what is safe once it is: test_powercut.py compares that
 * with the image. It begins with what the last cut left, and ends by itself
 * only if that is wrong ("WRONG ...", status 1).
 */
#pragma once

#include <stddef.h>

#define RECORD	  64
#define SMALL_MAX 3000		/* bytes; a small file has 0 .. that by its number */
#define BIG	  24576

/* ---- files.c: content by number, and files that hold it ------------------------ */

_Noreturn void die(const char *what);		/* perror, status 1 */
_Noreturn void wrong(const char *what, long n);
void make_record(char *rec, long n);
/* The whole of a file in one write, then fsync. -1 with errno: ENOSPC only,
 * the file is removed again; else dies. */
int write_synced(const char *path, const char *data, size_t len);
/* Bytes read, at most `len`; -1: there is no such file. */
long read_file(const char *path, char *data, size_t len);
/* Least and greatest number of the files "PREFIX<number>" in a directory; -1: none. */
void number_range(const char *dir, const char *prefix, long *least, long *most);
void fill(char *data, size_t len, long n);	/* the bytes of file n */
size_t small_size(long n);

/* ---- loads.c: each load looks at what is there, then does one step at a time --- */

struct load {
	const char *name;
	void (*begin)(void);
	void (*step)(void);
};
extern const struct load loads[];
extern const unsigned n_loads;
