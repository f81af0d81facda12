// SPDX-License-Identifier: GPL-2.0
#include "base/util.h"
#include "explain/power-off.h"

/* Where VMMs have ACPI's register for sleeping, and the bit that begins a sleep. */
static const struct {
	uint64_t port, begin;
} registers[] = {
	{ 0x604, 0x2000 },	/* QEMU */
	{ 0xb004, 0x2000 },	/* QEMU with old firmware */
	{ 0x600, 0x20 },	/* cloud-hypervisor */
};

static bool begins_sleep(const struct gone_port *port)
{
	size_t i;

	for (i = 0; port->is_known && !port->is_in && i < ARRAY_SIZE(registers); i++)
		if (port->port == registers[i].port && port->value & registers[i].begin)
			return true;
	return false;
}

const struct gone_port *power_off_port(const struct gone *gone)
{
	size_t i;

	for (i = 0; i < gone->num_vcpus; i++)
		if (begins_sleep(&gone->vcpus[i].port))
			return &gone->vcpus[i].port;
	return NULL;
}
