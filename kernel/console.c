/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See console.h. Until somebody can print, text collects in a ring; the first
 * console (or the platform) gets it all, once.
 */
#include "kernel/console.h"

#include <stdint.h>

#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"
#include "kernel/page.h"
#include "kernel/panic.h"
#include "pv/pv.h"

#define EARLY_SIZE 8192u		/* the lines of a verbose boot */
#define INPUT_SIZE 4096u		/* as console.h says */

static struct console *consoles;
static bool use_platform;
static bool writing;			/* a console's write that logs */
static bool panic_writing;
static char early[EARLY_SIZE];
static size_t early_end;		/* bytes ever put there */
static char *input;			/* one page, from the first input on */
static uint32_t input_prod, input_cons;
static struct wait_queue input_wait = WAIT_QUEUE_INIT(input_wait);
static void (*on_input)(void);
static uint64_t console_input_lost;

static void early_write(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		early[early_end++ % EARLY_SIZE] = text[i];
}

/* Hands what was buffered to `emit` in order, and empties the buffer. */
static void early_replay(struct console *c,
			 void (*emit)(struct console *, const char *, size_t))
{
	size_t lost = early_end > EARLY_SIZE ? early_end - EARLY_SIZE : 0;
	size_t from = lost % EARLY_SIZE, len = early_end - lost;
	char note[48];

	if (lost) {
		int n = fmt_snprintf(note, sizeof(note),
				     "[%zu bytes of early output lost]\n", lost);

		emit(c, note, (size_t)n);
	}
	if (from + len > EARLY_SIZE) {
		emit(c, early + from, EARLY_SIZE - from);
		len -= EARLY_SIZE - from;
		from = 0;
	}
	if (len)
		emit(c, early + from, len);
	early_end = 0;
}

static void platform_emit(struct console *c, const char *text, size_t len)
{
	(void)c;
	pv->puts(text, len);
}

void console_register(struct console *c)
{
	c->next = consoles;
	consoles = c;
	early_replay(c, c->write);
}

void console_unregister(struct console *c)
{
	struct console **p = &consoles;

	while (*p && *p != c)
		p = &(*p)->next;
	if (*p)
		*p = c->next;
	if (!consoles)
		console_use_platform();
}

void console_write(const char *text, size_t len)
{
	/* A console that says why it fails is the last to be asked to print it. */
	if (writing) {
		pv->puts(text, len);
		return;
	}
	writing = true;
	for (struct console *c = consoles; c; c = c->next)
		c->write(c, text, len);
	if (!consoles) {
		if (use_platform)
			pv->puts(text, len);
		else
			early_write(text, len);
	}
	writing = false;
}

void console_panic_write(const char *text, size_t len)
{
	/* Consoles had the early text already if there is one. */
	if (early_end && pv)
		early_replay(NULL, platform_emit);
	if (pv)
		pv->puts(text, len);
	/* One that panics in there never comes back: it is not asked again. */
	if (panic_writing)
		return;
	panic_writing = true;
	for (struct console *c = consoles; c; c = c->next)
		c->panic_write(c, text, len);
	panic_writing = false;
}

void console_use_platform(void)
{
	if (consoles)
		return;
	use_platform = true;
	early_replay(NULL, platform_emit);
}

void console_input(const char *text, size_t len)
{
	size_t i = 0;

	if (!input)
		input = page_alloc(INPUT_SIZE >> PAGE_SHIFT, PAGE_SIZE);
	for (; input && i < len && input_prod - input_cons < INPUT_SIZE; i++)
		input[input_prod++ % INPUT_SIZE] = text[i];
	console_input_lost += len - i;
	if (!i)
		return;
	wait_queue_wake_all(&input_wait);
	if (on_input)
		on_input();
}

void console_on_input(void (*fn)(void))
{
	on_input = fn;
}

size_t console_read(char *buf, size_t len)
{
	size_t n = 0;

	while (n < len && input_cons != input_prod)
		buf[n++] = input[input_cons++ % INPUT_SIZE];
	return n;
}

bool console_readable(void)
{
	return input_cons != input_prod;
}

struct wait_queue *console_read_queue(void)
{
	return &input_wait;
}
