/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Devices: who takes them, failure, power-off order; network and disk registries.
 *
 * SOURCES: tests/host/fake_pv.c kernel/page.c kernel/heap.c kernel/thread.c
 * SOURCES: kernel/event.c kernel/timer.c kernel/clock.c kernel/log.c
 * SOURCES: kernel/console.c kernel/trace.c kernel/panic.c kernel/backtrace.c
 * SOURCES: kernel/symbols.c kernel/watchdog.c kernel/cmdline.c
 * SOURCES: kernel/device.c kernel/lib/fmt.c kernel/arch/x86_64/switch.S
 * SOURCES: kernel/power.c kernel/netdev.c
 * FLAGS: -Wl,-T,tests/host/tables.ld
 */
#include "tests/unit/tap.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/device.h"
#include "kernel/event.h"
#include "kernel/netdev.h"
#include "kernel/power.h"
#include "kernel/thread.h"
#include "tests/host/fake_pv.h"

static char trail[64];

static int probe_picky(struct device *dev)
{
	strcat(trail, "p");
	return strcmp(dev->name, "bad") == 0 ? -EIO : -ENODEV;
}

static int probe_any(struct device *dev)
{
	strcat(trail, "a");
	if (!strcmp(dev->name, "dies"))
		dev_fail(dev, "at once");
	return 0;
}

static void quiesce_any(struct device *dev)
{
	strcat(trail, "q");
	dev_fail(dev, "again, from quiesce");
}

static void shutdown_any(struct device *dev)
{
	(void)dev;
	strcat(trail, "s");
}

static const struct driver drivers[] DRIVER = {
	{ "other", "otherbus", probe_any, NULL, NULL },
	{ "picky", "bus", probe_picky, quiesce_any, NULL },
	{ "any", "bus", probe_any, quiesce_any, shutdown_any },
};

static struct device good = { .bus = "bus", .name = "good" };
static struct device bad = { .bus = "bus", .name = "bad" };
static struct device dies = { .bus = "bus", .name = "dies" };
static struct device alien = { .bus = "nobus", .name = "alien" };

static void test_probe(void)
{
	device_announce(&good);
	ok(!strcmp(trail, "pa") && good.driver == &drivers[2] &&
	   good.state == DEV_LIVE, "the first driver of the bus that takes it");
	device_announce(&bad);
	ok(bad.state == DEV_FAILED && !bad.driver, "an error ends the search");
	device_announce(&alien);
	ok(alien.state == DEV_NEW && !alien.driver, "a device that nobody knows");
	trail[0] = 0;
	device_announce(&dies);
	ok(dies.state == DEV_FAILED && !strcmp(trail, "paq"),
	   "failed while probing stays failed");
}

static void test_fail(void)
{
	struct device twin = good;

	trail[0] = 0;
	fake_pv_output_clear();
	list_init(&twin.all);
	dev_fail(&twin, "used index too far");
	dev_fail(&twin, "another reason");
	ok(fake_pv_output_has("good: failed: used index too far") &&
	   !fake_pv_output_has("another"), "logged once, with name and reason");
	ok(!strcmp(trail, "q") && twin.state == DEV_FAILED &&
	   !strcmp(twin.fail_reason, "used index too far"), "quiesced once");
}

static int hooks_ran;

static int term_hook(enum power_kind kind)
{
	hooks_ran += kind == POWER_OFF;
	return hooks_ran;
}

static int lost;			/* what the sync says */

static int sync_hook(void)
{
	strcat(trail, "v");
	sched_yield_cpu();	/* blocks, as a sync does */
	return lost;
}

/* Runs in forked children. */
static void test_power_lost(void)
{
	static const int cases[][3] = { { 0, 0, 0 }, { 0, -5, POWER_LOST },
					{ 7, -5, 7 } };

	for (unsigned i = 0; i < 3; i++) {
		static struct power_exit_hook e = { sync_hook, NULL };
		int pid = fake_pv_fork(), status;

		if (pid == 0) {
			power_add_exit_hook(&e);
			lost = cases[i][1];
			status = FAKE_PV_EXIT_OF(power_exit(cases[i][0]));
			_exit(status != cases[i][2]);
		}
		ok(fake_pv_child_ok(pid), "exit(%d), a sync that says %d: the "
		   "status is %d", cases[i][0], cases[i][1], cases[i][2]);
	}
}

/* Runs in a forked child: a request is remembered for ever. */
static void power_child(int requests, nsec_t end)
{
	int pid = fake_pv_fork(), status;

	if (pid == 0) {
		for (int i = 0; i < requests; i++)
			power_request(POWER_OFF);
		status = FAKE_PV_EXIT_OF(thread_sleep_until(NSEC_NEVER));
		_exit(status || clock_now() != end);
	}
	ok(fake_pv_child_ok(pid), "%d requests: off at once", requests);
}

/* The program ends, its volumes are being synced: a request changes nothing. */
static int slow_sync(void)
{
	power_request(POWER_OFF);
	thread_sleep_until(clock_now() + NSEC_PER_SEC);
	strcat(trail, "s");
	return 0;
}

static void test_power_while_exiting(void)
{
	static struct power_exit_hook e = { slow_sync, NULL };
	int pid = fake_pv_fork(), status;

	if (pid == 0) {
		trail[0] = 0;
		power_add_exit_hook(&e);
		status = FAKE_PV_EXIT_OF(power_exit(7));
		_exit(status != 7 || !strchr(trail, 's'));
	}
	ok(fake_pv_child_ok(pid), "a request does not cut short an exit under way");
}

static void test_power(void)
{
	static struct power_hook h = { term_hook, NULL };
	static struct power_exit_hook e = { sync_hook, NULL };
	nsec_t start = clock_now();

	power_child(1, start);
	power_add_hook(&h);
	power_child(2, start);
	power_add_exit_hook(&e);
	trail[0] = 0;
	power_request(POWER_OFF);
	ok(hooks_ran == 1, "the hook is told");
	ok(FAKE_PV_EXIT_OF(thread_sleep_until(NSEC_NEVER)) == 0 &&
	   clock_now() == start + POWER_GRACE_NS, "off when the grace period ends");
	ok(!strcmp(trail, "vs"), "volumes first, then devices: %s", trail);
}

static void test_netdev(void)
{
	static struct netdev a, b;

	ok(!netdev_next(NULL), "none");
	netdev_register(&a);
	netdev_register(&b);
	ok(!strcmp(a.name, "net0") && !strcmp(b.name, "net1") &&
	   netdev_next(NULL) == &a && netdev_next(&a) == &b && !netdev_next(&b),
	   "names and order of registration");
}

int main(void)
{
	fake_pv_init(4u << 20);
	console_use_platform();
	test_probe();
	test_fail();
	test_netdev();
	test_power_while_exiting();
	test_power_lost();
	test_power();
	return done_testing();
}
