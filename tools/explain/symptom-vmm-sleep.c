// SPDX-License-Identifier: GPL-2.0
/*
 * vCPUs that wait outside KVM_RUN while the VMM sleeps: for a lock of its own, for a
 * disk, or because it is paused or slowed. It takes no CPU time, and is not the guest's wish.
 */
#include <stdlib.h>

#include "base/util.h"
#include "explain/cause.h"
#include "explain/vmm-wait.h"
#include "model/proc.h"

/* A signal ends KVM_RUN for a pause; and a VMM may serve HLT by sleeping. */
static const struct reasons kicks = { {
	"EXTERNAL_INTERRUPT", "PREEMPTION_TIMER", "NMI_WINDOW", "interrupt", "nmi", "smi",
} };
static const struct reasons bus_locks = { { "BUS_LOCK" } };

static double asleep_in(const struct facts *f, const struct reasons *reasons)
{
	return load_of_both(f, reasons).parts[PART_VMM_SLEEP];
}

/* The histogram has a bucket for each power of two: those from a millisecond on. */
#define FIRST_LONG_BUCKET	21

static double long_kicks(const struct facts *f)
{
	const struct exit_stats *stats = &f->guest->stats;
	uint64_t count = 0;
	size_t i, bucket;

	for (i = 0; i < stats->num_cells; i++) {
		const struct exit_cell *cell = &stats->cells[i];

		if (!reasons_have(&kicks, cell->key.reason))
			continue;
		for (bucket = FIRST_LONG_BUCKET; bucket < cell->num_buckets; bucket++)
			count += cell->hist[bucket];
	}
	return in_interval(f, count) * NSEC_PER_SEC;
}

/* A pause is one kick: a guest that is kicked again and again, and runs meanwhile, is slowed. */
static bool is_slowed(const struct facts *f)
{
	return is_often(f, long_kicks(f), 2) &&
	       is_often(f, in_interval(f, f->guest->guest.guest_time_ns), 0.01);
}

static bool is_left_out(const struct facts *f, const char *reason)
{
	return reasons_have(&halts, reason) ||
	       (reasons_have(&kicks, reason) && !is_slowed(f));
}

static double asleep(const struct facts *f)
{
	double kicked = is_slowed(f) ? 0 : asleep_in(f, &kicks);

	return asleep_in(f, &all_reasons) - asleep_in(f, &halts) - kicked;
}

/* What it slept in most. */
static const char *main_reason(const struct facts *f)
{
	const struct exit_stats *stats = &f->guest->stats;
	const char *name = "";
	uint64_t most = 0;
	size_t i;

	for (i = 0; i < stats->num_cells; i++) {
		const struct exit_cell *cell = &stats->cells[i];
		uint64_t ns = cell_part_ns(cell, PART_VMM_SLEEP);

		if (ns <= most || is_left_out(f, cell->key.reason))
			continue;
		most = ns;
		name = cell->key.reason;
	}
	return name;
}

static bool waits(const struct facts *f, struct advice *a)
{
	double cpus = asleep(f);

	if (f->guest->hold != HOLD_NONE || !is_often(f, cpus, 0.05))
		return false;
	a->gain = gain_at_most(cpus);
	a->evidence = xasprintf("its vCPUs waited for %.2f s of each second while the VMM slept, most of it in %s",
				cpus, main_reason(f));
	return true;
}

/* Who holds the lock may itself sleep: little CPU time shows nothing. */
static enum answer are_others_busy(const struct facts *f, char **seen)
{
	const struct tally *helpers = &f->guest->beside.helpers;
	double cpus = helpers->is_known ? in_interval(f, helpers->ns) : 0;

	if (!helpers->is_known) {
		*seen = xstrdup("the CPU time of its other threads is not known");
		return ANSWER_UNKNOWN;
	}
	*seen = xasprintf("its other threads worked %.2f s of each second", cpus);
	return cpus >= asleep(f) / 2 ? ANSWER_YES : ANSWER_UNKNOWN;
}

/* As a rule the vCPUs wait for one of them, which is without one CPU at most. */
static enum answer are_others_starved(const struct facts *f, char **seen)
{
	double cpus, awaited = asleep(f) < 1 ? asleep(f) : 1;

