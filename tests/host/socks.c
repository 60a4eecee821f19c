/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See socks.h.
 */
#include "tests/host/socks.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernel/cmdline.h"
#include "kernel/console.h"
#include "kernel/event.h"
#include "kernel/init.h"
#include "net/net_impl.h"
#include "net/pcbhash.h"

#define UNUSED_LINE 200			/* set pending to say: look again */

struct wire wire0;
struct peer peer0;
extern const struct init_hook __init_hooks_start[], __init_hooks_end[];
static bool pumping;

bool socks_pump(void)
{
	unsigned before = peer0.frames;

	if (pumping || event_running())
		return false;
	pumping = true;
	peer_pump(&peer0);
	pumping = false;
	return peer0.frames != before;
}

void socks_turn(nsec_t deadline)
{
	(void)deadline;
	if (socks_pump())
		event_set_pending(UNUSED_LINE);
}

void socks_start(void)
{
	fake_pv_init(256 << 20);
	console_use_platform();
	wire_init(&wire0, 0);
	peer_init(&peer0, &wire0);
	if (cmdline_init("ip=10.0.0.2/24,gw=10.0.0.1,dns=10.0.0.1 ip=2001:db8::2/64,gw=2001:db8::1 "
			 "hostname=t1") || cmdline_parse_options())
		abort();
	for (const struct init_hook *h = __init_hooks_start; h < __init_hooks_end; h++)
		if (h->fn() != 0)
			abort();
	fake_pv_wait_hook = socks_turn;
	socks_run(3000);
}

void socks_run(unsigned ms)
{
	struct wait_queue q = WAIT_QUEUE_INIT(q);
	nsec_t end = fake_pv_clock + ms * NSEC_PER_MSEC;

	while (fake_pv_clock < end)
		wait_queue_sleep(&q, end);
}

static struct peer_tcp *hi_to;

static void hi_turn(nsec_t deadline)
{
	struct peer_tcp *t = hi_to;

	(void)deadline;
	hi_to = NULL;
	if (t)
		peer_tcp_send(&peer0, t, TCPF_PSH, "hi", 2);
}

void socks_say_hi(struct peer_tcp *t)
{
	hi_to = t;
	fake_pv_wait_hook = hi_turn;
}

/* ---- leaks ---- */
static struct heap_stats mark_net, mark_kernel;
static size_t mark_used;

void socks_mark(void)
{
	heap_stats(HEAP_NET, &mark_net);
	heap_stats(HEAP_KERNEL, &mark_kernel);
	mark_used = net_mem_used();
}

char socks_report[200];

bool socks_clean(void)
{
	struct heap_stats n, k;

	for (int i = 0; i < 300 && pcbhash_count(); i++)
		socks_run(1000);
	socks_run(3000);
	heap_stats(HEAP_NET, &n);
	heap_stats(HEAP_KERNEL, &k);
	snprintf(socks_report, sizeof(socks_report), "net %+lld blocks %+lld bytes, "
		 "kernel %+lld blocks, %zu PCBs, %u buffers, %u bad sums",
		 (long long)(n.live_blocks - mark_net.live_blocks),
		 (long long)(net_mem_used() - mark_used),
		 (long long)(k.live_blocks - mark_kernel.live_blocks),
		 pcbhash_count(), wire0.rx_lent, peer0.bad_checksums);
	return n.live_blocks == mark_net.live_blocks && net_mem_used() == mark_used &&
	       k.live_blocks == mark_kernel.live_blocks && pcbhash_count() == 0 &&
	       wire0.rx_lent == 0 && peer0.bad_checksums == 0;
}

/* ---- short names ---- */
struct sock_addr at(const char *text, uint16_t port)
{
	struct sock_addr a = { .port = port };

	a.family = strchr(text, ':') ? SOCK_IPV6 : SOCK_IPV4;
	if (inet_pton(a.family == SOCK_IPV6 ? AF_INET6 : AF_INET, text, a.addr) != 1)
		abort();
	return a;
}

static struct file *create(enum sock_family fam, enum sock_type type)
{
	struct file *f;

	if (sock_provider->create(fam, type, 0, &f) != 0)
		abort();
	return f;
}

struct file *tcp4(void)
{
	return create(SOCK_IPV4, SOCK_KIND_STREAM);
}

struct file *tcp6(void)
{
	return create(SOCK_IPV6, SOCK_KIND_STREAM);
}

struct file *udp4(void)
{
	return create(SOCK_IPV4, SOCK_KIND_DGRAM);
}

struct file *udp6(void)
{
	return create(SOCK_IPV6, SOCK_KIND_DGRAM);
}

struct file *listener(const char *text, uint16_t port, int backlog)
{
	struct sock_addr a = at(text, port);
	struct file *f = a.family == SOCK_IPV6 ? tcp6() : tcp4();

	if (sock_provider->setopt(f, SOCK_OPT_REUSEADDR, 1) ||
	    sock_provider->bind(f, &a) || sock_provider->listen(f, backlog))
		abort();
	return f;
}

long put(struct file *f, const void *buf, size_t len)
{
	struct file_iov iov = { (void *)(uintptr_t)buf, len };

	return f->ops->writev(f, &iov, 1);
}

long get(struct file *f, void *buf, size_t len)
{
	struct file_iov iov = { buf, len };

	return f->ops->readv(f, &iov, 1);
}

long get_flags(struct file *f, void *buf, size_t len, unsigned flags)
{
	struct file_iov iov = { buf, len };
	struct sock_msg m = { .iov = &iov, .n_iov = 1, .flags = flags };

	return sock_provider->recvmsg(f, &m);
}

int opt(struct file *f, enum sock_opt o)
{
	int v = -9999;

	sock_provider->getopt(f, o, &v);
	return v;
}

struct thread *spawn(void (*fn)(void *), void *arg)
{
	struct thread *t = thread_create("test", fn, arg, 256 << 10);

	if (!t)
		abort();
	return t;
}

struct connector {
	struct file *f;
	struct sock_addr to;
	int err;
};

static void connector(void *arg)
{
	struct connector *c = arg;

	c->err = sock_provider->connect(c->f, &c->to);
}

void pair(struct file **a, struct file **b, uint16_t port)
{
	struct file *l = listener("127.0.0.1", port, 5);
	struct connector c = { tcp4(), at("127.0.0.1", port), 1 };
	struct thread *t = spawn(connector, &c);
	struct sock_addr peer;

	if (sock_provider->accept(l, b, &peer))
		abort();
	thread_join(t);
	if (c.err)
		abort();
	*a = c.f;
	file_put(l);
}
