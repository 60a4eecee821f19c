/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Ending the machine and hearing the host's wish for it. Soft-off and reset
 * are registers that the FADT names (ACPI 6.4, 4.8.3); the power button is a
 * fixed event of the PM1 block or, on a hardware-reduced machine, QEMU's
 * generic event device, whose place follows from the sleep register's.
 *
 * An exit status reaches the host by isa-debug-exit, where the option
 * exit-port names its port: QEMU then exits with status * 2 + 1 (modulo 256).
 * Status 0 always takes the power-off way, so that QEMU exits with 0.
 */
#include "pv/kvm/kvm.h"

#include <errno.h>

#include "kernel/boot_info.h"
#include "kernel/cmdline.h"
#include "kernel/console.h"
#include "kernel/event.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/mmio.h"
#include "kernel/log.h"
#include "kernel/panic.h"
#include "kernel/power.h"
#include "pv/x86/cpu.h"
#include "pv/x86/irq.h"
#include "pv/x86/paging.h"

#define SLEEP_ENABLE_REDUCED	(1u << 5)
#define SLEEP_TYPE_REDUCED	2	/* shift */
#define SLEEP_TYPE_DEFAULT	5	/* QEMU, Cloud Hypervisor */
#define SLEEP_ENABLE_PM1	(1u << 13)
#define SLEEP_TYPE_PM1		10	/* shift */
#define PM1_POWER_BUTTON	(1u << 8)
#define PM1_SCI_ENABLED		(1u << 0)
#define GED_SLEEP_OFFSET	0x200u	/* QEMU: event register at -0x200 */
#define GED_POWER_BUTTON	(1u << 1)
#define GED_IRQ			9
#define I8042_COMMAND		0x64
#define I8042_RESET		0xfe
#define RESET_CONTROL		0xcf9
#define RESET_FULL		6
#define EXIT_PORT_MAX		127
#define OFF_DELAY_TICKS		(1ull << 29)	/* a few 100 ms */

static uint16_t exit_port;
static volatile uint8_t *sleep_register, *reset_register;
static struct event_handler button;

static int parse_exit_port(const char *value, unsigned index)
{
	uint64_t port;
	int error = fmt_parse_u64(value, 0, &port);

	(void)index;
	if (error)
		return error;
	if (!port || port > UINT16_MAX)
		return -ERANGE;
	exit_port = (uint16_t)port;
	return 0;
}

static const struct cmdline_option exit_port_opt CMDLINE_OPTION = {
	"exit-port", "the I/O port of isa-debug-exit, e.g. 0xf4",
	parse_exit_port,
};

static volatile uint8_t *map_register(const struct acpi_register *r)
{
	return r->space == ACPI_MEMORY && r->addr ?
	       paging_map_mmio(r->addr, 1) : NULL;
}

void kvm_power_init(void)
{
	const char *early = cmdline_get("exit-port");

	sleep_register = map_register(&kvm_acpi.sleep);
	reset_register = map_register(&kvm_acpi.reset);
	/* Panics before the options are parsed shall have it too; a wrong value
	 * is reported by the parser's own round. */
	if (early)
		(void)!parse_exit_port(early, 0);
}

static void write_register(const struct acpi_register *r,
			   volatile uint8_t *mapped, uint8_t v)
{
	if (r->space == ACPI_IO && r->addr && r->addr <= UINT16_MAX)
		x86_outb((uint16_t)r->addr, v);
	else if (mapped)
		mmio_write8(mapped, v);
}

static void pm1_off(uint16_t port, uint8_t type)
{
	uint16_t v = x86_inw(port);

	v = (uint16_t)(v & ~(7u << SLEEP_TYPE_PM1));
	x86_outw(port, (uint16_t)(v | (unsigned)type << SLEEP_TYPE_PM1 |
				  SLEEP_ENABLE_PM1));
}

/* QEMU acts on a power register a moment later. */
static void linger(void)
{
	for (uint64_t start = x86_rdtsc(); x86_rdtsc() - start < OFF_DELAY_TICKS;)
		x86_pause();
}

static void NORETURN reset(void)
{
	write_register(&kvm_acpi.reset, reset_register, kvm_acpi.reset_value);
	x86_outb(RESET_CONTROL, RESET_FULL);
	linger();
	x86_outb(I8042_COMMAND, I8042_RESET);
	x86_triple_fault();
}