	if (!starved_threads(f, &cpus)) {
		*seen = xstrdup("for how long its other threads waited for a CPU is not known");
		return ANSWER_UNKNOWN;
	}
	*seen = xasprintf("in a tenth of a second its other threads waited for %.2f CPUs", cpus);
	return cpus >= awaited / 2 ? ANSWER_YES : cpus < awaited / 10 ? ANSWER_NO : ANSWER_UNKNOWN;
}

static enum answer is_kicked(const struct facts *f, char **seen)
{
	double cpus = is_slowed(f) ? asleep_in(f, &kicks) : 0;

	*seen = xasprintf("%.2f s of it after signals that ended KVM_RUN, %.0f times per second for a millisecond or more",
			  cpus, long_kicks(f));
	return cpus >= asleep(f) / 2 ? ANSWER_YES : ANSWER_NO;
}

/* Where a ring of dirty pages is full, KVM leaves for the VMM after the exit that filled it. */
static enum answer may_be_dirty(const struct facts *f, char **seen)
{
	static const struct reasons faults = { { "EPT_VIOLATION", "npf", "PML_FULL" } };
	double cpus = asleep_in(f, &faults);

	if (cpus < asleep(f) / 2)
		return is_kicked(f, seen);
	*seen = xasprintf("%.2f s of it is for faults", cpus);
	return ANSWER_YES;
}

static enum answer is_traced(const struct facts *f, char **seen)
{
	uint64_t tracer;

	if (proc_read_tracer(f->env->proc_fd, f->guest->guest.pid, &tracer)) {
		*seen = xasprintf("TracerPid in /proc/PID/status cannot be read%s",
				  f->env->past ? ": not recorded" : "");
		return ANSWER_UNKNOWN;
	}
	*seen = tracer ? xasprintf("process %llu traces it", (unsigned long long)tracer) :
			 xstrdup("no process traces it");
	return tracer ? ANSWER_YES : ANSWER_NO;
}

static enum answer are_bus_locks(const struct facts *f, char **seen)
{
	double cpus = asleep_in(f, &bus_locks);

	*seen = xasprintf("%.2f s of it is for bus locks", cpus);
	return cpus >= asleep(f) / 2 ? ANSWER_YES : ANSWER_NO;
}

static enum answer needs_no_disk(const struct facts *f, char **seen)
{
	if (is_kicked(f, seen) == ANSWER_YES)
		return ANSWER_YES;
	free(*seen);
	if (are_bus_locks(f, seen) == ANSWER_YES)
		return ANSWER_YES;
	free(*seen);
	*seen = NULL;
	return ANSWER_NO;
}

/* Such a guest is one thread, and each of its sleeps is about as long as nobody wants anything. */
static enum answer may_await_request(const struct facts *f, char **seen)
{
	const struct reasons longest = reasons_like(main_reason(f));
	struct load load = load_of_both(f, &longest);
	double each = load.rate > 0 ? load.parts[PART_VMM_SLEEP] / load.rate : 0;

	*seen = xasprintf("%llu vCPUs; asleep %.3f s for each %s",
			  (unsigned long long)f->guest->guest.vcpus, each, longest.names[0]);
	return f->guest->guest.vcpus == 1 && each >= 0.1 ? ANSWER_YES : ANSWER_NO;
}

/* A call that waits for nobody's lock: the VMM has neither paused nor slowed the vCPU. */
static enum answer is_in_call(const struct facts *f, char **seen)
{
	enum answer answer = waits_for_reader(f, seen);

	if (answer != ANSWER_NO)
		return answer;
	free(*seen);
	return waits_for_file(f, seen);
}

static char *read_on(const struct facts *f)
{
	const char *target = awaited_reader(f);

	return xasprintf("a reader that keeps up with what the VMM writes%s%s: most often the guest's serial port or the VMM's log, which goes to a pipe or terminal that is not read. Or let it go to a file or nowhere (QEMU -serial file:PATH or null, cloud-hypervisor --serial file=PATH or off), and less output in the guest (quiet)",
			 target ? " to " : "", target ? target : "");
}

#define HOW	"l1tune watch --over 10ms --part vmm_sleep: the stack of the vCPU's thread"

