/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The door from the kernel to what it runs. libc/start.c has it for C
 * programs; a test image may have its own.
 */
#pragma once

/* On the main thread, after all init hooks. What it returns is the exit
 * status of the machine; it may instead call power_exit(). */
int app_start(int argc, char **argv, char **envp);
