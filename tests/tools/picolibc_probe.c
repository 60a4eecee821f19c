/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A freestanding Linux program on top of build/picolibc, for test_picolibc.sh: it supplies what the guest's libc/ must supply
 * and nothing more, so linking it is the list of picolibc's needs, and running it shows that the build options took effect.
 * Glint's own memcpy and malloc are played by counting ones here, which must win over those in libc.a.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SYS_READ = 0, SYS_WRITE = 1, SYS_OPEN = 2, SYS_CLOSE = 3, SYS_LSEEK = 8, SYS_ARCH_PRCTL = 158, SYS_EXIT_GROUP = 231 };

unsigned long __stack_chk_guard = 0x00fe12ab34cd56efUL;
static unsigned int n_memcpy, n_malloc;

static long sys(long nr, long a, long b, long c)
{
	long ret;

	__asm__ volatile("syscall" : "=a"(ret) : "a"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	if (ret < 0) {
		errno = (int)-ret;
		ret = -1;
	}
	return ret;
}

void _exit(int status)
{
	for (;;)
		sys(SYS_EXIT_GROUP, status, 0, 0);
}

void __stack_chk_fail(void) { _exit(99); }
int open(const char *path, int flags, ...) { return (int)sys(SYS_OPEN, (long)path, flags, 0); }
int close(int fd) { return (int)sys(SYS_CLOSE, fd, 0, 0); }
ssize_t read(int fd, void *buf, size_t len) { return sys(SYS_READ, fd, (long)buf, (long)len); }
ssize_t write(int fd, const void *buf, size_t len) { return sys(SYS_WRITE, fd, (long)buf, (long)len); }
off_t lseek(int fd, off_t off, int whence) { return sys(SYS_LSEEK, fd, off, whence); }

static int console_put(char c, FILE *file)
{
	(void)file;
	return write(1, &c, 1) == 1 ? 0 : EOF;
}

static FILE console = FDEV_SETUP_STREAM(console_put, NULL, NULL, _FDEV_SETUP_WRITE);
FILE *const stdin = &console;
FILE *const stdout = &console;
FILE *const stderr = &console;

void *memcpy(void *restrict dst, const void *restrict src, size_t len)
{
	n_memcpy++;
	for (size_t i = 0; i < len; i++)
		((volatile char *)dst)[i] = ((const char *)src)[i];
	return dst;
}

void *malloc(size_t size)
{
	static _Alignas(16) char pool[65536];
	static size_t used;
	void *p = pool + used;

	n_malloc++;
	used += (size + 15) & ~(size_t)15;
	return used <= sizeof(pool) ? p : NULL;
}

/* All of the family, or libc.a's malloc comes in by way of its calloc. */
void free(void *p) { (void)p; }
void *calloc(size_t n, size_t size) { return malloc(n * size); }
void *realloc(void *p, size_t size) { return p == NULL ? malloc(size) : NULL; }

/* The thread's block: .tdata and .tbss end at the thread pointer, whose first word points to itself. */
static void tls_start(void)
{
	extern char __tdata_start[], __tdata_end[], __tls_size[];
	static _Alignas(64) char block[1024];
	char *tp = block + sizeof(block) - 64;

	for (long i = 0; i < __tdata_end - __tdata_start; i++)
		tp[i - (long)__tls_size] = __tdata_start[i];
	*(void **)tp = tp;
	sys(SYS_ARCH_PRCTL, 0x1002, (long)tp, 0);
}

__attribute__((used)) static void probe(void)
{
	char line[64] = "";
	FILE *file;

	tls_start();
	printf("numbers %d %lld %5.2f %zu %x\n", -7, 1LL << 40, 3.14159, sizeof(line), 255u);
	errno = 0;
	file = fopen("/nonexistent", "r");
	printf("missing %d errno %d\n", file == NULL, errno);
	file = fopen("/proc/self/comm", "r");
	if (file != NULL && fread(line, 1, 5, file) == 5)
		printf("file %s\n", line);
	if (file != NULL)
		fclose(file);
	printf("rand %d\n", rand() >= 0);
	mempcpy(line, "copy", 5); /* calls memcpy from within libc.a */
	printf("%s %s\n", line, strdup("x"));
	printf("ours %d %d\n", n_memcpy > 0, n_malloc > 0);
	_exit(0);
}

__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tand $-16, %rsp\n\tcall probe\n");
