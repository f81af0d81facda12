// SPDX-License-Identifier: GPL-2.0
/*
 * Tenants as devices, and l1/tenants/, where they are defined and removed.
 *
 * Matches of patterns are created in a hook, and removed when they have been idle for
 * long, so one work item adds and removes devices, without any lock that files take.
 */
#include <linux/capability.h>
#include <linux/jiffies.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/workqueue.h>

#include "enrol.h"
#include "event.h"
#include "guest.h"
#include "sysfs.h"
#include "tenant_path.h"

#define LOOK_FOR_IDLE	(10 * HZ)

/* tenant-<id>/ */

static ssize_t cgroup_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	return sysfs_emit(buf, "%s\n", dev_to_tenant(dev)->path);
}

static ssize_t pattern_show(struct device *dev, struct device_attribute *attr,
			    char *buf)
{
	const struct l1t_tenant *pattern;
	u64 id = 0;

	raw_spin_lock(&l1t_lock);
	pattern = dev_to_tenant(dev)->pattern;
	if (pattern)
		id = pattern->id;
	raw_spin_unlock(&l1t_lock);
	return id ? sysfs_emit(buf, "tenant-%llu\n", id) : -ENODEV;
}

static ssize_t matches_show(struct device *dev, struct device_attribute *attr,
			    char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(dev_to_tenant(dev)->matches));
}

