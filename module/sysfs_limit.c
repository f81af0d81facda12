// SPDX-License-Identifier: GPL-2.0
/* The files about limits: limits/, audit/, denied/, would_deny/, effective/. */
#include <linux/capability.h>
#include <linux/device.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "attach.h"
#include "guest.h"
#include "limit.h"
#include "sysfs.h"
#include "throttle.h"

/* One limit at a time is set. */
static DEFINE_MUTEX(set_lock);

/* A file in one of the directories: of which limit, and limit or threshold. */
struct limit_attribute {
	struct device_attribute attr;
	enum l1t_limit limit;
	enum l1t_bound bound;
};

static const struct limit_attribute *to_limit(struct device_attribute *attr)
{
	return container_of(attr, struct limit_attribute, attr);
}

/**
 * l1t_limit_emit() - for a file with a limit
 * @buf: a page
 * @value: a number or L1T_NO_LIMIT
 */
ssize_t l1t_limit_emit(char *buf, u64 value)
{
	if (value == L1T_NO_LIMIT)
		return sysfs_emit(buf, "max\n");
	return sysfs_emit(buf, "%llu\n", value);
}

/**
 * l1t_limit_check_writer() - may who writes this, and is it text
 * @buf: what is written
 * @count: how much
 *
 * Return: 0, -EPERM or -EINVAL.
 */
int l1t_limit_check_writer(const char *buf, size_t count)
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
	return 0;
}

static ssize_t value_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	const struct limit_attribute *la = to_limit(attr);

	return l1t_limit_emit(buf, l1t_limit_value(la->limit, la->bound));
}

static ssize_t value_store(struct device *dev, struct device_attribute *attr,
			   const char *buf, size_t count)
{
	const struct limit_attribute *la = to_limit(attr);
	u64 value;
	int err;

	err = l1t_limit_check_writer(buf, count) ?:
	      l1t_limit_parse(la->limit, buf, &value) ?:
	      set_limit(la->limit, la->bound, value);
	return err ?: count;
}

static ssize_t exceeded_show(struct device *dev, struct device_attribute *attr,
			     char *buf)
{
	const struct limit_attribute *la = to_limit(attr);

	return sysfs_emit(buf, "%llu\n",
			  l1t_limit_exceeded(la->limit, la->bound));
}

static ssize_t effective_show(struct device *dev, struct device_attribute *attr,
			      char *buf)
{
	return sysfs_emit(buf, "%d\n",
			  l1t_limit_effective(to_limit(attr)->limit));
}

#define LIMIT_ATTR(_name, _limit, _bound, _mode, _show, _store)		\
	{								\
		.attr = __ATTR(_name, _mode, _show, _store),		\
		.limit = _limit,					\
		.bound = _bound,					\
	}

/* @_exits_mode: of that which moves with guests' exits */
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
};									\
static struct attribute *_dir##_attrs[] = {				\
	&_dir##_files[0].attr.attr, &_dir##_files[1].attr.attr,		\
	&_dir##_files[2].attr.attr, &_dir##_files[3].attr.attr,		\
	&_dir##_files[4].attr.attr, &_dir##_files[5].attr.attr,		\
	&_dir##_files[6].attr.attr, &_dir##_files[7].attr.attr,		\
	NULL								\
};									\
const struct attribute_group l1t_##_dir##_group = {			\
	.name = #_dir,							\
	.attrs = _dir##_attrs,						\
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
	return l1t_limit_emit(buf, rate);
}

static ssize_t max_exits_per_sec_store(struct device *dev,
				       struct device_attribute *attr,
				       const char *buf, size_t count)
{
	u64 rate = L1T_RATE_DEFAULT;
	int err = l1t_limit_check_writer(buf, count);

	if (!err && !sysfs_streq(buf, "default"))
		err = l1t_limit_parse(L1T_MAX_EXITS_PER_SEC, buf, &rate);
	if (err)
		return err;
	if (mutex_lock_interruptible(&set_lock))
		return -EINTR;
	l1t_throttle_set(dev_to_guest(dev), rate);
	l1t_attach_update();
	mutex_unlock(&set_lock);
	return count;
}

/* As all files of a guest, but that root may write. */
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
