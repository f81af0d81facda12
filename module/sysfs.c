// SPDX-License-Identifier: GPL-2.0
/*
 * The class, and the device "l1" for this machine. Its files describe the host as a
 * whole; see ABI/ for each.
 */
#include <linux/device.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/timekeeping.h>
#include <asm/cpufeature.h>

#include "compat.h"
#include "event.h"
#include "exit.h"
#include "gone.h"
#include "guest.h"
#include "sysfs.h"
#include "sysfs_caps.h"
#include "totals.h"
#include "watch.h"

#define L1T_ABI		2

static unsigned int gid;
module_param(gid, uint, 0444);
MODULE_PARM_DESC(gid, "group that may read the files of single guests (default 0: root's)");

static u64 loaded_ns;
static char hypervisor[13] = "none";
static struct device *l1_dev;

/*
 * Files that change with guests' exits are for root and one group (0440): another
 * tenant's counts are a side channel, and on a machine with one guest the totals are
 * that guest's counts.
 */
static void get_ownership(l1t_ownership_device *dev, kuid_t *uid, kgid_t *group)
{
	*uid = GLOBAL_ROOT_UID;
	*group = make_kgid(&init_user_ns, gid);
}

static void kobject_ownership(l1t_ownership_kobject *kobj, kuid_t *uid,
			      kgid_t *group)
{
	get_ownership(NULL, uid, group);
}

struct class l1t_class = {
	.name = "l1tune",
	.get_ownership = get_ownership,
};

static ssize_t abi_show(struct device *dev, struct device_attribute *attr,
			char *buf)
{
	return sysfs_emit(buf, "%d\n", L1T_ABI);
}
static DEVICE_ATTR_RO(abi);

static ssize_t version_show(struct device *dev, struct device_attribute *attr,
			    char *buf)
{
	return sysfs_emit(buf, "%s\n", THIS_MODULE->version);
}
static DEVICE_ATTR_RO(version);

static ssize_t loaded_ns_show(struct device *dev,
			      struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", loaded_ns);
}
static DEVICE_ATTR_RO(loaded_ns);

static ssize_t isa_show(struct device *dev, struct device_attribute *attr,
			char *buf)
{
	static const char * const names[] = {
		[L1T_ISA_NONE] = "none",
		[L1T_ISA_VMX] = "vmx",
		[L1T_ISA_SVM] = "svm",
	};

	return sysfs_emit(buf, "%s\n", names[l1t_isa()]);
}
static DEVICE_ATTR_RO(isa);

static ssize_t virtualized_show(struct device *dev,
				struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n",
			  boot_cpu_has(X86_FEATURE_HYPERVISOR) ? 1 : 0);
}
static DEVICE_ATTR_RO(virtualized);

static ssize_t hypervisor_show(struct device *dev,
			       struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", hypervisor);
}
static DEVICE_ATTR_RO(hypervisor);

static ssize_t steal_clock_show(struct device *dev,
				struct device_attribute *attr, char *buf)
{
	static const char * const names[] = {
		[L1T_STEAL_OK] = "ok",
		[L1T_STEAL_BARE_METAL] = "bare_metal",
		[L1T_STEAL_NOT_OFFERED] = "not_offered",
		[L1T_STEAL_NOT_ENABLED] = "not_enabled",
		[L1T_STEAL_NO_HOOKS] = "no_hooks",
	};

	return sysfs_emit(buf, "%s\n", names[l1t_stolen_state()]);
}
static DEVICE_ATTR_RO(steal_clock);

static ssize_t events_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	return l1t_events_show(buf);
}
static struct device_attribute dev_attr_events = __ATTR(events, 0440, events_show, NULL);

static struct attribute *l1_attrs[] = {
	&dev_attr_abi.attr,
	&dev_attr_version.attr,
	&dev_attr_loaded_ns.attr,
	&dev_attr_isa.attr,
	&dev_attr_virtualized.attr,
	&dev_attr_hypervisor.attr,
	&dev_attr_steal_clock.attr,
	&dev_attr_events.attr,
	NULL
};

static const struct attribute_group l1_group = { .attrs = l1_attrs };

/* hooks/ */

struct hook_attribute {
	struct device_attribute attr;
	enum l1t_hook hook;
};

static ssize_t hook_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	struct hook_attribute *ha =
		container_of(attr, struct hook_attribute, attr);

	return sysfs_emit(buf, "%s\n", l1t_hook_state_name(ha->hook));
}

#define HOOK_ATTR(_name, _hook)						\
	static struct hook_attribute hook_attr_##_name = {		\
		.attr = __ATTR(_name, 0444, hook_show, NULL),		\
		.hook = _hook,						\
	}