/* Without power registers a reset ends QEMU -no-reboot and Firecracker. */
static void NORETURN power_off(void)
{
	uint8_t type = kvm_acpi.s5_a ? kvm_acpi.s5_a : SLEEP_TYPE_DEFAULT;

	if (kvm_acpi.hw_reduced && kvm_acpi.sleep.addr) {
		write_register(&kvm_acpi.sleep, sleep_register,
			       (uint8_t)((unsigned)type << SLEEP_TYPE_REDUCED |
					 SLEEP_ENABLE_REDUCED));
		linger();
	} else if (kvm_acpi.pm1a_control) {
		pm1_off(kvm_acpi.pm1a_control, kvm_acpi.s5_a);
		if (kvm_acpi.pm1b_control)
			pm1_off(kvm_acpi.pm1b_control, kvm_acpi.s5_b);
		linger();
	}
	x86_outb(I8042_COMMAND, I8042_RESET);
	x86_triple_fault();
}

void kvm_exit(int status)
{
	char line[32];
	int n;

	kvm_acpi_load();
	if (status == PV_EXIT_REBOOT)
		reset();
	status = status == PV_EXIT_PANIC ? PANIC_EXIT_STATUS : status & 0xff;
	/* The port passes seven bits; the greatest says "read the line". */
	if (exit_port && status && status < EXIT_PORT_MAX)
		x86_outl(exit_port, (uint32_t)status);
	n = fmt_snprintf(line, sizeof(line), "exit status %d\n", status);
	console_panic_write(line, (size_t)n);
	if (exit_port && status)
		x86_outl(exit_port, EXIT_PORT_MAX);
	power_off();
}

static void pm1_event(void *arg)
{
	uint16_t port = kvm_acpi.pm1a_event;
	uint16_t status = x86_inw(port);

	(void)arg;
	x86_outw(port, status);		/* ones clear; else the line stays up */
	if (status & PM1_POWER_BUTTON)
		power_request(POWER_OFF);
}

static void arm_pm1(void)
{
	struct acpi_override sci = acpi_isa_irq(&kvm_acpi,
						(uint8_t)kvm_acpi.sci_irq, true);
	uint16_t enable = (uint16_t)(kvm_acpi.pm1a_event +
				     kvm_acpi.pm1_event_len / 2);

	if (kvm_acpi.smi_cmd && kvm_acpi.acpi_enable &&
	    !(x86_inw(kvm_acpi.pm1a_control) & PM1_SCI_ENABLED))
		x86_outb((uint16_t)kvm_acpi.smi_cmd, kvm_acpi.acpi_enable);
	x86_outw(kvm_acpi.pm1a_event, PM1_POWER_BUTTON);
	x86_outw(enable, PM1_POWER_BUTTON);
	irq_set_trigger(sci.gsi, sci.level, sci.active_low);
	button = (struct event_handler){ .fn = pm1_event, .line = sci.gsi };
	if (event_bind(sci.gsi, &button))
		log_warn(LOG_PV, "no line %u for the power button", sci.gsi);
}

static void ged_event(void *arg)
{
	volatile uint8_t *event = arg;

	if (mmio_read32(event) & GED_POWER_BUTTON)	/* reading clears */
		power_request(POWER_OFF);
}

static void arm_ged(void)
{
	volatile uint8_t *event = paging_map_mmio(kvm_acpi.sleep.addr -
						  GED_SLEEP_OFFSET, 4);

	if (!event)
		return;
	button = (struct event_handler){
		.fn = ged_event,
		.arg = (void *)(uintptr_t)event,
		.line = GED_IRQ,
	};
	if (event_bind(GED_IRQ, &button))
		log_warn(LOG_PV, "no line for the power button");
	/* Pressed before there was anybody to hear the edge? Look once. */
	event_set_pending(GED_IRQ);
}

void kvm_power_button(void)
{
	if (kvm_acpi.hw_reduced) {
		if (kvm_acpi.sleep.space == ACPI_MEMORY &&
		    (kvm_acpi.sleep.addr & 0xfff) == GED_SLEEP_OFFSET)
			arm_ged();
	} else if (kvm_acpi.pm1a_event && kvm_acpi.pm1_event_len >= 4) {
		arm_pm1();
	}
}
