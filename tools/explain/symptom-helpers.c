// SPDX-License-Identifier: GPL-2.0
/*
 * CPU time of threads that are no vCPUs: it is in no exit, and not in busy time.
 * KVM's own threads are known by name; the rest is the VMM's.
 */
#include <stdlib.h>

#include "base/util.h"
#include "explain/balloon.h"
#include "explain/busy-threads.h"
#include "explain/cause.h"
#include "explain/vmm-devices.h"

static double cpus_of(const struct facts *f, const struct tally *tally)
{
	return tally->is_known ? in_interval(f, tally->ns) : 0;
}

static double all_helpers(const struct facts *f)
{
	return cpus_of(f, &f->guest->beside.helpers);
}

static double by_kernel(const struct facts *f, enum kvm_thread_kind kind)
{
	return cpus_of(f, &f->guest->beside.kernel[kind]);
}

/* A VMM's I/O takes CPU time and is no fault: only where it is beyond its vCPUs'. */
static bool are_busy(const struct facts *f, struct advice *a)
{
	const struct guest_snapshot *guest = f->guest;
	double cpus = all_helpers(f);
	double vcpus = in_interval(f, add_saturated(guest->guest.guest_time_ns,
						    exits_busy_ns(&guest->stats)));
	char *names;

	if (!is_often(f, cpus, 0.05) ||
	    (cpus < vcpus && !is_often(f, by_kernel(f, KVM_THREAD_PIT), 0.02)))
		return false;
	a->gain = gain_at_most(cpus);
	a->evidence = xasprintf("threads other than vCPUs work %.2f s of each second for it, its vCPUs %.2f s",
				cpus, vcpus);
	names = busiest_threads(f);
	if (names)
		append(&a->evidence, "; the busiest of the VMM's after that: %s", names);
	free(names);
	return true;
}

/* Is this kind half of it, or enough to be worth a change alone? */
static enum answer is_kind(const struct facts *f, enum kvm_thread_kind kind,
			   const char *name, char **seen)
{
	double cpus = by_kernel(f, kind);

	if (!f->guest->beside.kernel[kind].is_known) {
		*seen = xstrdup("which of KVM's threads work for it is not known");
		return ANSWER_UNKNOWN;
	}
	*seen = xasprintf("%s takes %.2f s of each second", name, cpus);
	return cpus >= all_helpers(f) / 2 || cpus >= 0.05 ? ANSWER_YES : ANSWER_NO;
}

static enum answer is_pit(const struct facts *f, char **seen)
{
	return is_kind(f, KVM_THREAD_PIT, "the thread kvm-pit/PID", seen);
}

static enum answer is_vhost(const struct facts *f, char **seen)
{
	return is_kind(f, KVM_THREAD_VHOST, "vhost-PID", seen);
}

static enum answer is_recovery(const struct facts *f, char **seen)
{
	return is_kind(f, KVM_THREAD_NX_RECOVERY,
		       "the thread kvm-nx-lpage-recovery-PID", seen);
}

/* Its command line names candidates; which one it is the profile says. */
static char *look_inside(const struct facts *f)
{
	return xasprintf("perf top -p %llu shows what they do: for disks use io_uring (QEMU aio=io_uring) or vhost-user, for a display none%s%s%s",
			 (unsigned long long)f->guest->guest.pid,
			 has_polled_tablet(f) ? ", for its USB tablet (uhci_frame_timer) QEMU -device qemu-xhci, or virtio-tablet-pci instead" : "",
			 has_hpet(f) ? ", for its HPET (hpet_timer), which ticks whether the guest listens or not, QEMU -machine hpet=off" : "",
			 has_user_network(f) ? ", for its user network (slirp) passt, or a tap device with vhost" : "");
}

/* A thread of KVM's, and the guest's exits for what the thread does. */
static struct gain with_exits(const struct facts *f, enum kvm_thread_kind kind,
			      const struct reasons *reasons)
{
	struct load load = load_of(f, reasons, 2);
	struct gain gain = gain_of(f, load.parts[PART_KERNEL], load.rate);

	gain.high += by_kernel(f, kind);
	return gain_of_part(f, &gain);
}

/* Its interrupts wake the guest, which may set it again for each. */
static struct gain pit_gain(const struct facts *f, const struct gain *all)
{
	static const struct reasons reasons = { {
		"HLT", "hlt", "IO_INSTRUCTION", "io", "EXTERNAL_INTERRUPT",
		"interrupt", "INTERRUPT_WINDOW", "vintr",
	} };

	(void)all;
	return with_exits(f, KVM_THREAD_PIT, &reasons);
}

/* What is merged may be executed, and is split again. */
static struct gain recovery_gain(const struct facts *f, const struct gain *all)
{
	static const struct reasons reasons = { { "EPT_VIOLATION", "npf" } };

	(void)all;
	return with_exits(f, KVM_THREAD_NX_RECOVERY, &reasons);
}

static const struct cause causes[] = {
	{
		"kvm-pit", "the PIT that KVM emulates", "guest and VMM",
		"old guests need it",
		{ { is_pit, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"top -H: kvm-pit/PID",
		"use another timer in the guest: remove noapic, nolapic_timer and the like, which leave it only the PIT; for guests that need no PIT, a machine without it (QEMU -machine q35,pit=off or microvm)",
		pit_gain,
	}, {
		"vhost", "vhost threads", "guest", "none",
		{ { is_vhost, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"top -H: vhost-PID",
		"nothing, if the guest needs so much I/O: vhost does it for its network or disk. Larger packets (MTU, GSO: mrg_rxbuf=on) cost less for the same data",
		gain_not_counted,
	}, {
		"nx-recovery", "merging of pages split for execution", "L1",
		"split pages stay small",
		{ { is_recovery, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"top -H: kvm-nx-lpage-recovery-PID",
		"l1tune tune kvm.nx_huge_pages_recovery_ratio=0, so that split pages stay split",
		recovery_gain,
	}, {
		"balloon-work", "memory that the VMM takes from the guest", "VMM",
		"the host has less free memory",
		{ { loses_memory, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"perf trace -e madvise,fallocate -p PID of the VMM",
		"resize the balloon less often or in smaller steps; no free page reporting (QEMU virtio-balloon,free-page-reporting=off) where memory is not scarce",
		gain_not_counted,
	}, {
		"vmm-threads", "the VMM's own threads", "VMM",
		"depends on what they do; the work of a vhost-user backend, a process of its own, is in no count of l1tune",
		/* No count is of them alone: they remain if the others are ruled out. */
		{ },
		"top -H -p PID", .change_of = look_inside, .gain = gain_not_counted,
	},
};

const struct symptom symptom_helpers = {
	"helpers", "CPU time outside the vCPUs", CAUSES(causes), are_busy,
};
