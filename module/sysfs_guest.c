// SPDX-License-Identifier: GPL-2.0
/* The files of a guest, l2-<id>/, and of its vCPUs; see ABI/. */
#include <linux/device.h>
#include <linux/kobject.h>
#include <linux/sysfs.h>

#include "compat.h"
#include "controls_view.h"
#include "guest.h"
#include "l3_view.h"
#include "memslots.h"
#include "nested.h"
#include "paravirt.h"
#include "stats.h"
#include "sysfs.h"
#include "totals.h"
#include "vmfail.h"

#define GUEST_ATTR(_name, _fmt, _value)					\
	static ssize_t _name##_show(struct device *dev,			\
				    struct device_attribute *attr,	\
				    char *buf)				\
	{								\
		struct l1t_guest *g = dev_to_guest(dev);		\
									\
		return sysfs_emit(buf, _fmt "\n", _value);		\
	}								\
	static DEVICE_ATTR(_name, 0440, _name##_show, NULL)

GUEST_ATTR(pid, "%d", g->pid);
GUEST_ATTR(uid, "%u", from_kuid(&init_user_ns, g->cred->uid));
GUEST_ATTR(comm, "%s", g->comm);
GUEST_ATTR(adopted, "%d", g->adopted);
GUEST_ATTR(created_ns, "%llu", g->created_ns);
GUEST_ATTR(vcpus, "%u", READ_ONCE(g->nr_vcpus));
GUEST_ATTR(memory_bytes, "%llu", READ_ONCE(g->memory_bytes));
GUEST_ATTR(memory_peak_bytes, "%llu", READ_ONCE(g->memory_peak_bytes));
GUEST_ATTR(nested, "%s", l1t_nested_name(l1t_guest_nested(g)));

#define GUEST_COUNT_ATTR(_name, _member)				\
	static ssize_t _name##_show(struct device *dev,			\
				    struct device_attribute *attr,	\
				    char *buf)				\
	{								\
		struct l1t_counts c = {};				\
									\
		l1t_guest_counts(dev_to_guest(dev), &c);		\
		return sysfs_emit(buf, "%llu\n", c._member);		\
	}								\
	static DEVICE_ATTR(_name, 0440, _name##_show, NULL)

GUEST_COUNT_ATTR(exits, exits);
GUEST_COUNT_ATTR(exit_time_ns, exit_time_ns);
GUEST_COUNT_ATTR(guest_time_ns, guest_time_ns);
GUEST_COUNT_ATTR(kernel_time_ns, parts_ns[L1T_PART_KERNEL]);
GUEST_COUNT_ATTR(vmm_time_ns, parts_ns[L1T_PART_VMM]);
GUEST_COUNT_ATTR(vmm_sleep_time_ns, parts_ns[L1T_PART_VMM_SLEEP]);
GUEST_COUNT_ATTR(halted_time_ns, parts_ns[L1T_PART_HALTED]);
GUEST_COUNT_ATTR(blocked_time_ns, parts_ns[L1T_PART_BLOCKED]);
GUEST_COUNT_ATTR(runq_time_ns, parts_ns[L1T_PART_RUNQ]);
GUEST_COUNT_ATTR(throttled_time_ns, parts_ns[L1T_PART_THROTTLED]);

static ssize_t stolen_time_ns_show(struct device *dev,
				   struct device_attribute *attr, char *buf)
{
	struct l1t_counts c = {};

	l1t_guest_counts(dev_to_guest(dev), &c);
	return l1t_stolen_show(c.stolen_ns, buf);
}
static struct device_attribute dev_attr_stolen_time_ns =
	__ATTR(stolen_time_ns, 0440, stolen_time_ns_show, NULL);

static struct attribute *guest_attrs[] = {
	&dev_attr_pid.attr,
	&dev_attr_uid.attr,
	&dev_attr_comm.attr,
	&dev_attr_adopted.attr,
	&dev_attr_created_ns.attr,
	&dev_attr_vcpus.attr,
	&dev_attr_memory_bytes.attr,
	&dev_attr_memory_peak_bytes.attr,
	&dev_attr_exits.attr,
	&dev_attr_exit_time_ns.attr,
	&dev_attr_guest_time_ns.attr,
	&dev_attr_kernel_time_ns.attr,
	&dev_attr_vmm_time_ns.attr,
	&dev_attr_vmm_sleep_time_ns.attr,
	&dev_attr_halted_time_ns.attr,
	&dev_attr_blocked_time_ns.attr,
	&dev_attr_runq_time_ns.attr,
	&dev_attr_throttled_time_ns.attr,
	&dev_attr_stolen_time_ns.attr,
	&dev_attr_nested.attr,
	NULL
};

static ssize_t guest_stats_read(struct file *file, struct kobject *kobj,
				l1t_read_bin_attribute *attr, char *buf,
				loff_t pos, size_t count)
{
	return l1t_stats_read_guest(dev_to_guest(kobj_to_dev(kobj)), buf, pos,
				    count);
}

static struct bin_attribute guest_stats = {
	.attr = { .name = "stats", .mode = 0440 },
	.read = guest_stats_read,
};

static ssize_t guest_reasons_read(struct file *file, struct kobject *kobj,
				  l1t_read_bin_attribute *attr, char *buf,
				  loff_t pos, size_t count)
{
	return l1t_stats_read_reasons(dev_to_guest(kobj_to_dev(kobj)), buf, pos,
				      count);
}

/* Text, which may be longer than a page, the limit of other attributes. */
static struct bin_attribute guest_reasons = {
	.attr = { .name = "reasons", .mode = 0440 },
	.read = guest_reasons_read,
};

static ssize_t guest_memslots_read(struct file *file, struct kobject *kobj,
				   l1t_read_bin_attribute *attr, char *buf,
				   loff_t pos, size_t count)
{
	return l1t_memslots_read(dev_to_guest(kobj_to_dev(kobj)), buf, pos, count);
}

static struct bin_attribute guest_memslots = {
	.attr = { .name = "memslots", .mode = 0440 },
	.read = guest_memslots_read,
};

static l1t_group_bin_attribute *guest_bin_attrs[] = {
	&guest_stats,
	&guest_reasons,
	&guest_memslots,
	&l1t_guest_slow,
	&l1t_guest_start,
	NULL
};

static const struct attribute_group guest_group = {
	.attrs = guest_attrs,
	.bin_attrs = guest_bin_attrs,
};

static const struct attribute_group *guest_groups[] = {
	&guest_group,
	&l1t_guest_limits_group,
	&l1t_guest_tenants_group,
	&l1t_guest_tune_group,
	NULL
};

/* Everybody sees this: it says no more than KVM's own uevents. */
static int guest_uevent(l1t_uevent_device *dev, struct kobj_uevent_env *env)
{
	const struct l1t_guest *g = dev_to_guest((struct device *)dev);

	return add_uevent_var(env, "PID=%d", g->pid);
}

const struct device_type l1t_guest_type = {
	.name = "l2",
	.groups = guest_groups,
	.uevent = guest_uevent,
};

static ssize_t vcpu_stats_read(struct file *file, struct kobject *kobj,
			       l1t_read_bin_attribute *attr, char *buf, loff_t pos,
			       size_t count)
{
	return l1t_stats_read_vcpu(attr->private, buf, pos, count);
}

static ssize_t vcpu_nested_read(struct file *file, struct kobject *kobj,
				l1t_read_bin_attribute *attr, char *buf, loff_t pos,
				size_t count)
{
	return l1t_l3_read(attr->private, buf, pos, count);
}

static ssize_t vcpu_nested_failed_read(struct file *file, struct kobject *kobj,
				       l1t_read_bin_attribute *attr, char *buf,
				       loff_t pos, size_t count)
{
	return l1t_l3_read_failed(attr->private, buf, pos, count);
}

static ssize_t vcpu_nested_vmfail_read(struct file *file, struct kobject *kobj,
				       l1t_read_bin_attribute *attr, char *buf,
				       loff_t pos, size_t count)
{
	return l1t_vmfail_read(attr->private, buf, pos, count);
}

static ssize_t vcpu_nested_controls_read(struct file *file, struct kobject *kobj,
					 l1t_read_bin_attribute *attr, char *buf,
					 loff_t pos, size_t count)
{
	return l1t_controls_read(attr->private, buf, pos, count);
}

static ssize_t vcpu_paravirt_read(struct file *file, struct kobject *kobj,
				  l1t_read_bin_attribute *attr, char *buf, loff_t pos,
				  size_t count)
{
	return l1t_paravirt_read(attr->private, buf, pos, count);
}

static const struct bin_attribute vcpu_files[L1T_VCPU_FILES] = {
	{ .attr = { .name = "stats", .mode = 0440 }, .read = vcpu_stats_read },
	{ .attr = { .name = "nested", .mode = 0440 }, .read = vcpu_nested_read },
	{ .attr = { .name = "nested_failed", .mode = 0440 },
	  .read = vcpu_nested_failed_read },
	{ .attr = { .name = "nested_vmfail", .mode = 0440 },
	  .read = vcpu_nested_vmfail_read },
	{ .attr = { .name = "nested_controls", .mode = 0440 },
	  .read = vcpu_nested_controls_read },
	{ .attr = { .name = "paravirt", .mode = 0440 }, .read = vcpu_paravirt_read },
};

static int vcpu_group(struct l1t_vcpu *v, bool add)
{
	l1t_group_bin_attribute *bin_attrs[L1T_VCPU_FILES + 1] = {};
	struct kobject *kobj = &v->guest->dev.kobj;
	const struct attribute_group group = {
		.name = v->dir,
		.bin_attrs = bin_attrs,
	};
	unsigned int i;

	for (i = 0; i < L1T_VCPU_FILES; i++)
		bin_attrs[i] = &v->files[i];
	if (add)
		return sysfs_create_group(kobj, &group);
	sysfs_remove_group(kobj, &group);
	return 0;
}

/**
 * l1t_sysfs_add_vcpu() - create vcpu<id>/ in its guest's directory
 * @v: the vCPU; its guest's device has been added
 *
 * Return: 0 or an error.
 */
int l1t_sysfs_add_vcpu(struct l1t_vcpu *v)
{
	unsigned int i;

	snprintf(v->dir, sizeof(v->dir), "vcpu%u", v->id);
	for (i = 0; i < L1T_VCPU_FILES; i++) {
		v->files[i] = vcpu_files[i];
		sysfs_bin_attr_init(&v->files[i]);
		v->files[i].private = v;
	}
	return vcpu_group(v, true);
}

/**
 * l1t_sysfs_remove_vcpu() - undo l1t_sysfs_add_vcpu(); waits for readers
 * @v: the vCPU
 */
void l1t_sysfs_remove_vcpu(struct l1t_vcpu *v)
{
	vcpu_group(v, false);
}
