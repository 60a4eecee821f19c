/* SPDX-License-Identifier: BSD-2-Clause
 *
 * glint: one hypervisor for one guest. Read from here: the command line
 * (options.c), what it opens (open.c, net.c), the guest's process (proc/spawn.c),
 * its life and end (watch.c).
 */
#include <linux/auxvec.h>
#include <linux/elf.h>

#include "hv/host.h"
#include "hv/inspect.h"
#include "hv/msg.h"
#include "hv/run.h"
#include "kernel/lib/string.h"

#define HWCAP2_FSGSBASE_BIT 2u

uintptr_t __stack_chk_guard;
void __stack_chk_fail(void);
void host_start(uint64_t *stack, const Elf64_Dyn *dyn);

void __stack_chk_fail(void)
{
	die(EXIT_HOST, "internal error: a stack was overwritten");
}

static uint64_t aux(const uint64_t *auxv, uint64_t type)
{
	for (; auxv[0] != AT_NULL; auxv += 2) {
		if (auxv[0] == type)
			return auxv[1];
	}
	return 0;
}

/* A descriptor 0 to 2 that is closed would be the next file's number. */
static void check_descriptors(void)
{
	for (int fd = 0; fd < 3; fd++) {
		if (SYS(fcntl, fd, F_GETFD, 0, 0, 0, 0) >= 0)
			continue;
		if (SYS(openat, AT_FDCWD, "/dev/null", O_RDWR, 0, 0, 0) != fd)
			sys_exit(EXIT_HOST);
	}
}

static int run(char **argv, const uint64_t *auxv, struct clock_moment began)
{
	static struct run r;

	r.began = began;
	r.fsgsbase = aux(auxv, AT_HWCAP2) & HWCAP2_FSGSBASE_BIT;
	run_parse(&r, argv);
	run_open(&r);
	return run_guest(&r);
}

static int main_(int argc, char **argv, const uint64_t *auxv, struct clock_moment began)
{
	const char *command = argc > 1 ? argv[1] : "";

	if (strcmp(command, "run") == 0)
		return argc > 2 && strcmp(argv[2], "--help") == 0 ? help("run") : run(argv + 2, auxv, began);
	if (strcmp(command, "inspect") == 0) {
		if (argc != 3)
			die(EXIT_USAGE, "usage: glint inspect image.elf");
		return inspect(argv[2]);
	}
	if (strcmp(command, "help") == 0 || strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0)
		return help(argc > 2 ? argv[2] : NULL);
	if (strcmp(command, "--version") == 0) {
		out("glint %s (hv interface version %u)\n", GLINT_VERSION, HV_ABI_VERSION);
		out_flush();
		return 0;
	}
	die(EXIT_USAGE, "%s%s%s: see `glint help`", argc > 1 ? "'" : "a command is missing", command,
	    argc > 1 ? "' is no command of glint" : "");
}

/* The program is linked at 0 and lies somewhere: its pointers are put right
 * before anything uses one (System V ABI x86-64, R_X86_64_RELATIVE). */
static inline void relocate(const Elf64_Dyn *dyn)
{
	extern const char __ehdr_start[] __attribute__((visibility("hidden")));
	uintptr_t base = (uintptr_t)__ehdr_start;
	const Elf64_Rela *rela = NULL;
	uint64_t size = 0;

	for (; dyn->d_tag != DT_NULL; dyn++) {
		if (dyn->d_tag == DT_RELA)
			rela = (const Elf64_Rela *)(base + dyn->d_un.d_ptr);
		if (dyn->d_tag == DT_RELASZ)
			size = dyn->d_un.d_val;
	}
	for (uint64_t i = 0; i < size / sizeof(*rela); i++)
		*(uint64_t *)(base + rela[i].r_offset) = base + (uint64_t)rela[i].r_addend;
}

__attribute__((optimize("no-stack-protector")))
void host_start(uint64_t *stack, const Elf64_Dyn *dyn)
{
	int argc = (int)stack[0];
	char **argv = (char **)(stack + 1);
	const uint64_t *auxv = stack + 1 + argc + 1;
	struct clock_moment began = clock_now_pair();

	relocate(dyn);
	while (*auxv++)
		;			/* the environment */
	memcpy(&__stack_chk_guard, (const void *)aux(auxv, AT_RANDOM), sizeof(__stack_chk_guard));
	check_descriptors();
	sys_exit(main_(argc, argv, auxv, began));
}
