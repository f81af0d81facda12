// SPDX-License-Identifier: GPL-2.0
/*
 * What L0 steals of this machine's time, if L0 is KVM or offers its steal clock: a
 * number per CPU in this machine's memory, to which L0 adds how long the CPU was
 * runnable and did not run. It includes neither the work that L0 does for an exit,
 * nor what L0's own hypervisor steals.
 *
 * The clock is per CPU, so what is stolen from a vCPU is what its CPU's clock gains
 * while the vCPU's thread is on that CPU. It is read where the thread comes and goes:
 * when it is scheduled out and in, and when it leaves and enters KVM_RUN. Outside
 * KVM_RUN no hook sees the thread lose its CPU, but the scheduler's count of its waits
 * tells for how long others had the CPU: what the clock gained beyond that was stolen
 * from the thread. If the thread slept or moved to another CPU there, what was stolen
 * meanwhile is not known and does not count. This gives the vCPU's total, to which
 * readers add what the clock has gained since.
 *
 * To divide the total by exit reason, the clock would have to be read at each exit
 * and entry. It is read only at entries after exits longer than L1T_STEAL_SLOW_NS: L0
 * takes a CPU for longer than that, and exit.c separates such exits anyway. What was
 * stolen since the last read may have been stolen before the exit, in the guest, but
 * no more than the time that passed before the exit: what exceeds it is the exit's. So
 * a reason's stolen time is a lower bound. The rest was stolen in the guest, or
 * cannot be attributed, and is in the vCPU's total only.
 *
 * One load of the current CPU's own clock is exact. L0 writes it before it lets the
 * CPU run, never while it runs: the version number is for other CPUs. Reading
 * another CPU's clock is only for display, and a u64 does not tear.
 */
#include <linux/cpuhotplug.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <asm/cpufeature.h>
#include <asm/kvm_para.h>
#include <asm/msr.h>

#include "compat.h"
#include "steal.h"

DEFINE_STATIC_KEY_FALSE(l1t_steal_followed);
DEFINE_PER_CPU(const u64 *, l1t_steal_clock);

/* Used for a CPU that has no clock. */
static const u64 stopped;

static enum l1t_steal_state state __read_mostly = L1T_STEAL_BARE_METAL;
static int cpuhp_state __read_mostly;

/**
 * l1t_steal_take() - add what L0 has stolen since the clock was last read
 * @stolen: of the current thread's vCPU
 * @others_ns: for how long other threads had the CPU meanwhile
 *
 * L0 can have stolen at most @others_ns from other threads: the rest is added to the total.
 * The clock goes back only if this machine was migrated.
 *
 * Context: preemption disabled.
 * Return: what was added, in nanoseconds.
 */
notrace u64 l1t_steal_take(struct l1t_stolen *stolen, u64 others_ns)
{
	u64 clock_ns = l1t_steal_clock_ns(), taken_ns = 0;

	if (stolen->cpu == smp_processor_id() && clock_ns > stolen->mark_ns)
		taken_ns = clock_ns - stolen->mark_ns;
	taken_ns -= min(taken_ns, others_ns);
	stolen->mark_ns = clock_ns;
	stolen->total_ns += taken_ns;
	return taken_ns;
}

/**
 * l1t_stolen_ns() - what L0 has stolen from a vCPU up to now
 * @stolen: a copy, as the vCPU may be running
 * @in_run: a thread is in KVM_RUN with it
 *
 * Return: the time in nanoseconds.
 */
u64 l1t_stolen_ns(const struct l1t_stolen *stolen, bool in_run)
{
	u64 clock_ns;

	if (stolen->cpu < 0 || !in_run)
		return stolen->total_ns;
	clock_ns = READ_ONCE(*per_cpu(l1t_steal_clock, stolen->cpu));
	if (clock_ns <= stolen->mark_ns)
		return stolen->total_ns;
	return stolen->total_ns + clock_ns - stolen->mark_ns;
}

/**
 * l1t_steal_state() - is the steal clock of every CPU known, and if not, why
 *
 * Return: L1T_STEAL_OK, or why it is not known.
 */
enum l1t_steal_state l1t_steal_state(void)
{
	return READ_ONCE(state);
}

/* KVM's leaf comes after that of another hypervisor which it emulates, if any. */
static bool is_offered(void)
{
	u32 base, eax, signature[3];

	for (base = 0x40000000; base < 0x40010000; base += 0x100) {
		cpuid(base, &eax, &signature[0], &signature[1], &signature[2]);
		if (memcmp(signature, "KVMKVMKVM\0\0\0", sizeof(signature)))
			continue;
		return cpuid_eax(base | KVM_CPUID_FEATURES) &
		       BIT(KVM_FEATURE_STEAL_TIME);
	}
	return false;
}

/*
 * The address of this CPU's clock, which this kernel wrote to the MSR; no one else
 * does. The kernel's per-CPU variable there is not exported.
 */
static const u64 *find_clock(void)
{
	const struct kvm_steal_time *st;
	u32 low, high;
	u64 msr;

	if (rdmsr_safe(MSR_KVM_STEAL_TIME, &low, &high))
		return NULL;
	msr = (u64)high << 32 | low;
	if (!(msr & KVM_MSR_ENABLED) || !pfn_valid(PHYS_PFN(msr)))
		return NULL;
	st = __va(msr & KVM_STEAL_VALID_BITS);
	return (const u64 *)&st->steal;
}

/*
 * Runs on a CPU that comes online, before user space can run there. The kernel has
 * set up the clock by then, always at the same address.
 */
static int cpu_came(unsigned int cpu)
{
	const u64 *clock = find_clock();

	if (clock) {
		WRITE_ONCE(per_cpu(l1t_steal_clock, cpu), clock);
	} else if (xchg(&state, L1T_STEAL_NOT_ENABLED) == L1T_STEAL_OK) {
		pr_info("CPU %u has no steal clock, though L0 offers it: stolen time is unknown\n",
			cpu);
	}
	return 0;
}

/**
 * l1t_steal_init() - find the clock of each CPU, now or when it comes online
 *
 * Called once, before there are accounts. Without the clock only stolen time is unknown.
 *
 * Context: may sleep.
 */
void l1t_steal_init(void)
{
	int cpu, ret;

	for_each_possible_cpu(cpu)
		per_cpu(l1t_steal_clock, cpu) = &stopped;
	if (!boot_cpu_has(X86_FEATURE_HYPERVISOR))
		return;
	state = L1T_STEAL_NOT_OFFERED;
	if (!is_offered())
		return;
	state = L1T_STEAL_OK;
	ret = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "l1tune/steal:online",
				cpu_came, NULL);
	if (ret < 0) {
		pr_warn("cannot follow CPUs that come up (%pe): stolen time is unknown\n",
			ERR_PTR(ret));
		state = L1T_STEAL_NOT_ENABLED;
		return;
	}
	cpuhp_state = ret;
	if (l1t_steal_state() == L1T_STEAL_OK)
		static_branch_enable(&l1t_steal_followed);
}

/**
 * l1t_steal_exit() - undo l1t_steal_init()
 */
void l1t_steal_exit(void)
{
	if (cpuhp_state)
		cpuhp_remove_state_nocalls(cpuhp_state);
}
