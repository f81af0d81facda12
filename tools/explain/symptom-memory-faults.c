// SPDX-License-Identifier: GPL-2.0
/*
 * Faults for memory: exits for which KVM maps a page. What a fault is for and
 * how large a page KVM then maps are two questions, and a cure answers one of
 * them: so each cause below is ruled out by what makes its cure useless.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "explain/balloon.h"
#include "explain/cause.h"
#include "explain/fault.h"
#include "explain/feature.h"
#include "explain/page-wait.h"
#include "explain/slot-changes.h"
#include "explain/small-pages.h"
#include "explain/taken-pages.h"
#include "model/machine.h"

static const struct reasons exits = { { "EPT_VIOLATION", "npf", "PML_FULL" } };
static const struct reasons dirty_logs = { { "PML_FULL" } };

#define LARGE_BYTES	(PAGES_PER_LARGE * 4096)

/* To wake another thread and be woken by it takes longer, in seconds. */
#define LEAST_SLEEP	1e-6

static char *pages_text(const struct facts *f)
{
	struct kvm_mapped now, before;
	int err = kvm_counts_mapped(&f->kvm, &now, &before);
	uint64_t huge;
	char *text;

	if (err)
		return xasprintf("the pages that KVM has mapped are not known: %s", kvm_count_why_not(err));
	text = xasprintf("%llu pages of 4K are mapped and %llu of 2M",
			 (unsigned long long)now.small,
			 (unsigned long long)f->kvm.v[KVM_LARGE_PAGES].value);
	if (kvm_count_of(f, KVM_HUGE_PAGES, &huge) && huge)
		append(&text, ", %llu of 1G", (unsigned long long)huge);
	return text;
}

static bool has_faults(const struct facts *f, struct advice *a)
{
	struct load fault = memory_faults(f), log = load_of(f, &dirty_logs, 2);
	char *pages;

	a->gain = gain_of(f, fault.parts[PART_KERNEL] + log.parts[PART_KERNEL],
			  fault.rate + log.rate);
	if (!is_worth_it(f, &a->gain) ||
	    !(is_often(f, fault.rate, 200) || is_often(f, log.rate, 1) ||
	      takes_much(f, fault.parts[PART_KERNEL])))
		return false;
	pages = pages_text(f);
	a->evidence = xasprintf("%.0f EPT/NPT faults per second; they take KVM %.2f s of each second; %s",
				fault.rate, fault.parts[PART_KERNEL], pages);
	free(pages);
	return true;
}

/* ---- What made the fault necessary ---- */

/*
 * A page is mapped already, and only lacked the right to be written or to be accessed.
 * Fresh pages may fault meanwhile; and a few faults are so where vCPUs race for a page.
 */
static enum answer are_on_mapped_pages(const struct facts *f, char **seen)
{
	double rate = memory_faults(f).rate, fast;
	uint64_t count;

	if (!kvm_count_of(f, KVM_FAST_FAULTS, &count)) {
		*seen = xasprintf("pf_fast cannot be read: %s",
				  kvm_count_why_not(f->kvm.v[KVM_FAST_FAULTS].err));
		return ANSWER_UNKNOWN;
	}
	fast = in_interval(f, count) * NSEC_PER_SEC;
	*seen = xasprintf("%.0f of %.0f faults per second were on mapped, write-protected pages (pf_fast)",
			  fast < rate ? fast : rate, rate);
	return fast >= rate / 4 ? ANSWER_YES :
	       fast < rate / 10 ? ANSWER_NO : ANSWER_UNKNOWN;
}

/*
 * By the slots' flags: most of it or nothing. A display is logged, too, and is little of
 * it: then the faults decide, as where the slots cannot be read.
 */
static enum answer are_slots_logged(const struct facts *f, char **seen)
{
	const struct guest_memory *memory = memory_of(f);

	if (!memory->slot_bytes)
		return ANSWER_UNKNOWN;
	*seen = xasprintf("KVM logs writes to %llu of %llu MB of its memory slots",
			  (unsigned long long)memory->logged_bytes >> 20,
			  (unsigned long long)memory->slot_bytes >> 20);
	return !memory->logged_bytes ? ANSWER_NO :
	       memory->logged_bytes >= memory->slot_bytes / 2 ? ANSWER_YES : ANSWER_UNKNOWN;
}

