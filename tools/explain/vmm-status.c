// SPDX-License-Identifier: GPL-2.0
#include <signal.h>
#include <string.h>

#include "base/util.h"
#include "explain/vmm-status.h"

#define FIRECRACKER	"firecracker"
#define CROSVM		"crosvm"
#define LIBKRUN		"krun"
#define CONSOLE		"the guest's console shows why"
/* These exit as the first program of the guest did. */
#define OF_PROGRAM	"the guest's first program ended, and the VMM exited with its status"
#define PROGRAMS_LOG	"the program's own output, which is that of the container"

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
	/* libkrun has three of its own. */
	{ LIBKRUN, 125, 0, "libkrun could not set up the guest's first program", "the guest's console shows why" },
	{ LIBKRUN, 126, 0, "the guest's first program cannot be executed", "the image or the command of the container" },
	{ LIBKRUN, 127, 0, "the guest's first program is not there", "the image or the command of the container" },
	{ LIBKRUN, ANY_STATUS, 0, OF_PROGRAM, PROGRAMS_LOG },
	/* gVisor's sandbox, which executes itself as /proc/self/exe. */
	{ "runsc", ANY_STATUS, 0, OF_PROGRAM, PROGRAMS_LOG },
	{ "exe", ANY_STATUS, 0, OF_PROGRAM, PROGRAMS_LOG, true },
};

static bool is_of(const struct vmm_status *meaning, const char *comm)
{
	return meaning->is_whole_name ? !strcmp(comm, meaning->program) :
					begins_with(comm, meaning->program);
}

const struct vmm_status *vmm_status_of(const char *comm, int status)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(statuses); i++)
		if ((statuses[i].status == status || statuses[i].status == ANY_STATUS) &&
		    is_of(&statuses[i], comm))
			return &statuses[i];
	return NULL;
}

const char *vmm_reset_meaning(const char *comm)
{
	static const struct {
		const char *program, *text;
	} meanings[] = {
		{ FIRECRACKER, "a shutdown in order: Firecracker's guests on x86 have no other way to end (reboot, SendCtrlAltDel)" },
		{ LIBKRUN, "the end of the guest's first program, after which libkrun's guests reset themselves" },
		/* As much as a comm has of it. */
		{ "cloud-hyperviso", "a reboot: Cloud Hypervisor starts the guest again in the same process, as a new one (l1tune list)" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(meanings); i++)
		if (begins_with(comm, meanings[i].program))
			return meanings[i].text;
	return NULL;
}