HOOK_ATTR(kvm_exit, L1T_HOOK_KVM_EXIT);
HOOK_ATTR(kvm_entry, L1T_HOOK_KVM_ENTRY);
HOOK_ATTR(fault, L1T_HOOK_FAULT);
HOOK_ATTR(nested_failed, L1T_HOOK_NESTED_FAILED);
HOOK_ATTR(nested_vmfail, L1T_HOOK_NESTED_VMFAIL);
HOOK_ATTR(exit_reason, L1T_HOOK_EXIT_REASON);
HOOK_ATTR(adopt, L1T_HOOK_ADOPT);
HOOK_ATTR(vm_create, L1T_HOOK_VM_CREATE);
HOOK_ATTR(vm_free, L1T_HOOK_VM_FREE);
HOOK_ATTR(vcpu_create, L1T_HOOK_VCPU_CREATE);
HOOK_ATTR(vcpu_destroy, L1T_HOOK_VCPU_DESTROY);
HOOK_ATTR(memory, L1T_HOOK_MEMORY);
HOOK_ATTR(run, L1T_HOOK_RUN);
HOOK_ATTR(put, L1T_HOOK_PUT);
HOOK_ATTR(sched_in, L1T_HOOK_SCHED_IN);
HOOK_ATTR(refuse_vm, L1T_HOOK_REFUSE_VM);
HOOK_ATTR(refuse_vcpu, L1T_HOOK_REFUSE_VCPU);
HOOK_ATTR(refuse_memory, L1T_HOOK_REFUSE_MEMORY);
HOOK_ATTR(refuse_nested, L1T_HOOK_REFUSE_NESTED);
HOOK_ATTR(refuse_run, L1T_HOOK_REFUSE_RUN);
HOOK_ATTR(throttle, L1T_HOOK_THROTTLE);
HOOK_ATTR(timer, L1T_HOOK_TIMER);
HOOK_ATTR(tune, L1T_HOOK_TUNE);
HOOK_ATTR(sched_switch, L1T_HOOK_SCHED_SWITCH);

static struct attribute *hooks_attrs[] = {
	&hook_attr_kvm_exit.attr.attr,
	&hook_attr_kvm_entry.attr.attr,
	&hook_attr_fault.attr.attr,
	&hook_attr_nested_failed.attr.attr,
	&hook_attr_nested_vmfail.attr.attr,
	&hook_attr_exit_reason.attr.attr,
	&hook_attr_adopt.attr.attr,
	&hook_attr_vm_create.attr.attr,
	&hook_attr_vm_free.attr.attr,
	&hook_attr_vcpu_create.attr.attr,
	&hook_attr_vcpu_destroy.attr.attr,
	&hook_attr_memory.attr.attr,
	&hook_attr_run.attr.attr,
	&hook_attr_put.attr.attr,
	&hook_attr_sched_in.attr.attr,
	&hook_attr_refuse_vm.attr.attr,
	&hook_attr_refuse_vcpu.attr.attr,
	&hook_attr_refuse_memory.attr.attr,
	&hook_attr_refuse_nested.attr.attr,
	&hook_attr_refuse_run.attr.attr,
	&hook_attr_throttle.attr.attr,
	&hook_attr_timer.attr.attr,
	&hook_attr_tune.attr.attr,
	&hook_attr_sched_switch.attr.attr,
	NULL
};

static const struct attribute_group hooks_group = {
	.name = "hooks",
	.attrs = hooks_attrs,
};

static const struct attribute_group *l1_groups[] = {
	&l1_group,
	&hooks_group,
	&l1t_totals_group,
	&l1t_usage_group,
	&l1t_ended_group,
	&l1t_limits_group,
	&l1t_audit_group,
	&l1t_denied_group,
	&l1t_would_deny_group,
	&l1t_effective_group,
	&l1t_tenants_group,
	&l1t_tune_group,
	&l1t_slow_group,
	&l1t_start_group,
	&l1t_caps_group,
	NULL
};

static void l1_release(struct device *dev)
{
	kfree(dev);
}

/* Called once, because CPUID always exits to L0. */
static void find_hypervisor(void)
{
	u32 eax, regs[3];

	if (!boot_cpu_has(X86_FEATURE_HYPERVISOR))
		return;
	cpuid(0x40000000, &eax, &regs[0], &regs[1], &regs[2]);
	memcpy(hypervisor, regs, sizeof(regs));
	if (!hypervisor[0])
		strscpy(hypervisor, "unknown", sizeof(hypervisor));
}

/**
 * l1t_sysfs_init() - create the class and the l1 device
 *
 * Return: 0 or an error.
 */
int l1t_sysfs_init(void)
{
	int err;

	if (!gid_valid(make_kgid(&init_user_ns, gid))) {
		pr_err("gid=%u is not a group\n", gid);
		return -EINVAL;
	}
	loaded_ns = ktime_get_boottime_ns();
	find_hypervisor();

	err = class_register(&l1t_class);
	if (err)
		return err;
	l1_dev = kzalloc(sizeof(*l1_dev), GFP_KERNEL);
	if (!l1_dev) {
		err = -ENOMEM;
		goto err_class;
	}
	device_initialize(l1_dev);
	l1_dev->class = &l1t_class;
	l1_dev->groups = l1_groups;
	l1_dev->release = l1_release;
	device_set_pm_not_required(l1_dev);
	err = dev_set_name(l1_dev, "l1") ?: device_add(l1_dev);
	if (err)
		goto err_device;
	err = l1t_gone_start(l1_dev, kobject_ownership);
	if (err)
		goto err_added;
	l1t_events_start(l1_dev);
	l1t_watch_start(l1_dev);
	return 0;

err_added:
	device_del(l1_dev);
err_device:
	put_device(l1_dev);
err_class:
	class_unregister(&l1t_class);
	return err;
}

/**
 * l1t_sysfs_exit() - undo l1t_sysfs_init(), after all guests are gone
 */
void l1t_sysfs_exit(void)
{
	l1t_watch_stop();
	device_unregister(l1_dev);
	class_unregister(&l1t_class);
}