static enum answer is_logged(const struct facts *f, char **seen)
{
	double full = load_of(f, &dirty_logs, 2).rate;
	enum answer answer;
	char *slots = NULL;

	if (full > 0) {
		*seen = xasprintf("the CPU's log of written pages was full %.0f times per second",
				  full);
		return ANSWER_YES;
	}
	answer = are_slots_logged(f, &slots);
	if (answer != ANSWER_UNKNOWN) {
		*seen = slots;
		return answer;
	}
	answer = are_on_mapped_pages(f, seen);
	if (slots)
		append(seen, "; %s", slots);
	free(slots);
	return answer;
}

/*
 * Without these bits KVM takes away accesses to see which pages are used. It may leave
 * them alone though L0 offers them.
 */
static enum answer has_accessed_bits(const struct facts *f, char **seen)
{
	char value[8];

	if (strcmp(f->host->isa, "vmx")) {
		*seen = xstrdup("the CPU's nested page tables have accessed bits");
		return ANSWER_YES;
	}
	if (lacks_feature(f, "ept_ad", "kvm_intel.eptad", seen) == ANSWER_YES)
		return ANSWER_NO;
	free(*seen);
	*seen = NULL;
	if (!machine_file(f->env->sysfs, value, sizeof(value),
			  "class/l1tune/l1/vmx/ept_ad"))
		return ANSWER_UNKNOWN;
	*seen = xasprintf("EPT has %saccessed bits",
			  strcmp(value, "1") ? "no " : "");
	return strcmp(value, "1") ? ANSWER_NO : ANSWER_YES;
}

static enum answer splits_executed_pages(const struct facts *f, char **seen)
{
	char param[64];
	uint64_t splits, small;

	if (machine_file(f->env->sysfs, param, sizeof(param),
			 "module/kvm/parameters/nx_huge_pages") &&
	    (!strcmp(param, "N") || !strcmp(param, "never"))) {
		*seen = xstrdup("kvm.nx_huge_pages is off");
		return ANSWER_NO;
	}
	if (!kvm_count_of(f, KVM_NX_SPLITS, &splits) ||
	    !kvm_count_of(f, KVM_SMALL_PAGES, &small)) {
		*seen = xasprintf("nx_lpage_splits cannot be read: %s",
				  kvm_count_why_not(f->kvm.v[KVM_NX_SPLITS].err));
		return ANSWER_UNKNOWN;
	}
	*seen = xasprintf("%llu large pages are split for execution (nx_lpage_splits)",
			  (unsigned long long)splits);
	/* They explain small pages if most of these can be theirs. */
	return splits && splits * PAGES_PER_LARGE >= small / 2 ? ANSWER_YES :
								 ANSWER_NO;
}

static enum answer is_watched(const struct facts *f, char **seen)
{
	const struct guest_memory *memory = memory_of(f);

	if (!is_memory_known(f, seen))
		return ANSWER_UNKNOWN;
	*seen = xasprintf("%s userfaultfd is registered on the guest's memory",
			  memory->is_watched ? "a" : "no");
	return memory->is_watched ? ANSWER_YES : ANSWER_NO;
}

/* It stays registered when all pages are there; a vCPU sleeps for one that it serves. */
static enum answer is_served_by_page(const struct facts *f, char **seen)
{
	double rate = memory_faults(f).rate;
	double each = rate ? asleep_for_pages(f) / rate : 0;
	enum answer answer = is_watched(f, seen);

	if (answer != ANSWER_YES)
		return answer;
	append(seen, "; vCPUs slept %.1f us for each fault", each * 1e6);
	return each >= LEAST_SLEEP ? ANSWER_YES : ANSWER_UNKNOWN;
}

/* Each fault has added a page to what is mapped. */
static enum answer is_growing(const struct facts *f, char **seen)
{
	struct kvm_mapped now, before;
	int err = kvm_counts_mapped(&f->kvm, &now, &before);
	double rate = memory_faults(f).rate, growth;

