/* SPDX-License-Identifier: BSD-2-Clause
 *
 * ip=, netN.ip= and hostname=: what is taken, what is refused with a message
 * that names key, value and an example. Each value in a process of its own.
 *
 * SOURCES: net/net.c net/config.c net/dhcp.c net/sack.c net/netif.c net/txq.c net/pcbhash.c net/mem.c
 * SOURCES: net/isn.c net/guard.c net/timers.c net/stats.c net/checksum.c
 * SOURCES: tests/host/lwip_tcp.c tests/host/lwip_tcp_in.c tests/host/lwip_tcp_out.c
 * SOURCES: tests/host/lwip_rest.c tests/host/wire.c tests/host/peer.c
 * SOURCES: tests/host/fake_heap.c tests/host/fake_pv.c kernel/page.c kernel/thread.c
 * SOURCES: kernel/event.c kernel/timer.c kernel/clock.c kernel/log.c kernel/netdev.c
 * SOURCES: kernel/console.c kernel/trace.c kernel/panic.c kernel/backtrace.c
 * SOURCES: kernel/symbols.c kernel/watchdog.c kernel/cmdline.c kernel/metrics.c
 * SOURCES: kernel/device.c kernel/blkdev.c kernel/entropy.c kernel/lib/fmt.c
 * SOURCES: kernel/arch/x86_64/switch.S
 * FLAGS: -isystem third_party/lwip/src/include -isystem net -Wl,-T,tests/host/tables.ld
 */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/cmdline.h"
#include "kernel/console.h"
#include "lwip/netif.h"
#include "net/net_impl.h"
#include "tests/host/fake_pv.h"
#include "tests/host/wire.h"
#include "tests/unit/tap.h"

/* 0: taken, 1: refused with a message, 2: refused without; 3: text missing */
static int outcome(const char *line, const char *text)
{
	static struct wire wire;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		bool good;

		fake_pv_init(16 << 20);
		console_use_platform();
		wire_init(&wire, 0);
		good = cmdline_init(line) == 0 && cmdline_parse_options() == 0;
		if (good && net_start() == 0)
			wire_settle();
		if (!good)
			_exit(fake_pv_output_has("example") ? 1 : 2);
		_exit(text && !fake_pv_output_has(text) ? 3 : 0);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void good(const char *line, const char *text)
{
	ok(outcome(line, text) == 0, "taken: %s", line);
}

static void bad(const char *line)
{
	ok(outcome(line, NULL) == 1, "refused: %s", line);
}

int main(void)
{
	good("", NULL);
	good("ip=dhcp", NULL);
	good("ip=none", "net0: not used");
	good("ip=10.0.0.2/24", "net0: 10.0.0.2/24");
	good("ip=10.0.0.2/24,gw=10.0.0.1,dns=10.0.0.3,dns=10.0.0.4",
	     "net0: 10.0.0.2/24 gateway 10.0.0.1");
	good("ip=dhcp ip=2001:db8::2/64,gw=fe80::1,dns=2001:db8::53", "2001:");
	good("net0.ip=192.168.1.9/16", "net0: 192.168.1.9/16");
	good("net1.ip=10.0.0.2/24", "there is no net1");
	good("hostname=web-1", NULL);
	good("ip=10.0.0.2/32", "net0: 10.0.0.2/32");
	bad("ip=");
	bad("ip=auto");
	bad("ip=10.0.0.2");
	bad("ip=10.0.0/24");
	bad("ip=10.0.0.2/33");
	bad("ip=10.0.0.2/0");
	bad("ip=10.0.0.2/24,");
	bad("ip=10.0.0.2/24,gw=x");
	bad("ip=10.0.0.2/24,gateway=10.0.0.1");
	bad("ip=0x0a000002/24");
	bad("ip=300.0.0.2/24");
	bad("ip=2001:db8::2/48");
	bad("ip=dhcp,gw=10.0.0.1");
	bad("ip=dhcp ip=10.0.0.2/24");
	bad("ip=none ip=dhcp");
	bad("ip=10.0.0.2/24 ip=10.0.0.3/24");
	bad("ip=dhcp,dns=1.1.1.1,dns=1.1.1.1,dns=1.1.1.1,dns=1.1.1.1,dns=1.1.1.1");
	bad("net9.ip=dhcp");
	bad("hostname=a_b");
	bad("ip=10.0.0.2/24,dns=2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff:1111:2222:3333:4444:5555:6666");
	return done_testing();
}
