// SPDX-License-Identifier: GPL-2.0
#include "base/util.h"
#include "explain/guest-request.h"

/*
 * ACPI's register of QEMU: the bit that begins a sleep, and which sleep that is. QEMU has
 * it at 0x604, and on i440fx with OVMF or old firmware at 0xb004.
 */
#define SLEEP_MASK	0x3c00
#define SLEEP_OFF	0x2000
#define SLEEP_S3	0x2400
#define SLEEP_S4	0x2800

#define OFF	"the guest switched itself off through ACPI"
#define S3	"the guest suspended itself through ACPI (S3), which does not end it"
#define S4	"the guest hibernated through ACPI (S4)"
#define STATUS	"the guest asked its VMM to exit through isa-debug-exit"

/* Bits of the mask have the value, in an access of the size; 0 is any. */
static const struct {
	uint64_t port, size, mask, value;
	enum guest_request_kind kind;
	const char *text;
} requests[] = {
	{ 0x604, 0, SLEEP_MASK, SLEEP_OFF, REQUEST_OFF, OFF },
	{ 0x604, 0, SLEEP_MASK, SLEEP_S3, REQUEST_SLEEP, S3 },
	{ 0x604, 0, SLEEP_MASK, SLEEP_S4, REQUEST_OFF, S4 },
	{ 0xb004, 0, SLEEP_MASK, SLEEP_OFF, REQUEST_OFF, OFF },
	{ 0xb004, 0, SLEEP_MASK, SLEEP_S3, REQUEST_SLEEP, S3 },
	{ 0xb004, 0, SLEEP_MASK, SLEEP_S4, REQUEST_OFF, S4 },
	/* cloud-hypervisor has a byte, for S5 only. QEMU has its status there, a word. */
	{ 0x600, 1, 0x3c, 0x34, REQUEST_OFF, OFF },
	/* Its other use there. */
	{ 0x600, 1, 0xff, 1, REQUEST_RESET, "the guest asked for a reset through ACPI" },
	{ 0x64, 1, 0xff, 0xfe, REQUEST_RESET, "the guest asked for a reset through the keyboard controller (port 0x64)" },
	{ 0xcf9, 1, 4, 4, REQUEST_RESET, "the guest asked for a reset through port 0xcf9" },
	/* QEMU's pvpanic. */
	{ 0x505, 1, 1, 1, REQUEST_PANIC, "the guest reported a panic through pvpanic" },
	{ 0x505, 1, 2, 2, REQUEST_PANIC, "the guest reported through pvpanic that it panicked and started its crash kernel" },
	{ 0x505, 1, 4, 4, REQUEST_OFF, "the guest switched itself off through pvpanic" },
	/* Where QEMU has it by default, and where most use it. */
	{ 0x501, 0, 0, 0, REQUEST_STATUS, STATUS },
	{ 0xf4, 0, 0, 0, REQUEST_STATUS, STATUS },
};

static bool is_request(const struct gone_port *port, struct guest_request *request)
{
	size_t i;

	if (!port->is_known || port->is_in)
		return false;
	for (i = 0; i < ARRAY_SIZE(requests); i++)
		if (port->port == requests[i].port &&
		    (!requests[i].size || port->size == requests[i].size) &&
		    (port->value & requests[i].mask) == requests[i].value) {
			*request = (struct guest_request){ requests[i].kind, requests[i].text, port };
			return true;
		}
	return false;
}

bool guest_request_explains(const struct guest_request *request, int status)
{
	switch (request->kind) {
	case REQUEST_OFF:
	case REQUEST_RESET:
		return !status;
	case REQUEST_PANIC:
		return true;
	case REQUEST_STATUS:
		return status == (int)((request->port->value << 1 | 1) & 0xff);
	default:
		return false;
	}
}

/* Other devices may have the port of isa-debug-exit: the VMM's status tells. */
static bool is_sure(const struct gone *gone, const struct guest_request *request)
{
	return request->kind != REQUEST_STATUS ||
	       guest_request_explains(request, gone->vmm_code >> 8);
}

bool guest_request_find(const struct gone *gone, struct guest_request *request)
{
	size_t i;

	for (i = 0; i < gone->num_vcpus; i++)
		if (is_request(&gone->vcpus[i].port, request) && is_sure(gone, request))
			return true;
	return false;
}
