/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See gdb.h. Whoever reaches the port controls the guest, so it is the local
 * host's only; still nothing that arrives is trusted with our own memory.
 */
#include "hv/gdb.h"

#include <linux/in.h>
#include <linux/tcp.h>

#include "hv/host.h"
#include "hv/msg.h"
#include "kernel/lib/compiler.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"

#define N_REGS64     17u		/* rax ... r15, rip */
#define N_REGS32     7u			/* eflags, cs, ss, ds, es, fs, gs */
#define REGS_LEN     (N_REGS64 * 8 + N_REGS32 * 4)
#define MEM_MAX	     ((GDB_PACKET_MAX - 8) / 2)
#define INTERRUPT    '\x03'

/* gdb's order: GDB, gdb/amd64-tdep.c, which without a description of the target
 * wants no more than these. */
struct gdb_regs {
	uint64_t *r64[N_REGS64];
	uint64_t *r32[N_REGS32];
};

static struct gdb_regs in_order(struct fault_regs *r)
{
	return (struct gdb_regs){
		{ &r->rax, &r->rbx, &r->rcx, &r->rdx, &r->rsi, &r->rdi, &r->rbp, &r->rsp,
		  &r->r8, &r->r9, &r->r10, &r->r11, &r->r12, &r->r13, &r->r14, &r->r15, &r->rip },
		{ &r->rflags, &r->cs, &r->ss, &r->ds, &r->es, &r->fs, &r->gs },
	};
}

void gdb_wait(struct gdb *g, uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = (uint16_t)(port >> 8 | port << 8),
				 .sin_addr = { 0x0100007f } };
	int s = (int)SYS(socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0, 0, 0, 0), one = 1;
	long err = s;

	if (s >= 0) {
		SYS(setsockopt, s, 1 /* SOL_SOCKET */, 2 /* SO_REUSEADDR */, &one, sizeof(one), 0);
		err = SYS(bind, s, &a, sizeof(a), 0, 0, 0);
	}
	if (err >= 0)
		err = SYS(listen, s, 1, 0, 0, 0, 0);
	if (err < 0)
		die(EXIT_HOST, "--gdb %u: %s", port, errno_text(err));
	msg("waiting for gdb: gdb IMAGE.dbg -ex 'target remote :%u'", port);
	g->fd = (int)SYS(accept4, s, 0, 0, SOCK_CLOEXEC, 0, 0);
	sys_close(s);
	if (g->fd < 0)
		die(EXIT_HOST, "--gdb %u: %s", port, errno_text(g->fd));
	SYS(setsockopt, g->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one), 0);
}

/* ---- packets ---- */

static const char digits[] = "0123456789abcdef";

static void send_packet(struct gdb *g, size_t len)
{
	unsigned sum = 0;
	size_t at = 0;

	for (size_t i = 1; i <= len; i++)
		sum += (uint8_t)g->out[i];
	g->out[0] = '$';
	g->out[len + 1] = '#';
	g->out[len + 2] = digits[sum >> 4 & 15];
	g->out[len + 3] = digits[sum & 15];
	while (at < len + 4) {
		long n = sys_write(g->fd, g->out + at, len + 4 - at);

		if (n <= 0 && n != -EINTR)
			return;		/* the next read says that it is gone */
		at += n > 0 ? (size_t)n : 0;
	}
}

static void send_text(struct gdb *g, const char *text)
{
	size_t len = strlen(text);

	memcpy(g->out + 1, text, len);
	send_packet(g, len);
}

static void put_hex(char *to, const void *from, size_t len)
{
	const uint8_t *p = from;

	for (size_t i = 0; i < len; i++) {
		to[2 * i] = digits[p[i] >> 4];
		to[2 * i + 1] = digits[p[i] & 15];
	}
}

static int hex_digit(char c)
{
	const char *p = c ? strchr(digits, c | 32) : NULL;

	return p ? (int)(p - digits) : -1;
}

/* The number of bytes; stops at what is no hexadecimal digit. */
static size_t get_hex(uint8_t *to, size_t max, const char *from)
{
	size_t n = 0;

	while (n < max && hex_digit(from[0]) >= 0 && hex_digit(from[1]) >= 0) {
		to[n++] = (uint8_t)(hex_digit(from[0]) << 4 | hex_digit(from[1]));
		from += 2;
	}
	return n;
}

static uint64_t get_number(const char **p)
{
	uint64_t v = 0;

	while (hex_digit(**p) >= 0)
		v = v << 4 | (uint64_t)hex_digit(*(*p)++);
	return v;
}

/* ---- what gdb asks ---- */

static void send_regs(struct gdb *g)
{
	struct fault_regs regs;
	struct gdb_regs order = in_order(&regs);
	uint8_t raw[REGS_LEN];

	if (!g->target->read_regs(g->id, &regs)) {
		send_text(g, "E01");
		return;
	}
	for (size_t i = 0; i < N_REGS64; i++)
		memcpy(raw + 8 * i, order.r64[i], 8);
	for (size_t i = 0; i < N_REGS32; i++)
		memcpy(raw + 8 * N_REGS64 + 4 * i, order.r32[i], 4);
	put_hex(g->out + 1, raw, sizeof(raw));
	send_packet(g, 2 * sizeof(raw));
}

/* All of them; single ones (P) are refused, because gdb would also set some that
 * are not among these. */
