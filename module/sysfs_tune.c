// SPDX-License-Identifier: GPL-2.0
/* The files about tuning: l1/tune/ and l2-<id>/tune/. */
#include <linux/capability.h>
#include <linux/device.h>
#include <linux/kstrtox.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "guest.h"
#include "sysfs.h"
#include "tune.h"

/* Valid input: a word for "not set here", or a number in a range. */
struct writable {
	const char *word;
	u64 least;
	u64 most;
};

/*
 * No 0: forcing an exit that KVM has disabled would be wrong where the CPU cannot exit
 * for the instruction.
 */
static const struct writable writables[L1T_TUNABLES] = {
	[L1T_TUNE_HALT_POLL_NS] = { "default", 0, U32_MAX },
	[L1T_TUNE_PAUSE_IN_GUEST] = { "default", 1, 1 },
	[L1T_TUNE_HLT_IN_GUEST] = { "default", 1, 1 },
	[L1T_TUNE_UID] = { "any", 0, U32_MAX - 1 },
};

static ssize_t emit_value(char *buf, enum l1t_tunable tunable, u64 value)
{
	if (value == L1T_TUNE_DEFAULT)
		return sysfs_emit(buf, "%s\n", writables[tunable].word);
	return sysfs_emit(buf, "%llu\n", value);
}

static int parse_value(const char *buf, size_t count,
		       enum l1t_tunable tunable, u64 *value)
{
	const struct writable *may = &writables[tunable];
	int err;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (strnlen(buf, count) != count)
		return -EINVAL;
	if (sysfs_streq(buf, may->word)) {
		*value = L1T_TUNE_DEFAULT;
		return 0;
	}
	/* kstrtou64() would take a sign. */
	if (buf[0] < '0' || buf[0] > '9')
		return -EINVAL;
	err = kstrtou64(buf, 10, value);
	if (err)
		return err;
	if (*value > may->most)
		return -ERANGE;
	return *value < may->least ? -EINVAL : 0;
}

struct tune_attribute {
	struct device_attribute attr;
	enum l1t_tunable tunable;
};

static enum l1t_tunable to_tunable(struct device_attribute *attr)
{
	return container_of(attr, struct tune_attribute, attr)->tunable;
}

static ssize_t tune_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	enum l1t_tunable tunable = to_tunable(attr);

	return emit_value(buf, tunable, l1t_tune_value(tunable));
}

static ssize_t tune_store(struct device *dev, struct device_attribute *attr,
			  const char *buf, size_t count)
{
	enum l1t_tunable tunable = to_tunable(attr);
	u64 value;
	int err;

	err = parse_value(buf, count, tunable, &value) ?:
	      l1t_tune_set(tunable, value);
	return err ?: count;
}

#define TUNE_ATTR(_name, _tunable)					\
	static struct tune_attribute tune_##_name = {			\
		.attr = __ATTR(_name, 0644, tune_show, tune_store),	\
		.tunable = _tunable,					\
	}

TUNE_ATTR(halt_poll_ns, L1T_TUNE_HALT_POLL_NS);
TUNE_ATTR(pause_in_guest, L1T_TUNE_PAUSE_IN_GUEST);
TUNE_ATTR(hlt_in_guest, L1T_TUNE_HLT_IN_GUEST);
TUNE_ATTR(uid, L1T_TUNE_UID);

static struct attribute *tune_attrs[] = {
	&tune_halt_poll_ns.attr.attr,
	&tune_pause_in_guest.attr.attr,
	&tune_hlt_in_guest.attr.attr,
	&tune_uid.attr.attr,
	NULL
};

const struct attribute_group l1t_tune_group = {
	.name = "tune",
	.attrs = tune_attrs,
};

/* A guest's own setting. */

static ssize_t halt_poll_ns_show(struct device *dev,
				 struct device_attribute *attr, char *buf)
{
	return emit_value(buf, L1T_TUNE_HALT_POLL_NS,
			  l1t_tune_guest_poll_ns(dev_to_guest(dev)));
}

static ssize_t halt_poll_ns_store(struct device *dev,
				  struct device_attribute *attr,
				  const char *buf, size_t count)
{
	u64 value;
	int err;

	err = parse_value(buf, count, L1T_TUNE_HALT_POLL_NS, &value) ?:
	      l1t_tune_guest_set_poll_ns(dev_to_guest(dev), value);
	return err ?: count;
}

/* Readable like all files of a guest, and writable by root. */
static struct device_attribute guest_halt_poll_ns =
	__ATTR(halt_poll_ns, 0640, halt_poll_ns_show, halt_poll_ns_store);

static struct attribute *guest_tune_attrs[] = {
	&guest_halt_poll_ns.attr,
	NULL
};

const struct attribute_group l1t_guest_tune_group = {
	.name = "tune",
	.attrs = guest_tune_attrs,
};
