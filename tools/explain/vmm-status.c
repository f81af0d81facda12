// SPDX-License-Identifier: GPL-2.0
#include <signal.h>

#include "base/util.h"
#include "explain/vmm-status.h"

#define FIRECRACKER	"firecracker"
#define CROSVM		"crosvm"
#define CONSOLE		"the guest's console shows why"

static const struct vmm_status statuses[] = {
	{ FIRECRACKER, 148, SIGSYS },
	{ FIRECRACKER, 149, SIGBUS },
	{ FIRECRACKER, 150, SIGSEGV },
	{ FIRECRACKER, 151, SIGXFSZ },
	{ FIRECRACKER, 152, 0, "Firecracker cannot do what its configuration file asks for",
	  "its own log names the setting" },
	{ FIRECRACKER, 154, SIGXCPU },
	{ FIRECRACKER, 155, SIGPIPE },
	{ FIRECRACKER, 156, SIGHUP },
	{ FIRECRACKER, 157, SIGILL },
	{ CROSVM, 32, 0, "the guest asked for a reset, and crosvm exited", CONSOLE },
	{ CROSVM, 33, 0, "crosvm reported that the guest crashed, and exited", CONSOLE },
	{ CROSVM, 34, 0, "the guest reported a panic, and crosvm exited", CONSOLE },
	{ CROSVM, 35, 0, "crosvm cannot do what its arguments ask for", "its own log names the argument" },
	{ CROSVM, 36, 0, "crosvm's watchdog found a vCPU that did not run, and crosvm exited",
	  "l1tune watch --hang shows what a vCPU waits for; the guest's console shows what it did" },
};

const struct vmm_status *vmm_status_of(const char *comm, int status)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(statuses); i++)
		if (statuses[i].status == status && begins_with(comm, statuses[i].program))
			return &statuses[i];
	return NULL;
}