	if (err) {
		*seen = xasprintf("pages_4k cannot be read: %s", kvm_count_why_not(err));
		return ANSWER_UNKNOWN;
	}
	growth = in_interval(f, sub_clamped(now.pages, before.pages)) * NSEC_PER_SEC;
	*seen = xasprintf("the mapped pages grow by %.0f per second",
			  growth);
	return growth >= rate / 2 ? ANSWER_YES : ANSWER_NO;
}

/* ---- What changes it ---- */

static char *stop_splitting(const struct facts *f)
{
	char value[96] = "";
	bool is_safe = machine_file(f->env->sysfs, value, sizeof(value),
				    "devices/system/cpu/vulnerabilities/itlb_multihit") &&
		       !strncmp(value, "Not affected", 12);

	return xstrdup(is_safe ?
		       "l1tune tune kvm.nx_huge_pages=N: this CPU is not affected by iTLB multihit" :
		       "l1tune tune kvm.nx_huge_pages_recovery_ratio=0, so that split pages are not merged and split again; nx_huge_pages=N only if all guests are trusted, as this CPU may be affected by iTLB multihit");
}

static char *fill_more(const struct facts *f)
{
	return serve_pages(f, memory_of(f)->mapping.backing == BACKING_HUGETLB ?
			   "fill more before it is missing: the userfaultfd handler copies what the guest will touch next, or loads the snapshot before the guest runs" :
			   "fill more at a time: the userfaultfd handler copies 2M around each missing page, or loads the snapshot before the guest runs; hugetlbfs behind it (Firecracker: huge_pages 2M) turns 512 faults into one");
}

/*
 * Each 2M that the guest uses still takes a fault. It is at least as many small
 * pages apart as are mapped for each 2M of its memory; where that is not known,
 * neither is what is saved. No upper bound: the guest's own accesses and the VMM's work
 * on the memory get faster, too.
 */
static struct gain all_but_one(const struct facts *f, const struct gain *all)
{
	double num_large = (double)f->guest->guest.memory_bytes / LARGE_BYTES;
	struct load fault = memory_faults(f);
	double saved = 0;
	struct gain gain;
	uint64_t small;

	/* Memory that is touched anew again and again may just have been dropped. */
	if (kvm_count_of(f, KVM_SMALL_PAGES, &small) &&
	    small < f->kvm.v[KVM_SMALL_PAGES].before)
		small = f->kvm.v[KVM_SMALL_PAGES].before;
	if (small > num_large)
		saved = 1 - num_large / small;
	if (saved < 0.5)
		return gain_not_counted(f, all);
	gain = gain_of(f, fault.parts[PART_KERNEL] * saved, fault.rate * saved);
	gain.kind = GAIN_AT_LEAST;
	gain.high = gain.low;
	return gain;
}

/* The same, if nearly all small pages are of large ones that were split. */
static struct gain all_splits(const struct facts *f, const struct gain *all)
{
	uint64_t splits, small;

	return kvm_count_of(f, KVM_NX_SPLITS, &splits) &&
	       kvm_count_of(f, KVM_SMALL_PAGES, &small) &&
	       splits * PAGES_PER_LARGE >= small - small / 10 ?
	       all_but_one(f, all) : gain_not_counted(f, all);
}

/*
 * What the log takes was counted, and the faults that are its. At least: the VMM no
 * longer reads it, and KVM no longer flushes TLBs for it.
 */
static struct gain logged_gain(const struct facts *f, const struct gain *all)
{
	struct load log = load_of(f, &dirty_logs, 2);
	struct load fault = memory_faults(f);
	double share = 0;
	struct gain gain;
	uint64_t fast;

	(void)all;
	if (kvm_count_of(f, KVM_FAST_FAULTS, &fast) && fault.rate)
		share = in_interval(f, fast) * NSEC_PER_SEC / fault.rate;
	share = share < 1 ? share : 1;
	gain = gain_of(f, log.parts[PART_KERNEL] + share * fault.parts[PART_KERNEL],
		       log.rate + share * fault.rate);
	gain.kind = GAIN_AT_LEAST;
	gain.high = gain.low;
	return gain;
}

