// SPDX-License-Identifier: GPL-2.0
/* Devices beside /dev/kvm that VMMs use: without one a guest starts slower, or not at all. */
#include <stdlib.h>

#include "base/util.h"
#include "doctor/checks.h"

static const struct {
	const char *device, *module, *what;
} devices[] = {
	{ "net/tun", "tun", "networks of guests by tap" },
	{ "vhost-net", "vhost_net", "networks of guests by tap, without the VMM on the path of each packet" },
	{ "vhost-vsock", "vhost_vsock", "vsock of QEMU and crosvm, which Kata and others need" },
};

void check_devices(struct doctor *doctor)
{
	char *list = xstrdup(""), *commands = xstrdup("modprobe -a");
	size_t i;

	for (i = 0; i < ARRAY_SIZE(devices); i++) {
		if (machine_has(doctor->env->dev, "%s", devices[i].device))
			continue;
		append(&list, "%s%s/%s (%s)", *list ? ", " : "", doctor->env->dev,
		       devices[i].device, devices[i].what);
		append(&commands, " %s", devices[i].module);
	}
	if (*list)
		doctor_add(doctor, "devices", DOCTOR_INFO,
			   xasprintf("missing: %s. Load their modules if your VMMs need them; a container must be started with these devices, as with /dev/kvm",
				     list), xstrdup(commands));
	free(list);
	free(commands);
}