/* A tenant's values change with its guests, so they are protected like a guest's. */
#define TENANT_FILE(_name) \
	static struct device_attribute tenant_##_name = \
		__ATTR(_name, 0440, _name##_show, NULL)

TENANT_FILE(cgroup);
TENANT_FILE(pattern);
TENANT_FILE(matches);

static struct attribute *tenant_attrs[] = {
	&tenant_cgroup.attr,
	&tenant_pattern.attr,
	&tenant_matches.attr,
	NULL
};

static umode_t tenant_is_visible(struct kobject *kobj, struct attribute *attr, int n)
{
	const struct l1t_tenant *t = dev_to_tenant(kobj_to_dev(kobj));

	if (attr == &tenant_pattern.attr)
		return READ_ONCE(t->pattern) ? attr->mode : 0;
	if (attr == &tenant_matches.attr)
		return t->is_pattern ? attr->mode : 0;
	return attr->mode;
}

static const struct attribute_group tenant_group = {
	.attrs = tenant_attrs,
	.is_visible = tenant_is_visible,
};

/* A pattern does not have the first: it uses nothing itself, only its matches do. */
static const struct attribute_group *tenant_groups[] = {
	&l1t_usage_group,
	&tenant_group,
	&l1t_limits_group,
	&l1t_audit_group,
	&l1t_denied_group,
	&l1t_would_deny_group,
	&l1t_effective_group,
	&l1t_totals_group,
	&l1t_tenant_start_group,
	NULL
};

/* Devices. */

static struct l1t_tenant *next_changed(struct list_head *changed, bool *removed)
{
	struct l1t_tenant *t;

	raw_spin_lock(&l1t_lock);
	t = list_first_entry_or_null(changed, struct l1t_tenant, changed);
	if (t) {
		list_del_init(&t->changed);
		*removed = t->removed;
	}
	raw_spin_unlock(&l1t_lock);
	return t;
}

static void publish(struct l1t_tenant *t)
{
	/* A match has been defined as a tenant itself. */
	if (t->published) {
		if (sysfs_update_groups(&t->dev.kobj, tenant_groups))
			pr_warn_ratelimited("cannot show that tenant-%llu is no match any more\n",
					    t->id);
		return;
	}
	t->dev.class = &l1t_class;
	t->dev.groups = &tenant_groups[t->is_pattern ? 1 : 0];
	device_set_pm_not_required(&t->dev);
	if (dev_set_name(&t->dev, "tenant-%llu", t->id) || device_add(&t->dev)) {
		pr_warn_ratelimited("cannot show tenant-%llu in sysfs\n", t->id);
		return;
	}
	t->published = true;
}

/* Drops the table's reference. */
static void unpublish(struct l1t_tenant *t)
{
	if (t->published)
		l1t_event_device_del(&t->dev);
	put_device(&t->dev);
}

static struct workqueue_struct *tenants_wq;

static void update(struct work_struct *work);
static DECLARE_WORK(update_work, update);
/* To look for matches without guests. Nobody waits for it, so it can be queued anew. */
static DECLARE_DELAYED_WORK(look_work, update);

/*
 * Users can create and remove matches all the time, by cgroups and VMs in them. So one run
 * handles only what has changed before it: a writer to l1/tenants waits for its end.
 */
static void update(struct work_struct *work)
{
	struct l1t_tenant *t;
	LIST_HEAD(batch);
	bool removed;

	raw_spin_lock(&l1t_lock);
	list_splice_init(&l1t_tenants_changed, &batch);
	raw_spin_unlock(&l1t_lock);
	while ((t = next_changed(&batch, &removed))) {
		if (removed)
			unpublish(t);
		else
			publish(t);
	}
	/* One match at a time: forgetting it is a change, so this is queued again. */
	l1t_enrol_forget();
	if (l1t_tenants_have_matches())
		queue_delayed_work(tenants_wq, &look_work, LOOK_FOR_IDLE);
}

static void changed(void)
{
	queue_work(tenants_wq, &update_work);
}

/* l1/tenants/ */

static ssize_t change(const char *buf, size_t count, int (*fn)(const char *path))
{
	char *path;
	int err;

	err = l1t_sysfs_check_writer(buf, count);
	if (err)
		return err;
	path = kmalloc(L1T_CGROUP_BYTES, GFP_KERNEL);
	if (!path)
		return -ENOMEM;
	err = l1t_path_parse(buf, path) ?: fn(path);
	kfree(path);
	/* The directory has been created or removed when this returns. */
	flush_work(&update_work);
	return err ?: count;
}

static ssize_t add_store(struct device *dev, struct device_attribute *attr,
			 const char *buf, size_t count)
{
	return change(buf, count, l1t_enrol);
}
static struct device_attribute tenants_add = __ATTR(add, 0200, NULL, add_store);

static ssize_t remove_store(struct device *dev, struct device_attribute *attr,
			    const char *buf, size_t count)
{
	return change(buf, count, l1t_enrol_remove);
}
static struct device_attribute tenants_remove = __ATTR(remove, 0200, NULL, remove_store);

static struct attribute *tenants_attrs[] = {
	&tenants_add.attr,
	&tenants_remove.attr,
	NULL
};

const struct attribute_group l1t_tenants_group = {
	.name = "tenants",
	.attrs = tenants_attrs,
};

/* l2-<id>/ */

static ssize_t guest_cgroup_show(struct device *dev, struct device_attribute *attr,
				 char *buf)
{
	return sysfs_emit(buf, "%s\n", dev_to_guest(dev)->cgroup);
}
static struct device_attribute guest_cgroup =
	__ATTR(cgroup, 0440, guest_cgroup_show, NULL);

static ssize_t guest_tenants_show(struct device *dev, struct device_attribute *attr,
				  char *buf)
{
	const struct l1t_places *places = &dev_to_guest(dev)->places;
	const struct l1t_tenant *t;
	unsigned int level;
	int len = 0;

	rcu_read_lock();
	for (level = 0; level < L1T_PLACES; level++) {
		t = l1t_place(places, level);
		if (t)
			len += sysfs_emit_at(buf, len, "%stenant-%llu",
					     len ? " " : "", t->id);
	}
	rcu_read_unlock();
	return len + sysfs_emit_at(buf, len, "\n");
}
static struct device_attribute guest_tenants =
	__ATTR(tenants, 0440, guest_tenants_show, NULL);

static struct attribute *guest_tenants_attrs[] = {
	&guest_cgroup.attr,
	&guest_tenants.attr,
	NULL
};

const struct attribute_group l1t_guest_tenants_group = {
	.attrs = guest_tenants_attrs,
};

/**
 * l1t_sysfs_tenants_init() - call before the first tenant is defined
 *
 * Return: 0 or -ENOMEM.
 */
int l1t_sysfs_tenants_init(void)
{
	tenants_wq = alloc_ordered_workqueue("l1tune_tenants", 0);
	if (!tenants_wq)
		return -ENOMEM;
	l1t_tenants_init(changed);
	return 0;
}

/**
 * l1t_sysfs_tenants_exit() - remove all tenants
 *
 * Context: may sleep; no hook is attached and no guest is left.
 */
void l1t_sysfs_tenants_exit(void)
{
	l1t_enrol_remove_all();
	l1t_tenants_stop();
	flush_work(&update_work);
	cancel_delayed_work_sync(&look_work);
	destroy_workqueue(tenants_wq);
	l1t_tenants_exit();
}
