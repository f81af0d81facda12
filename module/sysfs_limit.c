// SPDX-License-Identifier: GPL-2.0
/*
 * The files about limits, of this machine and of tenants: limits/, audit/, denied/,
 * would_deny/, effective/. limit_is_visible() decides which of them a device has, and
 * who may read and write them.
 */
#include <linux/capability.h>
#include <linux/device.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "attach.h"
#include "enrol.h"
#include "guest.h"
#include "limit.h"
#include "sysfs.h"
#include "throttle.h"

/* Serializes setting of this machine's limits and guests' own. */
static DEFINE_MUTEX(set_lock);

/* A file in one of the directories: which limit, and whether it or its audit threshold. */
struct limit_attribute {
	struct device_attribute attr;
	enum l1t_limit limit;
	enum l1t_bound bound;
};

static const struct limit_attribute *to_limit(struct device_attribute *attr)
{
	return container_of(attr, struct limit_attribute, attr);
}

static ssize_t emit_value(char *buf, u64 value)
{
	if (value == L1T_NO_LIMIT)
		return sysfs_emit(buf, "max\n");
	return sysfs_emit(buf, "%llu\n", value);
}

/**
 * l1t_sysfs_check_writer() - is the writer privileged, and is the input text
 * @buf: the input
 * @count: its length
 *
 * Return: 0, -EPERM or -EINVAL.
 */
int l1t_sysfs_check_writer(const char *buf, size_t count)
{
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	return strnlen(buf, count) == count ? 0 : -EINVAL;
}

static int set_limit(enum l1t_limit limit, enum l1t_bound bound, u64 value)
{
	if (mutex_lock_interruptible(&set_lock))
		return -EINTR;
	l1t_limit_request(limit, bound, value);
	l1t_attach_update();
	l1t_limit_enforce(limit, bound);
	if (limit == L1T_MAX_EXITS_PER_SEC)
		l1t_throttle_update();
	mutex_unlock(&set_lock);
	l1t_attach_release();
	return 0;
}

/* After the end of a guest that had a rate of its own, the hook is still attached. */
static bool limit_effective(enum l1t_limit limit)
{
	return l1t_limit_effective(limit) &&
	       (limit != L1T_MAX_EXITS_PER_SEC ||
		l1t_throttle_need(L1T_HOOK_THROTTLE) != L1T_NEED_NONE);
}

/* NULL if the device is this machine */
static struct l1t_tenant *tenant_of(struct device *dev)
{
	return l1t_is_tenant(dev) ? dev_to_tenant(dev) : NULL;
}

static u64 value_of(struct device *dev, enum l1t_limit limit, enum l1t_bound bound)
{
	const struct l1t_tenant *t = tenant_of(dev);
	u64 value;

	if (!t)
		return l1t_limit_value(limit, bound);
	rcu_read_lock();
	value = l1t_tenant_value(t, limit, bound);
	rcu_read_unlock();
	return value;
}

static ssize_t value_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	const struct limit_attribute *la = to_limit(attr);

	return emit_value(buf, value_of(dev, la->limit, la->bound));
}

static ssize_t value_store(struct device *dev, struct device_attribute *attr,
			   const char *buf, size_t count)
{
	const struct limit_attribute *la = to_limit(attr);
	struct l1t_tenant *t = tenant_of(dev);
	u64 value;
	int err;

	err = l1t_sysfs_check_writer(buf, count) ?:
	      l1t_limit_parse(la->limit, buf, &value);
	if (!err)
		err = t ? l1t_enrol_set(t, la->limit, la->bound, value) :
			  set_limit(la->limit, la->bound, value);
	return err ?: count;
}

static ssize_t exceeded_show(struct device *dev, struct device_attribute *attr,
			     char *buf)
{
	const struct limit_attribute *la = to_limit(attr);
	struct l1t_tenant *t = tenant_of(dev);

	return sysfs_emit(buf, "%llu\n", t ?
			  (u64)atomic64_read(&t->exceeded[la->bound][la->limit]) :
			  l1t_limit_exceeded(la->limit, la->bound));
}

static bool tenant_limit_effective(struct device *dev, enum l1t_limit limit)
{
	return (value_of(dev, limit, L1T_BOUND_LIMIT) != L1T_NO_LIMIT ||
		value_of(dev, limit, L1T_BOUND_AUDIT) != L1T_NO_LIMIT) &&
	       l1t_hook_state(l1t_limit_hook(limit)) == L1T_HOOK_OK;
}

static ssize_t effective_show(struct device *dev, struct device_attribute *attr,
			      char *buf)
{
	enum l1t_limit limit = to_limit(attr)->limit;

	return sysfs_emit(buf, "%d\n", tenant_of(dev) ?
			  tenant_limit_effective(dev, limit) :
			  limit_effective(limit));
}

/*
 * A tenant's values change with its guests, so they are protected like a guest's files.
 * A match has the limits of its pattern, which are set at the pattern.
 */
