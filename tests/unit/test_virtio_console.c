/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The console driver: nothing lost while the host reads, bounded and counted
 * loss when it does not, panic's way, input, hostile devices.
 *
 * SOURCES: drivers/virtio/virtq.c drivers/virtio/virtio.c drivers/virtio/virtio_mmio.c drivers/virtio/virtio_pci.c drivers/pci.c
 * SOURCES: drivers/virtio/virtio_console.c kernel/lib/shared.c
 * SOURCES: tests/peer/ring_peer.c tests/peer/virtio_peer.c tests/peer/peer_kernel.c
 * FLAGS: -include tests/peer/mmio_hook.h -Wl,-T,tests/peer/tables.ld
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/virtio/virtio.h"
#include "tests/peer/peer_kernel.h"
#include "tests/peer/virtio_peer.h"
#include "tests/unit/tap.h"

#define RXQ 0
#define TXQ 1

static struct vpeer p;
static char out[400000];
static size_t out_len;
static bool stalled;
static char typed[1000];
static size_t typed_len;

static void work(struct vpeer *d, unsigned q)
{
	struct ring_chain c;

	while (q == TXQ && !stalled && ring_take(&d->ring[q], &c)) {
		if (c.n_out != 1 || c.n_in || out_len + c.out_len > sizeof(out))
			abort();
		memcpy(out + out_len, c.seg[0].base, c.out_len);
		out_len += c.out_len;
		ring_give(&d->ring[q], c.head, c.out_len);
	}
	while (q == RXQ && typed_len && ring_take(&d->ring[q], &c)) {
		uint32_t n = typed_len < c.in_len ? (uint32_t)typed_len : c.in_len;

		memcpy(c.seg[0].base, typed, n);
		memmove(typed, typed + n, typed_len -= n);
		ring_give(&d->ring[q], c.head, n);
	}
}

static void init(enum vpeer_bus bus, uint64_t offers)
{
	vpeer_init(&p, bus, VIRTIO_ID_CONSOLE, offers);
	p.work = work;
	out_len = typed_len = 0;
	stalled = false;
}

static void start(enum vpeer_bus bus, uint64_t offers)
{
	init(bus, offers);
	vpeer_plug(&p);
}

static void type(const char *text)
{
	memcpy(typed, text, typed_len = strlen(text));
	p.kicked[RXQ] = true;
}

static void put(const char *text, size_t len)
{
	pk_con->write(pk_con, text, len);
}

static bool printed(const char *text)
{
	return out_len == strlen(text) && !memcmp(out, text, out_len);
}

static void test_honest(enum vpeer_bus bus, uint64_t offers, bool at_once)
{
	static char big[100000];
	char expect[400];

	init(bus, offers);
	p.inline_work = at_once;
	vpeer_plug(&p);
	ok(pk_con != NULL, "registered, bus %d, event index %d, at once %d", bus,
	   offers & VIRTIO_F_EVENT_IDX ? 1 : 0, at_once);
	put("hello\n", 6);
	pk_settle();
	ok(printed("hello\n"), "a line");
	out_len = 0;
	for (unsigned i = 0; i < 100; i++)
		put("x\n", 2);
	pk_settle();
	ok(out_len == 200, "many small ones: %zu", out_len);
	for (unsigned i = 0; i < sizeof(big); i++)
		big[i] = (char)('a' + i % 23);
	for (unsigned i = 0; i < 30; i++) {
		out_len = 0;
		put(big, 3000 + i);
		pk_settle();
		if (out_len != 3000 + i || memcmp(out, big, out_len))
			break;
	}
	ok(out_len == 3029, "round the ring of bytes");
	if (at_once) {
		out_len = 0;
		put(big, sizeof(big));
		pk_settle();
		ok(out_len == sizeof(big) && !memcmp(out, big, sizeof(big)),
		   "a host that reads loses nothing of 100000 bytes: %zu", out_len);
	}
	type("typed\n");
	pk_settle();
	ok(pk_input_len == 6 && !memcmp(pk_input, "typed\n", 6), "input");
	memset(expect, 'q', 300);
	expect[300] = '\0';
	pk_input_len = 0;
	type(expect);
	pk_settle();
	ok(pk_input_len == 300 && !typed_len && !memcmp(pk_input, expect, 300), "long input");
	out_len = 0;
	p.inline_work = true;
	vpeer_child(&p)->driver->shutdown(vpeer_child(&p));
	put("last words\n", 11);
	ok(printed("last words\n"), "still speaks after shutdown");
}