static void set_regs(struct gdb *g, const char *p)
{
	struct fault_regs regs;
	struct gdb_regs order = in_order(&regs);
	uint8_t raw[REGS_LEN];

	if (strlen(p) != 2 * REGS_LEN || get_hex(raw, sizeof(raw), p) != REGS_LEN || !g->target->read_regs(g->id, &regs)) {
		send_text(g, "E01");
		return;
	}
	for (size_t i = 0; i < N_REGS64; i++)
		memcpy(order.r64[i], raw + 8 * i, 8);
	for (size_t i = 0; i < N_REGS32; i++)
		memcpy(order.r32[i], raw + 8 * N_REGS64 + 4 * i, 4);
	send_text(g, g->target->write_regs(g->id, &regs) ? "OK" : "E01");
}

static void send_memory(struct gdb *g, const char *p)
{
	uint8_t raw[MEM_MAX];
	uint64_t addr = get_number(&p), len = *p == ',' ? (p++, get_number(&p)) : 0;

	if (len > MEM_MAX)
		len = MEM_MAX;
	/* A part is an answer, too: gdb reads beyond the end of things. */
	while (len && !g->target->read_mem(g->id, addr, raw, len))
		len = (addr + len - 1) / 4096 > addr / 4096 ? (addr / 4096 + 1) * 4096 - addr : 0;
	if (!len) {
		send_text(g, "E0e");
		return;
	}
	put_hex(g->out + 1, raw, len);
	send_packet(g, 2 * len);
}

static void set_memory(struct gdb *g, const char *p)
{
	uint8_t raw[MEM_MAX];
	uint64_t addr = get_number(&p), len = *p == ',' ? (p++, get_number(&p)) : 0;
	bool good = *p == ':' && len <= MEM_MAX && get_hex(raw, len, p + 1) == len;

	send_text(g, good && (!len || g->target->write_mem(g->id, addr, raw, len)) ? "OK" : "E0e");
}

static bool begins(const char *p, const char *with)
{
	return strncmp(p, with, strlen(with)) == 0;
}

static void query(struct gdb *g, const char *p)
{
	if (begins(p, "qSupported"))
		send_text(g, "PacketSize=ff0;QStartNoAckMode+");
	else if (begins(p, "qAttached"))
		send_text(g, "0");
	else if (strcmp(p, "qC") == 0)
		send_text(g, "QC1");
	else if (strcmp(p, "qfThreadInfo") == 0)
		send_text(g, "m1");
	else if (strcmp(p, "qsThreadInfo") == 0)
		send_text(g, "l");
	else
		send_text(g, "");
}

static void send_stop(struct gdb *g)
{
	char text[16];

	fmt_snprintf(text, sizeof(text), "S%02x", (unsigned)g->signal & 0xff);
	send_text(g, text);
}

/* c, s, and with a signal C, S: gdb passes on what the guest stopped with. */
static enum gdb_wish go_on(struct gdb *g, const char *p)
{
	const char *q = p + 1;

	g->signal = *p == 'C' || *p == 'S' ? (int)(get_number(&q) & 0x7f) : 0;
	g->stopped = false;
	return (*p | 32) == 'c' ? GDB_CONTINUE : GDB_STEP;
}

static enum gdb_wish command(struct gdb *g, const char *p)
{
	switch (*p) {
	case '?':
		g->asked = true;
		send_stop(g);
		break;
	case 'g':
		send_regs(g);
		break;
	case 'G':
		set_regs(g, p + 1);
		break;
	case 'm':
		send_memory(g, p + 1);
		break;
	case 'M':
		set_memory(g, p + 1);
		break;
	case 'c': case 'C': case 's': case 'S':
		return go_on(g, p);
	case 'H': case 'T':
		send_text(g, "OK");
		break;
	case 'D':
		send_text(g, "OK");
		return GDB_LEFT;
	case 'k':
		return GDB_KILL;
	case 'Q':
		send_text(g, strcmp(p, "QStartNoAckMode") == 0 ? "OK" : "");
		g->no_ack |= strcmp(p, "QStartNoAckMode") == 0;
		break;
	default:
		query(g, p);
	}
	return GDB_NOTHING;
}

/* One packet, an interrupt or an acknowledgement from the front of `in`; how
 * many bytes it was, 0: not all there yet. */
static size_t take(struct gdb *g, enum gdb_wish *wish)
{
	char *end = memchr(g->in, '#', g->in_len);

	if (g->in[0] == INTERRUPT && !g->stopped)
		*wish = GDB_INTERRUPT;
	if (g->in[0] != '$')
		return 1;
	if (!end || end + 3 > g->in + g->in_len)
		return 0;
	*end = '\0';
	if (!g->no_ack)
		sys_write(g->fd, "+", 1);
	if (g->stopped)
		*wish = command(g, g->in + 1);
	return (size_t)(end + 3 - g->in);
}

enum gdb_wish gdb_read(struct gdb *g)
{
	enum gdb_wish wish = GDB_NOTHING;
	long n = sys_read(g->fd, g->in + g->in_len, sizeof(g->in) - g->in_len);

	if (n <= 0) {			/* also: a packet that is too long */
		sys_close(g->fd);
		g->fd = -1;
		return GDB_LEFT;
	}
	g->in_len += (size_t)n;
	while (g->in_len && wish == GDB_NOTHING) {
		size_t used = take(g, &wish);

		if (!used)
			break;
		g->in_len -= used;
		memmove(g->in, g->in + used, g->in_len);
	}
	return wish;
}

void gdb_tell_stop(struct gdb *g, int signal)
{
	g->stopped = true;
	g->signal = signal;
	if (g->fd >= 0 && g->asked)
		send_stop(g);
}

void gdb_tell_end(struct gdb *g, int status)
{
	char text[16];

	if (g->fd < 0)
		return;
	fmt_snprintf(text, sizeof(text), "W%02x", (unsigned)status & 0xff);
	send_text(g, text);
	sys_close(g->fd);
	g->fd = -1;
}
