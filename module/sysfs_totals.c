// SPDX-License-Identifier: GPL-2.0
/* totals/ and usage/, for this machine and for tenants. */
#include <linux/device.h>
#include <linux/jiffies.h>
#include <linux/sysfs.h>
#include <linux/workqueue.h>

#include "guest.h"
#include "nested.h"
#include "sysfs.h"
#include "totals.h"

/* totals/: numbers in struct l1t_totals */

struct total_attribute {
	struct device_attribute attr;
	size_t offset;
};

static void totals_of(struct device *dev, struct l1t_totals *totals)
{
	if (l1t_is_tenant(dev))
		l1t_tenant_totals(dev_to_tenant(dev), totals);
	else
		l1t_totals(totals);
}

static ssize_t total_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	struct total_attribute *ta =
		container_of(attr, struct total_attribute, attr);
	struct l1t_totals totals;

	totals_of(dev, &totals);
	return sysfs_emit(buf, "%llu\n",
			  *(u64 *)((char *)&totals + ta->offset));
}

#define TOTAL_ATTR(_var, _name, _member)				\
	static struct total_attribute _var = {				\
		.attr = __ATTR(_name, 0440, total_show, NULL),		\
		.offset = offsetof(struct l1t_totals, _member),		\
	}

#define PART_ATTR(_name, _part)						\
	TOTAL_ATTR(totals_##_name##_time_ns, _name##_time_ns,		\
		   counts.parts_ns[L1T_PART_##_part])

TOTAL_ATTR(totals_vms, vms, vms);
TOTAL_ATTR(totals_vcpus, vcpus, vcpus);
TOTAL_ATTR(totals_exits, exits, counts.exits);
TOTAL_ATTR(totals_exit_time_ns, exit_time_ns, counts.exit_time_ns);
TOTAL_ATTR(totals_guest_time_ns, guest_time_ns, counts.guest_time_ns);
PART_ATTR(kernel, KERNEL);
PART_ATTR(vmm, VMM);
PART_ATTR(vmm_sleep, VMM_SLEEP);
PART_ATTR(halted, HALTED);
PART_ATTR(blocked, BLOCKED);
PART_ATTR(runq, RUNQ);
PART_ATTR(throttled, THROTTLED);
TOTAL_ATTR(totals_untraced, untraced, counts.untraced);
TOTAL_ATTR(totals_unpaired_entries, unpaired_entries, counts.unpaired_entries);
TOTAL_ATTR(totals_lost_cells, lost_cells, counts.lost_cells);

TOTAL_ATTR(totals_unattributed, unattributed, unattributed);

/**
 * l1t_stolen_show() - print stolen time, or "unknown"
 * @stolen_ns: valid if it is known
 * @buf: a page
 *
 * Return: bytes printed.
 */
ssize_t l1t_stolen_show(u64 stolen_ns, char *buf)
{
	if (l1t_stolen_state() != L1T_STEAL_OK)
		return sysfs_emit(buf, "unknown\n");
	return sysfs_emit(buf, "%llu\n", stolen_ns);
}

static ssize_t stolen_time_ns_show(struct device *dev,
				   struct device_attribute *attr, char *buf)
{
	struct l1t_totals totals;

	totals_of(dev, &totals);
	return l1t_stolen_show(totals.counts.stolen_ns, buf);
}
static struct device_attribute dev_attr_stolen_time_ns =
	__ATTR(stolen_time_ns, 0440, stolen_time_ns_show, NULL);

/* About the hooks, not about guests. */
static ssize_t nested_unadmitted_show(struct device *dev,
				      struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", l1t_nested_unadmitted());
}
static struct device_attribute dev_attr_nested_unadmitted =
	__ATTR(nested_unadmitted, 0440, nested_unadmitted_show, NULL);

/* Tenants have only so many of these, from the first on. */
#define TENANTS_TOTALS	14

static struct attribute *totals_attrs[] = {
	&totals_vms.attr.attr,
	&totals_vcpus.attr.attr,
	&totals_exits.attr.attr,
	&totals_exit_time_ns.attr.attr,
	&totals_guest_time_ns.attr.attr,
	&totals_kernel_time_ns.attr.attr,
	&totals_vmm_time_ns.attr.attr,
	&totals_vmm_sleep_time_ns.attr.attr,
	&totals_halted_time_ns.attr.attr,
	&totals_blocked_time_ns.attr.attr,
	&totals_runq_time_ns.attr.attr,
	&totals_throttled_time_ns.attr.attr,
	&dev_attr_stolen_time_ns.attr,
	&totals_untraced.attr.attr,
	&totals_unpaired_entries.attr.attr,
	&totals_lost_cells.attr.attr,
	&totals_unattributed.attr.attr,
	&dev_attr_nested_unadmitted.attr,
	NULL
};

static umode_t total_is_visible(struct kobject *kobj, struct attribute *attr, int n)
{
	return n < TENANTS_TOTALS || !l1t_is_tenant(kobj_to_dev(kobj)) ? attr->mode : 0;
}

const struct attribute_group l1t_totals_group = {
	.name = "totals",
	.attrs = totals_attrs,
	.is_visible = total_is_visible,
};

/* usage/: what limits are compared with */

#define USAGE_ATTR(_name, _value)					\
	static ssize_t _name##_show(struct device *dev,			\
				    struct device_attribute *attr,	\
				    char *buf)				\
	{								\
		return sysfs_emit(buf, "%llu\n", (u64)(_value));	\
	}								\
	static struct device_attribute usage_##_name = __ATTR_RO(_name)

static u64 used(struct device *dev, enum l1t_used kind)
{
	const struct l1t_ledger *ledger =
		l1t_is_tenant(dev) ? &dev_to_tenant(dev)->use : &l1t_ledger;
	u64 value;

	raw_spin_lock(&l1t_lock);
	value = ledger->of[kind];
	raw_spin_unlock(&l1t_lock);
	return value;
}

struct nested_vms {
	const struct l1t_tenant *tenant;
	u64 n;
};

static void count_nested(struct l1t_guest *g, void *arg)
{
	struct nested_vms *nested = arg;

	nested->n += l1t_places_are_of(&g->places, nested->tenant) &&
		     l1t_guest_nested(g) != L1T_NESTED_OFF;
	cond_resched();
}

/* @tenant: only its guests; NULL: all */
static u64 look_at_nested(const struct l1t_tenant *tenant)
{
	struct nested_vms nested = { .tenant = tenant };

	l1t_guests_walk(count_nested, &nested);
	return nested.n;
}

static u64 nested_of_machine;
static unsigned long nested_until;
static bool has_nested;

static bool is_fresh(void)
{
	return READ_ONCE(has_nested) && time_before(jiffies, READ_ONCE(nested_until));
}

static void look_at_machine(struct work_struct *work)
{
	/* It may have been queued again before the last look was finished. */
	if (is_fresh())
		return;
	WRITE_ONCE(nested_of_machine, look_at_nested(NULL));
	WRITE_ONCE(nested_until, jiffies + HZ / 10);
	WRITE_ONCE(has_nested, true);
}

static DECLARE_WORK(nested_work, look_at_machine);

/*
 * Everybody may read the machine's, also a thread that gets hardly any CPU time: it must not
 * hold the lock that ending guests need. So a worker of high priority counts, at most ten times
 * a second. Each reader waits for it, so it is idle once the file is removed.
 */
static u64 nested_vms(struct device *dev)
{
	u64 n;

	if (l1t_nested_is_tracked()) {
		n = used(dev, L1T_USED_NESTED_VMS);
		/* When tracking ends, the ledger is set to 0. */
		if (l1t_nested_is_tracked())
			return n;
	}
	if (l1t_is_tenant(dev))
		return look_at_nested(dev_to_tenant(dev));
	if (!is_fresh()) {
		queue_work(system_highpri_wq, &nested_work);
		flush_work(&nested_work);
	}
	return READ_ONCE(nested_of_machine);
}

USAGE_ATTR(vms, used(dev, L1T_USED_VMS));
USAGE_ATTR(vcpus, used(dev, L1T_USED_VCPUS));
USAGE_ATTR(memory_bytes, used(dev, L1T_USED_MEMORY));
USAGE_ATTR(nested_vms, nested_vms(dev));

static struct attribute *usage_attrs[] = {
	&usage_vms.attr,
	&usage_vcpus.attr,
	&usage_memory_bytes.attr,
	&usage_nested_vms.attr,
	NULL
};

/* A tenant's usage changes with its guests, so it is protected like a guest's files. */
static umode_t usage_is_visible(struct kobject *kobj, struct attribute *attr, int n)
{
	return l1t_is_tenant(kobj_to_dev(kobj)) ? attr->mode & ~0004 : attr->mode;
}

const struct attribute_group l1t_usage_group = {
	.name = "usage",
	.attrs = usage_attrs,
	.is_visible = usage_is_visible,
};
