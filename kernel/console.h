/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Where text goes to and comes from. Output is buffered until the first
 * console registers (or until kmain decides that the platform's own puts must
 * do), then replayed, so that no early line is lost and none comes twice.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "kernel/lib/list.h"
#include "kernel/thread.h"

struct console {
	const char *name;
	/* Queues or sends all of it; may drop when the device is stuck. */
	void (*write)(struct console *c, const char *text, size_t len);
	/* From panic: no lock, no allocation, no waiting for interrupts. */
	void (*panic_write)(struct console *c, const char *text, size_t len);
	struct console *next;
};

void console_register(struct console *c);
void console_unregister(struct console *c);

/* To all consoles; if none: to the buffer, or pv->puts after fallback. */
void console_write(const char *text, size_t len);
/* Panic's way: every console and pv->puts, what was buffered included. */
void console_panic_write(const char *text, size_t len);
/* kmain, after scan: no console came, use pv->puts from here on. */
void console_use_platform(void);

/* Input: drivers feed, readers take. Lost when 4 KiB are unread (counted). */
void console_input(const char *text, size_t len);
size_t console_read(char *buf, size_t len);	/* 0: nothing there */
bool console_readable(void);
struct wait_queue *console_read_queue(void);
/* The one who makes input pollable: called with each input, in event context. */
void console_on_input(void (*fn)(void));
