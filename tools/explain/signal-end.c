// SPDX-License-Identifier: GPL-2.0
#include <signal.h>
#include <string.h>

#include "base/util.h"
#include "explain/signal-end.h"

#define CRASHED		"the VMM crashed"
#define BACKTRACE	"coredumpctl info shows where it crashed, dmesg and the VMM's own log may too; try a newer version of the VMM"
#define KILLED		"the VMM was killed"
#define WITHOUT_TERMINAL "start it as a service (systemd-run --unit=NAME ...), which has no terminal"
#define KICK		"the VMM itself, by an error: VMMs kick their vCPUs' threads with such a signal, which kills where it has no handler; another process that sent it"
#define NEXT_SENDER	"try a newer version of the VMM; perf trace -e signal:signal_generate names the next sender"
/* The kernel sends these to a process for its own acts; other processes rarely do. */
#define SENT_TOO	"a process that sent the signal (kill)"

/* Which the kernel counts per thread, so the parent itself may still run. */
#define PARENT	"the thread that started it, which ended (PR_SET_PDEATHSIG, bubblewrap's --die-with-parent)"

static const struct signal_end ends[] = {
	{ SIGABRT, "the VMM aborted itself", "high",
	  "the watchdog of its service (systemd's WatchdogSec=), which sends this signal",
	  "the VMM's own log says which of its checks failed (QEMU's \"failed to set MSR\": its CPU model has what this KVM, or L0, lacks: -cpu host, or that feature off), coredumpctl info shows where" },
	{ SIGSEGV, CRASHED, "high", NULL, BACKTRACE },
	{ SIGILL, CRASHED, "high", NULL, BACKTRACE },
	{ SIGFPE, CRASHED, "high", NULL, BACKTRACE },
	{ SIGTRAP, CRASHED, "high", NULL, BACKTRACE },
	{ SIGBUS, CRASHED, "high",
	  "memory without a page to give: a full tmpfs (/dev/shm), no page in hugetlbfs that is free, on a node that it may use, and within its cgroup's limit (hugetlb.2MB.max), a file that was truncated, memory that the hardware reported as broken",
	  "dmesg (memory failure), df of the tmpfs that has its memory, free_hugepages below /sys/devices/system/node, and max in hugetlb.*.events of the VMM's cgroup and those above it" },
	{ SIGSYS, "the VMM made a system call that its seccomp filter forbids", "high", NULL,
	  "dmesg or the audit log: type=1326 (SECCOMP) has the number of the system call; the VMM's own log may have it too" },
	{ SIGPIPE, "the VMM wrote to a pipe or socket that nobody reads any more", "medium", SENT_TOO,
	  "find out why the reader of its output (console, serial port, log) ended before it" },
	{ SIGXFSZ, "the VMM wrote beyond the largest file that it may have (RLIMIT_FSIZE)", "medium", SENT_TOO,
	  "raise the limit: LimitFSIZE= of its service, ulimit -f, or fsize of Firecracker's jailer" },
	{ SIGXCPU, "the VMM used up its CPU time (RLIMIT_CPU, or RLIMIT_RTTIME of a real-time task)", "medium", SENT_TOO,
	  "raise the limit: LimitCPU= or LimitRTTIME= of its service, or ulimit -t" },
	{ SIGKILL, KILLED, "high",
	  "whoever may send it: an administrator, what manages the VM, its container or its cgroup, an OOM killer in user space (systemd-oomd, earlyoom); " PARENT "; the kernel, for a hard limit of CPU time (RLIMIT_CPU, RLIMIT_RTTIME), for memory that the hardware reported as broken, or after an oops in the VMM's thread",
	  "journalctl around that time (systemd-oomd, the manager of the VM); dmesg (memory failure, BUG:); kubectl get events for a pod; perf trace -e signal:signal_generate names the next sender",
	  true },
	{ SIGTERM, KILLED, "high",
	  "whoever may send it: an administrator, what manages the VM, its service, its session (a logout) or its pod (an eviction), an OOM killer in user space (earlyoom); " PARENT,
	  "journalctl around that time (systemd, earlyoom), the log of what manages the VM; kubectl get events for a pod",
	  true },
	{ SIGINT, KILLED, "high", "Ctrl-C in its terminal; another process that sent it", WITHOUT_TERMINAL, true },
	{ SIGQUIT, KILLED, "high", "Ctrl-\\ in its terminal; another process that sent it", WITHOUT_TERMINAL, true },
	{ SIGHUP, KILLED, "high", "its terminal or SSH connection was closed; another process that sent it",
	  WITHOUT_TERMINAL, true },
	{ SIGUSR1, KILLED, "high", KICK, NEXT_SENDER, true },
};

/* VMMs kick their vCPUs' threads out of KVM_RUN by one of these. */
static const struct signal_end real_time = { 0, KILLED, "high", KICK, NEXT_SENDER, true };

static const struct signal_end any = {
	0, KILLED, "high",
	"whoever may send it: an administrator, or what manages the VM, its service or its session",
	"journalctl around that time, and the log of what manages the VM",
	true
};

const struct signal_end *signal_end_of(int number)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ends); i++)
		if (ends[i].number == number)
			return &ends[i];
	return number >= SIGRTMIN ? &real_time : &any;
}

char *signal_name(int number)
{
	const char *abbrev = sigabbrev_np(number);

	if (abbrev)
		return xasprintf("SIG%s", abbrev);
	return number > SIGRTMIN ? xasprintf("SIGRTMIN+%d", number - SIGRTMIN) :
	       number == SIGRTMIN ? xstrdup("SIGRTMIN") : xasprintf("signal %d", number);
}