static void test_stall(uint64_t offers)
{
	char text[1000];
	uint64_t before;

	start(VPEER_MMIO, offers);
	memset(text, '.', sizeof(text));
	stalled = true;
	for (unsigned i = 0; i < 4; i++)
		put(text, sizeof(text));
	before = pk_now;
	put(text, sizeof(text));
	ok(pk_now - before > 9000000 && pk_now - before < 20000000, "waits 10 ms for a host that stands");
	before = pk_now;
	for (unsigned i = 0; i < 1000; i++)
		put(text, sizeof(text));
	ok(pk_now - before < 1000000, "once");
	stalled = false;
	p.kicked[TXQ] = true;
	pk_settle();
	put("again\n", 6);
	pk_settle();
	ok(out_len > 4096, "goes on");
	out[out_len] = '\0';
	ok(strstr(out, "[console: 1000904 bytes lost]\nagain\n") != NULL, "and says what was lost: %s",
	   out + 4096);
	/* a backlog leaves by events alone */
	out_len = 0;
	stalled = true;
	for (unsigned i = 0; i < 40; i++)
		put("0123456789", 10);
	stalled = false;
	p.kicked[TXQ] = true;
	pk_settle();
	ok(out_len == 400, "more writes than the queue has entries: %zu", out_len);
	/* the reader is back when the program ends */
	out_len = 0;
	stalled = true;
	for (unsigned i = 0; i < 8; i++)
		put(text, sizeof(text));
	stalled = false;
	p.kicked[TXQ] = true;
	vpeer_child(&p)->driver->shutdown(vpeer_child(&p));
	out[out_len] = '\0';
	ok(out_len > 4096 && strstr(out + 4096, "bytes lost]\n"),
	   "shutdown sends what waits, and says what was lost: %zu", out_len);
}

static void test_panic(void)
{
	start(VPEER_MMIO, VIRTIO_CONSOLE_F_EMERG_WRITE);
	pk_con->panic_write(pk_con, "boom", 4);
	ok(p.emerg_len == 4 && !memcmp(p.emerg, "boom", 4) && out_len == 0, "emergency write");
	init(VPEER_MMIO, VIRTIO_CONSOLE_F_EMERG_WRITE);
	p.config_len = 8;
	p.mmio.len = 0x108;
	p.inline_work = true;
	vpeer_plug(&p);
	pk_con->panic_write(pk_con, "boom", 4);
	ok(p.emerg_len == 0 && printed("boom"), "offered, but the register is not there");
	init(VPEER_PCI_MSIX, 0);
	p.inline_work = true;
	vpeer_plug(&p);
	pk_con->panic_write(pk_con, "boom", 4);
	ok(printed("boom"), "by the queue");
	start(VPEER_MMIO, 0);
	stalled = true;
	pk_con->panic_write(pk_con, "boom", 4);
	pk_con->panic_write(pk_con, "boom", 4);
	ok(true, "a stuck device does not hold up a panic");
}

static void test_lies(enum vpeer_bus bus)
{
	for (unsigned lie = 0; lie < 5; lie++) {
		struct ring_peer *rx = &p.ring[RXQ], *tx = &p.ring[TXQ];

		start(bus, VIRTIO_F_EVENT_IDX);
		stalled = true;
		put("hello\n", 6);
		put("hello\n", 6);
		pk_settle();
		switch (lie) {
		case 0:
			ring_put(rx, rx->used_idx, 0, 65);
			ring_set_idx(rx, (uint16_t)(rx->used_idx + 1));
			break;
		case 1:
			ring_set_idx(tx, (uint16_t)(tx->used_idx + 3));
			break;
		case 2:
			ring_put(tx, tx->used_idx, 7, 0);
			ring_set_idx(tx, (uint16_t)(tx->used_idx + 1));
			break;
		case 3:
			ring_put(rx, rx->used_idx, 0x10000, 0);
			ring_set_idx(rx, (uint16_t)(rx->used_idx + 1));
			break;
		default:	/* backwards order: allowed, garbles at worst */
			ring_put(tx, tx->used_idx, 1, 0);
			ring_put(tx, (uint16_t)(tx->used_idx + 1), 0, 0);
			ring_set_idx(tx, (uint16_t)(tx->used_idx + 2));
		}
		if (lie == 1 || lie == 2 || lie == 4)
			put("the driver looks\n", 17);
		vpeer_irq(&p, RXQ);
		pk_settle();
		if (lie == 4)
			ok(pk_fails == 0, "completions out of order");
		else
			ok(pk_fails == 1 && !pk_con && p.status == 0 && pk_bound_lines == 0,
			   "fails: %s", pk_fail_reason);
	}
	init(bus, 0);
	p.queue_max = 1;
	vpeer_plug(&p);
	ok(!pk_con && pk_logged("too short"), "queue too short");
	for (unsigned i = 1; i < 12; i++) {
		init(bus, 0);
		pk_alloc_fail_after = i;
		vpeer_plug(&p);
		if (pk_alloc_fail_after)
			break;
		ok(!pk_con && pk_bound_lines == 0, "allocation %u fails", i);
	}
}

int main(void)
{
	for (unsigned bus = VPEER_MMIO; bus <= VPEER_PCI_INTX; bus++) {
		for (unsigned i = 0; i < 4; i++)
			test_honest(bus, i & 1 ? VIRTIO_F_EVENT_IDX : 0, i & 2);
		test_lies(bus);
	}
	test_stall(0);
	test_stall(VIRTIO_F_EVENT_IDX);
	test_panic();
	pk_reset();
	return done_testing();
}
