// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "base/util.h"
#include "explain/vmm-devices.h"

static const char *next_word(const struct facts *f, const char *word)
{
	const char *end = f->cmdline + f->cmdline_len;

	word = word ? word + strlen(word) + 1 : f->cmdline;
	return word && word < end ? word : NULL;
}

static bool has_text(const struct facts *f, const char *text)
{
	const char *word = NULL;

	while ((word = next_word(f, word)))
		if (strstr(word, text))
			return true;
	return false;
}

bool has_polled_tablet(const struct facts *f)
{
	if (!is_qemu(f))
		return false;
	return vmm_has_option(f, "-usbdevice") ? vmm_has_option(f, "tablet") :
	       has_text(f, "usb-tablet") &&
	       (has_text(f, "uhci") || vmm_has_option(f, "-usb") || !has_text(f, "xhci"));
}

/* "microvm,pit=off", "accel=kvm,type=microvm" */
static bool is_microvm(const char *value)
{
	return begins_with(value, "microvm") || strstr(value, "type=microvm");
}

static bool may_have_hpet(const char *value)
{
	return !is_microvm(value) && !strstr(value, "hpet=off");
}

bool has_hpet(const struct facts *f)
{
	const char *word = NULL, *value;

	if (!is_qemu(f) || vmm_has_option(f, "-no-hpet"))
		return false;
	while ((word = next_word(f, word))) {
		if (strcmp(word, "-machine") && strcmp(word, "-M"))
			continue;
		value = next_word(f, word);
		if (value && !may_have_hpet(value))
			return false;
	}
	return true;
}

static const char *const network_options[] = { "-netdev", "-nic", "-net" };

static bool is_network_option(const char *word)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(network_options); i++)
		if (!strcmp(word, network_options[i]))
			return true;
	return false;
}

/* "user,id=net0", or libvirt's {"type":"user","id":"hostnet0"} */
static bool is_user_network(const char *value)
{
	return !strcmp(value, "user") || begins_with(value, "user,") ||
	       strstr(value, "\"type\":\"user\"");
}

bool has_user_network(const struct facts *f)
{
	bool is_by_default = !vmm_has_option(f, "-nodefaults");
	const char *word = NULL, *value;

	if (!is_qemu(f))
		return false;
	while ((word = next_word(f, word))) {
		if (!is_network_option(word))
			continue;
		is_by_default = false;
		value = next_word(f, word);
		if (value && is_user_network(value))
			return true;
	}
	return is_by_default;
}

bool passes_devices_through(const struct facts *f)
{
	return has_text(f, "vfio") || has_text(f, "/sys/bus/pci/devices/");
}