static const struct cause causes[] = {
	{
		"vmm-bus-locks", "bus locks that the VMM limits", "guest and VMM",
		"bus locks slow the whole machine",
		{ { are_bus_locks, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"perf record -e kvm:kvm_exit -p PID: rip says where in the guest",
		"no locked accesses across cache lines or to uncached memory in the guest: perf record -e kvm:kvm_exit -p PID says where (rip); or a higher limit (QEMU -machine bus-lock-ratelimit=N per second, 0 for none)",
	}, {
		"vmm-traced", "a debugger or strace on the VMM", "L1", "none",
		{ { is_traced, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"TracerPid in /proc/PID/status",
		"end the program that traces it (TracerPid in /proc/PID/status), which stops its threads at each system call",
	}, {
		"vmm-console", "output of the VMM that nobody reads", "VMM",
		"output may be lost",
		{ { waits_for_reader, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		HOW ": pipe_write, tty_write", .change_of = read_on,
	}, {
		"vmm-starved", "other threads of the VMM that wait for a CPU", "L1",
		"others lose the CPUs that they get",
		{ { are_others_starved, VERDICT_SHOWN, VERDICT_RULED_OUT },
		  { is_in_call, VERDICT_RULED_OUT, VERDICT_OPEN } },
		"whether the second number in /proc/PID/task/TID/schedstat of its other threads grows: ns without a CPU",
		"CPUs for the VMM's other threads, which serve what its vCPUs wait for: libvirt's emulatorpin and iothreadpin to CPUs that are not busy, KubeVirt's isolateEmulatorThread; no CPU quota for them (virsh schedinfo DOMAIN emulator_quota=-1), or one of the whole VMM that allows for more than its vCPUs",
		gain_of_part,
	}, {
		"vmm-lock", "waiting for the VMM's other threads", "VMM",
		"depends on what they do",
		{ { are_others_busy, VERDICT_SHOWN, VERDICT_OPEN },
		  { is_in_call, VERDICT_RULED_OUT, VERDICT_OPEN } },
		HOW ", and perf top -p PID: what the others do",
		"less work in the thread that the vCPUs wait for (QEMU's main thread holds one lock for all devices): disks in threads of their own (QEMU -object iothread), devices with ioeventfd or vhost, fewer queries of its monitor, no VNC or SPICE",
	}, {
		"vmm-disk", "a disk or network that the VMM waits for", "VMM",
		"depends on the storage",
		/* Who holds a lock may wait for it. */
		{ { waits_for_file, VERDICT_SHOWN, VERDICT_OPEN },
		  { waits_for_reader, VERDICT_RULED_OUT, VERDICT_OPEN },
		  { needs_no_disk, VERDICT_RULED_OUT, VERDICT_OPEN } },
		HOW,
		"I/O that no vCPU waits for: io_uring or threads (QEMU aio=io_uring or threads, with an iothread), and faster storage",
	}, {
		"vmm-slows", "a guest that its VMM slows for a migration", "VMM",
		"the migration may not end",
		{ { may_be_dirty, VERDICT_OPEN, VERDICT_RULED_OUT },
		  { is_in_call, VERDICT_RULED_OUT, VERDICT_OPEN } },
		"QMP query-migrate: cpu-throttle-percentage (auto-converge), dirty-limit-throttle-time-per-round",
		"end the migration, or let it need no such help: more bandwidth, multifd, compression or postcopy instead of auto-converge and dirty-limit",
	}, {
		"vmm-awaits-request", "a VMM that waits for its next request", "not known", "none",
		{ { may_await_request, VERDICT_OPEN, VERDICT_RULED_OUT } },
		HOW ", and what the program that runs the guest does then: sandboxes and functions return from an access, and run on for the next call",
		"nothing: the guest has no work meanwhile",
		gain_not_counted,
	}, {
		"vmm-paused", "a guest that its VMM pauses", "VMM",
		"what pauses it may need to",
		/* A pause in the middle of an access looks the same by its times. */
		{ { is_in_call, VERDICT_RULED_OUT, VERDICT_OPEN } },
		"the VMM's log of pauses: QMP stop and cont, query-status (io-error: its disk is full or gone), snapshots, backups, the end of a migration",
		"fewer or shorter pauses",
	},
};

const struct symptom symptom_vmm_sleep = {
	"vmm-sleep", "vCPUs that wait while the VMM sleeps", CAUSES(causes), waits,
};
