/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Starts the network: lwIP, then every device found by the platform's scan.
 * Nothing waits here: DHCP and router advertisements answer while the
 * application already runs.
 */
#include "net/net_impl.h"

#include "kernel/init.h"
#include "kernel/log.h"
#include "kernel/panic.h"
#include "lwip/init.h"
#include "lwip/nd6.h"
#include "net/pcbhash.h"

void net_assert_failed(const char *file, int line)
{
	assert_failed("lwIP's own check", file, line);
}

int net_start(void)
{
	int err;

	net_mem_init();
	pcbhash_init();
	lwip_init();
	net_config_init();
	net_stats_init();
	err = net_if_attach_all();
	nd6_tmr();			/* the first router solicitation: now */
	net_timers_update();
	return err;
}

static const struct init_hook hook INIT_HOOK(INIT_STACK) = { "net", net_start };
