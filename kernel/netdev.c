/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See netdev.h: the registry of network devices.
 */
#include "kernel/netdev.h"

#include "kernel/lib/fmt.h"

static struct list netdevs = LIST_INIT(netdevs);
static unsigned n_netdevs;

int netdev_register(struct netdev *nd)
{
	fmt_snprintf(nd->name, sizeof(nd->name), "net%u", n_netdevs++);
	list_push(&netdevs, &nd->all);
	return 0;
}

struct netdev *netdev_next(struct netdev *after)
{
	struct list *next = after ? after->all.next : netdevs.next;

	return next == &netdevs ? NULL : container_of(next, struct netdev, all);
}

void netdev_attach(struct netdev *nd, const struct netdev_client *client,
		   void *arg)
{
	nd->client_arg = arg;
	nd->client = client;
}
