/* SPDX-License-Identifier: BSD-2-Clause
 *
 * diskbench: a guest program that does file work on command, for
 * bench/bench-disk.py. The same sources run on Glint and on Linux.
 *
 * Dialogue on stdin and stdout, one command a line:
 *
 *   host: append /data/f 4096 3000
 *   guest: done				the work is over, clocks may be read
 *   guest: = ops=5123 ns=3000400123 ...	numbers only
 *   guest: h p 180:3 186:40 ...		histograms: microseconds:count
 *
 * A command that fails answers "! what: reason" instead of "=".
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define WORDS_MAX 8

/* ---- samples.c: latencies, and the clock ------------------------------------ */

#define SAMPLE_BUCKETS 512

/* Log-linear: 16 buckets for each doubling of a microsecond's quarter. */
struct samples {
	uint64_t n, max_ns, sum_ns;
	uint32_t bucket[SAMPLE_BUCKETS];
};

uint64_t now_ns(void);
void samples_add(struct samples *s, uint64_t ns);
/* Microseconds below which `per_mille` of the samples lie (a bucket's middle). */
uint64_t samples_us(const struct samples *s, unsigned per_mille);
/* " p50=.. p99=.. max=.." in microseconds, with a prefix for the names. */
void samples_print(const struct samples *s, const char *prefix);
/* A line "h NAME us:count ...". */
void samples_dump(const struct samples *s, const char *name);

/* ---- the answer ---------------------------------------------------------------- */

/* Says "done": called once, as soon as the measured part is over. */
void work_done(void);
/* " name=value". The "= " before the first is the callee's. */
void put(const char *name, uint64_t value);
void put_line_end(void);
/* "! what: strerror(errno)"; returns -1. */
int trouble(const char *what);

/* ---- the work: argv[0] is the command; 0, or -1 after trouble() ----------------- */

int do_append(int argc, char **argv);	/* FILE SIZE MS */
int do_overwrite(int argc, char **argv);	/* FILE SIZE REGION_KIB MS [direct] */
int do_replace(int argc, char **argv);	/* DIR MS */
int do_first(int argc, char **argv);	/* FILE: one small write and its fsync */
int do_write(int argc, char **argv);	/* FILE KIB */
int do_read(int argc, char **argv);	/* FILE */
int do_create(int argc, char **argv);	/* DIR COUNT SIZE MS [fsync] */
int do_list(int argc, char **argv);	/* DIR */
int do_stat(int argc, char **argv);	/* DIR COUNT[:N] MS */
int do_load(int argc, char **argv);	/* DIR COUNT MS: reads all */
int do_remove(int argc, char **argv);	/* DIR COUNT MS */
int do_tidy(int argc, char **argv);	/* DIR, with all in it */

/* ---- what differs: platform_*.c ------------------------------------------------ */

void platform_init(void);
void platform_metrics(void);		/* put() of everything known */
int platform_mount(const char *dev, const char *path);
/* Space for a file without writing it; -1 with errno ENOSYS where unknown. */
int platform_reserve(int fd, uint64_t bytes);
/* Flags for open() that bypass caches, if the platform has such. */
int platform_direct(void);