#define RULED_OUT_BY_KVM \
	{ are_for_pages_size, VERDICT_OPEN, VERDICT_RULED_OUT }, \
	{ is_logged, VERDICT_RULED_OUT, VERDICT_OPEN }, \
	{ splits_executed_pages, VERDICT_RULED_OUT, VERDICT_OPEN }, \
	{ is_mapped_small, VERDICT_OPEN, VERDICT_RULED_OUT }

/* No setting helps where the VMM's addresses do not fit. */
#define RULED_OUT_BY_SMALL_FORCED \
	RULED_OUT_BY_KVM, \
	{ is_misaligned, VERDICT_RULED_OUT, VERDICT_OPEN }

static const struct cause causes[] = {
	{
		"dirty-log", "dirty logging", "VMM",
		"whatever tracks dirty pages loses it",
		{ { is_logged, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"perf record -e kvmmmu:fast_page_fault -p PID, and the VMM's log of migrations and snapshots",
		"end the migration or other dirty tracking (the VMM's dirty rate, a backup, a VGA display, Firecracker's track_dirty_pages); huge pages do not help, as KVM maps logged memory in 4K",
		logged_gain,
	}, {
		"slot-changes", "memory slots that the VMM removes or moves", "VMM",
		"what the VMM maps in the guest's memory has to stay there, or gets slower",
		{ { drops_with_slots, VERDICT_SHOWN, VERDICT_RULED_OUT },
		  { is_growing, VERDICT_RULED_OUT, VERDICT_OPEN } },
		"perf trace -e ioctl -p PID: KVM_SET_USER_MEMORY_REGION",
		"keep memory slots while the guest runs: KVM forgets all mapped pages when one is removed or moved. A display without blob resources (QEMU virtio-gpu blob=off), no PCI device whose BARs the guest moves, no memory that is plugged in and out; from Linux 6.12 on a VMM can let KVM keep those of other slots (KVM_X86_QUIRK_SLOT_ZAP_ALL off)",
		gain_of_part,
	}, {
		"page-aging", "aging of pages without accessed bits", "L1",
		"reclaim knows less about page use",
		{ { has_accessed_bits, VERDICT_RULED_OUT, VERDICT_OPEN },
		  { are_on_mapped_pages, VERDICT_OPEN, VERDICT_RULED_OUT } },
		"l1tune caps: whether L0 offers ept_ad, and KVM uses it (kvm_intel.eptad), which avoids this",
		"less page aging: no DAMON or page_idle on the VMM, lru_gen off (echo 0 > /sys/kernel/mm/lru_gen/enabled), more free memory",
		gain_of_part,
	}, {
		"nx-huge-pages", "large pages split for execution", "L1",
		"without splits a guest can hang a CPU that has iTLB multihit",
		{ { splits_executed_pages, VERDICT_SHOWN, VERDICT_RULED_OUT },
		  { is_logged, VERDICT_RULED_OUT, VERDICT_OPEN } },
		"nx_lpage_splits in /sys/kernel/debug/kvm/PID-FD",
		.change_of = stop_splitting, .gain = all_splits,
	}, {
		"userfaultfd", "a userfaultfd that serves page by page", "VMM",
		"the guest starts later, or takes more memory at once",
		{ { is_served_by_page, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"um or uw in VmFlags of /proc/PID/smaps",
		.change_of = fill_more, .gain = gain_of_part,
	}, {
		"swap", "swapped-out memory", "L1",
		LESS_MEMORY,
		{ { is_swapped, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"perf trace -F all -p PID: major faults of its threads",
		KEEP_IN_MEMORY,
		gain_of_part,
	}, {
		"ksm", "pages merged by KSM", "L1 and VMM", "merged pages take memory again",
		{ { is_merged, VERDICT_SHOWN, VERDICT_RULED_OUT },
		  { is_growing, VERDICT_RULED_OUT, VERDICT_OPEN } },
		"whether cow_ksm in /proc/vmstat or pages_sharing in /sys/kernel/mm/ksm changes",
		"no KSM for this guest: QEMU -machine mem-merge=off, or systemctl disable --now ksmtuned (it switches KSM on again), then echo 0 > /sys/kernel/mm/ksm/run",
		gain_of_part,
	}, {
		"reclaim", "pages that are freed or moved first for each fault", "L1",
		"others get less memory",
		{ { frees_pages_first, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"whether allocstall_ and compact_ grow in /proc/vmstat, and max in memory.events of its cgroup; perf record -g -t TID of a vCPU",
		"more free memory: fewer or smaller guests, a larger memory.max of its cgroup, or a larger vm.min_free_kbytes. If compact_stall grows: echo defer+madvise > /sys/kernel/mm/transparent_hugepage/defrag (defer, if the VMM asks for huge pages itself), or huge pages that are reserved at boot (hugetlbfs)",
		gain_of_part,
	}, {
		"small-pages-misaligned", "memory at addresses that differ modulo 2M", "VMM",
		"none",
		{ { is_misaligned, VERDICT_SHOWN, VERDICT_RULED_OUT },
		  RULED_OUT_BY_KVM },
		"memslots of its directory in /sys/class/l1tune: its columns of guest and VMM addresses",
		"a VMM that maps the guest's memory at an address that agrees with the guest's modulo 2M (it can map 2M more and begin at an aligned address; from Linux 6.7 on mmap aligns large anonymous memory), and start the guest again. Until then KVM maps 4K there, whatever the settings of huge pages say, also for hugetlbfs; then these have to allow them (transparent_hugepage/enabled, hugetlbfs)",
		all_but_one,
	}, {
		"small-pages-vmm", "the VMM refuses huge pages", "VMM",
		"memory is allocated 2M at a time",
		{ { vmm_refuses, VERDICT_SHOWN, VERDICT_RULED_OUT },
		  RULED_OUT_BY_SMALL_FORCED },
		"nh in VmFlags of /proc/PID/smaps, THP_enabled in /proc/PID/status",
		"let the VMM have huge pages: no thp=off or MADV_NOHUGEPAGE for the guest's memory, no PR_SET_THP_DISABLE in what starts it (systemd, a runtime)",
		all_but_one,
	}, {
		"small-pages", "anonymous memory in small pages", "L1 and VMM",
		"memory is allocated 2M at a time",
		{ { anonymous_is_refused, VERDICT_SHOWN, VERDICT_RULED_OUT },
		  { is_watched, VERDICT_RULED_OUT, VERDICT_OPEN },
		  RULED_OUT_BY_SMALL_FORCED },
		"/proc/PID/smaps of the VMM says what its memory is",
		.change_of = allow_anonymous, .gain = all_but_one,
	}, {
		"small-pages-shmem", "shared memory in small pages", "L1 and VMM",
		"memory is allocated 2M at a time, on all kernel-internal tmpfs mounts",
		{ { shmem_is_refused, VERDICT_SHOWN, VERDICT_RULED_OUT },
		  { is_watched, VERDICT_RULED_OUT, VERDICT_OPEN },
		  RULED_OUT_BY_SMALL_FORCED },
		"/proc/PID/smaps of the VMM says what its memory is",
		.change_of = allow_shmem, .gain = all_but_one,
	}, {
		"small-pages-tmpfs", "a file in tmpfs, in small pages", "L1 and VMM",
		"memory is allocated 2M at a time",
		{ { tmpfs_is_refused, VERDICT_SHOWN, VERDICT_RULED_OUT },
		  RULED_OUT_BY_SMALL_FORCED },
		"huge= among the options of its mount in /proc/PID/mountinfo",
		.change_of = allow_tmpfs, .gain = all_but_one,
	}, {
		"small-pages-file", "memory mapped from a file", "VMM",
		"the memory of guests that start from one snapshot is no longer shared",
		{ { is_file, VERDICT_SHOWN, VERDICT_RULED_OUT },
		  RULED_OUT_BY_SMALL_FORCED },
		"/proc/PID/smaps of the VMM says what its memory is",
		.change_of = leave_file, .gain = all_but_one,
	}, {
		"small-pages-guest-memfd", "a guest_memfd, in small pages", "L1",
		"without a guest_memfd this machine can read the guest's memory",
		{ { is_guest_memfd, VERDICT_SHOWN, VERDICT_RULED_OUT },
		  RULED_OUT_BY_SMALL_FORCED },
		"the flag 4 of its slots in memslots of its directory in /sys/class/l1tune",
		"a kernel whose guest_memfd has large pages, where there is one: neither transparent_hugepage nor hugetlbfs applies to it. Or no guest_memfd, if the guest need not be protected from this machine (SEV-SNP, TDX)",
		all_but_one,
	}, {
		"small-pages-scattered", "small pages where large ones are allowed", "L1 and VMM",
		"the guest keeps the memory, used or not",
		{ { is_allowed_in_vain, VERDICT_SHOWN, VERDICT_RULED_OUT },
		  { is_watched, VERDICT_RULED_OUT, VERDICT_OPEN },
		  RULED_OUT_BY_SMALL_FORCED },
		"whether thp_fault_fallback and compact_fail grow in /proc/vmstat",
		.change_of = make_large, .gain = all_but_one,
	}, {
		"balloon", "memory that a balloon takes back", "VMM",
		"the host has less free memory",
		{ { takes_back_memory, VERDICT_OPEN, VERDICT_RULED_OUT },
		  { is_growing, VERDICT_RULED_OUT, VERDICT_OPEN } },
		"perf trace -e madvise,fallocate -p PID of the VMM",
		"a balloon without free page reporting (QEMU virtio-balloon,free-page-reporting=off) that is resized less often, or a guest that frees less",
		gain_of_part,
	}, {
		"numa-balancing", "NUMA balancing", "L1",
		"the guest's memory stays on the node where it is",
		{ { is_balanced, VERDICT_OPEN, VERDICT_RULED_OUT },
		  { maps_pages, VERDICT_OPEN, VERDICT_OPEN },
		  { is_growing, VERDICT_RULED_OUT, VERDICT_OPEN } },
		"sysctl kernel.numa_balancing=0 for a while, and look again",
		"sysctl kernel.numa_balancing=0, with the guest kept on one node (numactl --cpunodebind --membind)",
		gain_of_part,
	}, {
		"migration", "pages moved by compaction", "L1",
		"large allocations fail more often",
		{ { is_migrated, VERDICT_OPEN, VERDICT_RULED_OUT },
		  { maps_pages, VERDICT_OPEN, VERDICT_OPEN },
		  { is_growing, VERDICT_RULED_OUT, VERDICT_OPEN } },
		"perf record -e migrate:mm_migrate_pages -ag",
		"sysctl vm.compaction_proactiveness=0, and more free memory or reserved huge pages, so that fewer pages are moved",
		gain_of_part,
	}, {
		"stuck-faults", "faults that KVM retries without end", "L1",
		"the guest is stopped; a new kernel needs all guests to stop",
		{ { may_retry_for_ever, VERDICT_OPEN, VERDICT_RULED_OUT },
		  { are_begun_again, VERDICT_OPEN, VERDICT_RULED_OUT },
		  { are_on_mapped_pages, VERDICT_RULED_OUT, VERDICT_OPEN },
		  { is_growing, VERDICT_RULED_OUT, VERDICT_OPEN } },
		"perf record -e kvm:kvm_page_fault -t TID of a vCPU: the same address again and again",
		"stop the guest and start it again, or migrate it: KVM's count of invalidations is so large that by a bug before Linux 6.3 it maps no page any more. Then a kernel without the bug (6.3, or 6.1.50 and later); until then fewer invalidations: kernel.numa_balancing=0, no KSM",
		gain_of_part,
	}, {
		"first-touch", "first touch of memory in large pages", "guest",
		"none",
		{ { is_growing, VERDICT_SHOWN, VERDICT_RULED_OUT },
		  { is_mapped_small, VERDICT_RULED_OUT, VERDICT_OPEN } },
		"whether pages_4k and pages_2m in /sys/kernel/debug/kvm/PID-FD grow",
		"nothing: it ends when the guest has touched its memory. To be fast from the start, the guest can touch it as it boots (in Linux init_on_alloc, a pre-touching JVM)",
		gain_not_counted,
	},
};

const struct symptom symptom_memory_faults = {
	"memory-faults", "EPT/NPT faults", CAUSES(causes), has_faults, &exits,
};
