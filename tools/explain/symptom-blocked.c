// SPDX-License-Identifier: GPL-2.0
/* Sleep inside KVM that is not a halt: a page that has to come, or a punishment. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "explain/cause.h"
#include "explain/memory-limit.h"
#include "explain/page-wait.h"
#include "model/machine.h"

static const struct reasons exceptions = { { "EXCEPTION_NMI", "AC_excp" } };

/* split_lock_warn() sleeps 10 ms, then runs the lock with one CPU at a time. */
#define SPLIT_LOCK_NS	8000000

static double asleep(const struct facts *f)
{
	return load_of_both(f, &all_reasons).parts[PART_BLOCKED] + halted_for_pages(f);
}

static bool is_blocked(const struct facts *f, struct advice *a)
{
	double cpus = asleep(f);

	if (!is_often(f, cpus, 0.05))
		return false;
	a->gain = gain_at_most(cpus);
	a->evidence = xasprintf("its vCPUs slept in KVM for %.2f s of each second without having executed HLT, %.2f s of it halted by KVM until a page was there (asynchronous page faults)",
				cpus, halted_for_pages(f));
	return true;
}

static enum answer locks_are_split(const struct facts *f, char **seen)
{
	struct load load = load_of_both(f, &exceptions);
	/* Only where is_blocked() is true, so that there is something to divide by. */
	double share = load.parts[PART_BLOCKED] / asleep(f);
	double each = load.rate ? load.parts[PART_BLOCKED] * NSEC_PER_SEC /
				  load.rate : 0;
	char value[16];

	if (machine_file(f->env->proc, value, sizeof(value),
			 "sys/kernel/split_lock_mitigate") && !strcmp(value, "0")) {
		*seen = xstrdup("kernel.split_lock_mitigate is 0");
		return ANSWER_NO;
	}
	*seen = xasprintf("%.0f %% of it is for exceptions, %.1f ms each",
			  100 * share, each / 1e6);
	return share >= 0.5 && each >= SPLIT_LOCK_NS ?
	       ANSWER_YES : ANSWER_NO;
}

static enum answer waits_for_pages(const struct facts *f, char **seen)
{
	double share = asleep_for_pages(f) / asleep(f);

	*seen = xasprintf("%.0f %% of it is for EPT/NPT faults", 100 * share);
	return share >= 0.5 ? ANSWER_YES : ANSWER_NO;
}

/* Above it whoever takes memory sleeps for up to 2 s, more often the further above. */
static enum answer is_above_high(const struct facts *f, char **seen)
{
	char *fullest = NULL;
	double share = 0;

	if (!memory_limit_fullest(f, "memory.high", &fullest, &share)) {
		*seen = xasprintf("memory.high of its cgroups: %s",
				  f->env->past ? "not recorded" :
						 "cannot be read");
		return ANSWER_UNKNOWN;
	}
	*seen = fullest ? fullest : xstrdup("its cgroups have no memory.high");
	/* As it is now: what has just been reclaimed may have been above. */
	return share > 1 ? ANSWER_YES : share < 0.9 ? ANSWER_NO : ANSWER_UNKNOWN;
}

static char *raise_high(const struct facts *f)
{
	char *fullest = NULL, *change;
	double share;

	memory_limit_fullest(f, "memory.high", &fullest, &share);
	change = xasprintf("more memory for its cgroup%s%s (systemctl set-property UNIT MemoryHigh=), so that the guest and its VMM fit; or a smaller guest",
			   fullest ? ": " : "", fullest ? fullest : "");
	free(fullest);
	return change;
}

/* Each fault that sleeps for it is counted once at least. */
static bool are_stalls_few(const struct facts *f)
{
	double most = most_of_machine(f, f->activity.stalls);

	return f->activity.is_memory_known && (!most || most < fewest_asleep(f, 0.5));
}

/* What is looked at may be of others: it can rule out, and not show. */
static enum answer frees_memory(const struct facts *f, char **seen)
{
	double rate = rate_of_machine(f, f->activity.stalls);
	bool is_known = f->activity.is_memory_known;

	*seen = is_known ?
		xasprintf("allocations of this machine freed or moved other pages first %.0f times per second",
			  rate) :
		xstrdup("/proc/vmstat was not read at the interval's beginning");
	return is_at_memory_max(f, seen) == ANSWER_NO && are_stalls_few(f) ?
	       ANSWER_NO : ANSWER_UNKNOWN;
}

