// SPDX-License-Identifier: GPL-2.0
/* What the signal or the status that a VMM ended with says of why. */
#include <signal.h>
#include <stdlib.h>

#include "base/util.h"
#include "explain/ended-status.h"
#include "explain/signal-end.h"

void ended_explain_signal(int number, struct ended *ended)
{
	const struct signal_end *end = signal_end_of(number);
	char *name = signal_name(number);

	ended_conclude(ended, end->confidence, end->is_sent ? "%s by %s" : "%s (%s)", end->text, name);
	free(name);
	if (end->open)
		sentences_add(&ended->open, "%s", end->open);
	ended->next = end->next;
}

/* As shells count: 128 and the number of the signal that ended a program. */
static void explain_program(const struct vmm_status *known, int status, struct ended *ended)
{
	char *name;

	ended_conclude(ended, "medium", "%s %d", known->text, status);
	ended->next = known->next;
	if (status <= 128 || status >= 128 + NSIG)
		return;
	name = signal_name(status - 128);
	sentences_add(&ended->evidence, "%d is the status of a program that %s ended", status, name);
	free(name);
}

void ended_explain_status(const struct vmm_status *known, int status, struct ended *ended)
{
	char *name;

	if (known->status == ANY_STATUS) {
		explain_program(known, status, ended);
		return;
	}
	if (!known->signal) {
		ended_conclude(ended, "high", "%s", known->text);
		ended->next = known->next;
		return;
	}
	ended_explain_signal(known->signal, ended);
	name = signal_name(known->signal);
	sentences_add(&ended->evidence, "%s exits with this status when it catches %s",
		      known->program, name);
	free(name);
}

/* Of a status that says nothing of why. */
void ended_explain_other_status(int status, struct ended *ended)
{
	if (status) {
		ended_conclude(ended, "medium", "the VMM exited by itself with status %d", status);
		return;
	}
	ended_conclude(ended, "low", "the VMM exited with status 0, as when it is asked to end or its guest is switched off");
	sentences_add(&ended->open, "whoever asked it to end: QEMU and Cloud Hypervisor catch SIGTERM and SIGINT, QEMU also SIGHUP, and then exit so, as after a request on their socket (virsh destroy, qm stop, systemctl stop, a migration that is done, a logout, an eviction of its pod, earlyoom)");
	ended->next = "the VMM's own log: QEMU's has \"terminating on signal\" with the sender's PID, libvirt's (/var/log/libvirt/qemu) \"shutting down, reason=\"; otherwise the log of what manages the VM";
}
