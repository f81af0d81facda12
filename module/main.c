// SPDX-License-Identifier: GPL-2.0
/* Load and unload, and the tables for attach.c. */
#include <linux/module.h>
#include <linux/rcupdate.h>

#include "adopt.h"
#include "attach.h"
#include "caps_read.h"
#include "clock.h"
#include "device.h"
#include "event.h"
#include "exit.h"
#include "fault.h"
#include "find.h"
#include "gone.h"
#include "guest.h"
#include "l3_probe.h"
#include "life.h"
#include "limit.h"
#include "refuse.h"
#include "split.h"
#include "started.h"
#include "steal.h"
#include "symbol.h"
#include "sysfs.h"
#include "sysfs_caps.h"
#include "throttle.h"
#include "vmfail.h"
#include "work.h"

static struct l1t_optional *optional[L1T_REFUSALS + 1 + ARRAY_SIZE(l1t_vmfail)];

static struct l1t_probe probes[] = {
	{ L1T_HOOK_KVM_ENTRY, "kvm_entry", l1t_probe_entry },
	{ L1T_HOOK_KVM_EXIT, "kvm_exit", l1t_probe_exit },
	{ L1T_HOOK_FAULT, "kvm_inj_exception", l1t_probe_fault },
	{ L1T_HOOK_NESTED_FAILED, "kvm_nested_vmenter_failed", l1t_probe_entry_failed },
};

/*
 * Pacing has no hook of its own: it uses those on exits, those on threads that enter and
 * leave KVM_RUN, that which refuses vCPUs without an account unless only an audit paces,
 * and those without which no vCPU is known.
 */
static const enum l1t_hook paced_by[] = {
	L1T_HOOK_RUN, L1T_HOOK_PUT, L1T_HOOK_KVM_EXIT, L1T_HOOK_REFUSE_RUN, L1T_HOOK_VM_FREE,
	L1T_HOOK_VCPU_DESTROY
};

static const struct l1t_combined pace = {
	.hook = L1T_HOOK_THROTTLE,
	.by = paced_by,
	.nr = ARRAY_SIZE(paced_by),
	.need = l1t_throttle_need,
};

static int kvm_came(struct mutex *lock, struct list_head *vms)
{
	int err;

	l1t_life_open();
	err = vms ? l1t_adopt(lock, vms) : -ENOENT;
	/* Those that could not be added are when they get a vCPU or memory. */
	if (err)
		l1t_life_adopted();
	return err;
}

static void kvm_leaves(void)
{
	l1t_life_close(true);
}

static const struct l1t_kvm_hooks kvm_hooks = {
	.observers = &l1t_life_functions,
	.direct = l1t_split_functions,
	.nr_direct = L1T_SPLIT_FUNCTIONS,
	.optional = optional,
	.nr_optional = ARRAY_SIZE(optional),
	.probes = probes,
	.nr_probes = ARRAY_SIZE(probes),
	.combined = &pace,
	.came = kvm_came,
	.leaves = kvm_leaves,
	.changed = l1t_event_effective,
};

static void put_optional_together(void)
{
	unsigned int i;

	for (i = 0; i < L1T_REFUSALS; i++)
		optional[i] = &l1t_refusals[i];
	optional[L1T_REFUSALS] = &l1t_throttle_timer;
	for (i = 0; i < ARRAY_SIZE(l1t_vmfail); i++)
		optional[L1T_REFUSALS + 1 + i] = &l1t_vmfail[i];
}

/*
 * Undoes everything but l1t_attach(), which has been undone or has failed. No VMM can
 * delay what is waited for here, except that Tasks RCU waits for each thread that is ready
 * to run and gets no CPU.
 */
static void stop(void)
{
	l1t_life_exit();
	l1t_guests_stop_reserving();
	l1t_devices_exit();
	l1t_gone_stop();
	l1t_started_stop();
	l1t_sysfs_tenants_exit();
	l1t_guests_wait_freed();
	l1t_guests_exit();
	l1t_sysfs_exit();
	l1t_steal_exit();
	/* A thread may not have returned from a function of ours yet. */
	synchronize_rcu_tasks();
}

static int __init l1tune_init(void)
{
	int err;

	l1t_clock_init();
	l1t_find_init();
	l1t_caps_init();
	l1t_sysfs_caps_init();
	l1t_split_init(l1t_life_vcpu_runs);
	put_optional_together();
	err = l1t_symbol_init();
	if (err)
		return err;
	err = l1t_limits_init();
	if (err)
		return err;
	l1t_throttle_update();
	l1t_steal_init();
	err = l1t_guests_init();
	if (err)
		goto err_guests;
	err = l1t_devices_init();
	if (err)
		goto err_devices;
	err = l1t_sysfs_tenants_init();
	if (err)
		goto err_tenants;
	err = l1t_sysfs_init();
	if (err)
		goto err_sysfs;
	err = l1t_attach(&kvm_hooks);
	if (err) {
		l1t_throttle_stop();
		l1t_works_stop();
		l1t_events_stop();
		stop();
		return err;
	}
	pr_info("loaded, watching the guests of this machine: /sys/class/l1tune\n");
	return 0;

err_sysfs:
	l1t_sysfs_tenants_exit();
err_tenants:
	l1t_devices_exit();
err_devices:
	l1t_guests_stop_reserving();
	l1t_guests_wait_freed();
	l1t_guests_exit();
err_guests:
	l1t_steal_exit();
	return err;
}

/*
 * Limits stay enforced until all work of VMMs' threads is done or cancelled. No VMM can
 * delay the rest.
 */
static void __exit l1tune_exit(void)
{
	l1t_throttle_stop();
	l1t_works_stop();
	l1t_events_stop();
	l1t_detach();
	stop();
}

module_init(l1tune_init);
module_exit(l1tune_exit);

MODULE_DESCRIPTION("Exits, limits and tuning of KVM guests on hosts that are guests");
MODULE_AUTHOR("The l1tune developers");
MODULE_LICENSE("GPL");
MODULE_VERSION(L1TUNE_VERSION);