static enum answer memory_is(const struct facts *f, bool is,
			     const char *what, char **seen)
{
	int err = memory_of(f)->err;

	*seen = err ? xasprintf("the VMM's smaps cannot be used: %s",
				env_why_not(f->env, err)) :
		      xasprintf("%s%s", is ? "" : "not ", what);
	return err ? ANSWER_UNKNOWN : is ? ANSWER_YES : ANSWER_NO;
}

static enum answer is_watched(const struct facts *f, char **seen)
{
	return memory_is(f, memory_of(f)->is_watched,
			 "registered with a userfaultfd", seen);
}

static enum answer is_swapped(const struct facts *f, char **seen)
{
	return and_then(f, memory_is(f, memory_of(f)->swapped_bytes, "swapped out", seen),
			waits_for_swap, seen);
}

static enum answer is_file(const struct facts *f, char **seen)
{
	uint64_t bytes = memory_of(f)->file_bytes;
	enum answer answer = memory_is(f, bytes, "mapped from a file", seen);

	if (bytes)
		append(seen, " (%llu MB of it)", (unsigned long long)bytes >> 20);
	return and_then(f, answer, waits_for_disk, seen);
}

static char *serve_faster(const struct facts *f)
{
	return serve_pages(f, "serve pages faster: the userfaultfd handler on a CPU of its own, the snapshot in memory, 2M around each missing page. If a vCPU sleeps without end (l1tune list --vcpus), its handler hangs, or has ended while something keeps the userfaultfd open: end the VMM, too");
}

#define OF_FAULTS { waits_for_pages, VERDICT_OPEN, VERDICT_RULED_OUT }

static const struct cause causes[] = {
	{
		"split-lock", "split locks", "guest and L1",
		"without mitigation one guest can slow all others on the bus",
		{ { locks_are_split, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"dmesg | grep 'split lock'",
		"fix the guest's program that locks across cache lines: dmesg names the thread (x86/split lock detection: #AC). If that is not possible: sysctl kernel.split_lock_mitigate=0, or split_lock_detect=off on the kernel's command line",
	}, {
		"memory-high", "a cgroup above its memory.high", "L1",
		"others get less memory",
		{ { is_above_high, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"whether high in memory.events of its cgroup or a parent grows",
		.change_of = raise_high,
	}, {
		"userfaultfd-wait", "waiting for a userfaultfd", "VMM",
		"the pages take memory before they are needed",
		{ { is_watched, VERDICT_SHOWN, VERDICT_RULED_OUT }, OF_FAULTS },
		"um or uw in VmFlags of /proc/PID/smaps",
		.change_of = serve_faster,
	}, {
		"swap-wait", "waiting for swap", "L1", LESS_MEMORY,
		{ { is_swapped, VERDICT_SHOWN, VERDICT_RULED_OUT }, OF_FAULTS },
		"Swap in /proc/PID/smaps",
		KEEP_IN_MEMORY,
	}, {
		"file-wait", "waiting for a file", "VMM",
		"the pages take memory before they are needed",
		{ { is_file, VERDICT_SHOWN, VERDICT_RULED_OUT }, OF_FAULTS },
		"/proc/PID/smaps of the VMM says what its memory is",
		"load the file (a snapshot, or the image of a pmem device or NVDIMM) into the page cache before the guest runs (vmtouch -t FILE), use a faster disk, or read the whole snapshot",
	}, {
		"reclaim-wait", "waiting for memory to be freed", "L1",
		"others get less memory",
		{ { frees_memory, VERDICT_OPEN, VERDICT_RULED_OUT }, OF_FAULTS },
		"some in memory.pressure of its cgroup, or in /proc/pressure/memory",
		"more free memory: fewer or smaller guests, a larger memory.max of its cgroup, and a larger vm.min_free_kbytes or vm.watermark_scale_factor, so that the kernel frees memory before it is needed",
	},
};

const struct symptom symptom_blocked = {
	"blocked", "vCPUs asleep in KVM", CAUSES(causes), is_blocked,
	.how = "l1tune watch --over 1ms --part blocked: the stack of the vCPU's thread. In rwsem_down_read_slowpath it waits for the lock of the VMM's memory map, which others hold: monitors that read smaps, smaps_rollup or numa_maps of the VMM, khugepaged, or the VMM itself (mmap, madvise)",
};