static umode_t limit_is_visible(struct kobject *kobj, struct attribute *attr, int n)
{
	const struct limit_attribute *la =
		container_of(attr, struct limit_attribute, attr.attr);
	const struct l1t_tenant *t = tenant_of(kobj_to_dev(kobj));

	if (!t)
		return la->limit == L1T_MAX_VMS_PER_SEC ? 0 : attr->mode;
	if (la->limit == L1T_MAX_VMS_PER_USER || la->limit == L1T_MAX_VCPUS_PER_VM ||
	    la->limit == L1T_MAX_MEMORY_PER_VM)
		return 0;
	return attr->mode & (READ_ONCE(t->pattern) ? ~0226 : ~0006);
}

#define LIMIT_ATTR(_name, _limit, _bound, _mode, _show, _store)		\
	{								\
		.attr = __ATTR(_name, _mode, _show, _store),		\
		.limit = _limit,					\
		.bound = _bound,					\
	}

/* @_exits_mode: for counts that change with guests' exits */
#define LIMIT_DIRECTORY(_dir, _bound, _mode, _exits_mode, _show, _store)	\
static struct limit_attribute _dir##_files[] = {			\
	LIMIT_ATTR(max_vms, L1T_MAX_VMS, _bound, _mode, _show, _store),	\
	LIMIT_ATTR(max_vms_per_user, L1T_MAX_VMS_PER_USER, _bound,	\
		   _mode, _show, _store),				\
	LIMIT_ATTR(max_vcpus, L1T_MAX_VCPUS, _bound, _mode, _show, _store), \
	LIMIT_ATTR(max_vcpus_per_vm, L1T_MAX_VCPUS_PER_VM, _bound,	\
		   _mode, _show, _store),				\
	LIMIT_ATTR(max_memory_bytes, L1T_MAX_MEMORY, _bound,		\
		   _mode, _show, _store),				\
	LIMIT_ATTR(max_memory_per_vm_bytes, L1T_MAX_MEMORY_PER_VM, _bound, \
		   _mode, _show, _store),				\
	LIMIT_ATTR(max_nested_vms, L1T_MAX_NESTED_VMS, _bound,		\
		   _mode, _show, _store),				\
	LIMIT_ATTR(max_exits_per_sec, L1T_MAX_EXITS_PER_SEC, _bound,	\
		   _exits_mode, _show, _store),				\
	LIMIT_ATTR(max_vms_per_sec, L1T_MAX_VMS_PER_SEC, _bound,	\
		   _mode, _show, _store),				\
};									\
static struct attribute *_dir##_attrs[] = {				\
	&_dir##_files[0].attr.attr, &_dir##_files[1].attr.attr,		\
	&_dir##_files[2].attr.attr, &_dir##_files[3].attr.attr,		\
	&_dir##_files[4].attr.attr, &_dir##_files[5].attr.attr,		\
	&_dir##_files[6].attr.attr, &_dir##_files[7].attr.attr,		\
	&_dir##_files[8].attr.attr, NULL				\
};									\
const struct attribute_group l1t_##_dir##_group = {			\
	.name = #_dir,							\
	.attrs = _dir##_attrs,						\
	.is_visible = limit_is_visible,					\
}

LIMIT_DIRECTORY(limits, L1T_BOUND_LIMIT, 0644, 0644, value_show, value_store);
LIMIT_DIRECTORY(audit, L1T_BOUND_AUDIT, 0644, 0644, value_show, value_store);
LIMIT_DIRECTORY(denied, L1T_BOUND_LIMIT, 0444, 0440, exceeded_show, NULL);
LIMIT_DIRECTORY(would_deny, L1T_BOUND_AUDIT, 0444, 0440, exceeded_show, NULL);
LIMIT_DIRECTORY(effective, L1T_BOUND_LIMIT, 0444, 0444, effective_show, NULL);

/* A guest's own limits. */

static ssize_t max_exits_per_sec_show(struct device *dev,
				      struct device_attribute *attr, char *buf)
{
	u64 rate = READ_ONCE(dev_to_guest(dev)->throttle.rate);

	if (rate == L1T_RATE_DEFAULT)
		return sysfs_emit(buf, "default\n");
	return emit_value(buf, rate);
}

static ssize_t max_exits_per_sec_store(struct device *dev,
				       struct device_attribute *attr,
				       const char *buf, size_t count)
{
	u64 rate = L1T_RATE_DEFAULT;
	int err = l1t_sysfs_check_writer(buf, count);

	if (!err && !sysfs_streq(buf, "default"))
		err = l1t_limit_parse(L1T_MAX_EXITS_PER_SEC, buf, &rate);
	if (err)
		return err;
	if (mutex_lock_interruptible(&set_lock))
		return -EINTR;
	l1t_throttle_set(dev_to_guest(dev), rate);
	l1t_attach_update();
	mutex_unlock(&set_lock);
	l1t_attach_release();
	return count;
}

/* Readable like all files of a guest, and writable by root. */
static struct device_attribute dev_attr_max_exits_per_sec =
	__ATTR(max_exits_per_sec, 0640, max_exits_per_sec_show,
	       max_exits_per_sec_store);

static struct attribute *guest_limits_attrs[] = {
	&dev_attr_max_exits_per_sec.attr,
	NULL
};

const struct attribute_group l1t_guest_limits_group = {
	.name = "limits",
	.attrs = guest_limits_attrs,
};
