// SPDX-License-Identifier: GPL-2.0
/* The files about slow exits: l1/slow/ and l2-<id>/slow. */
#include <linux/capability.h>
#include <linux/device.h>
#include <linux/kstrtox.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/timekeeping.h>

#include "clock.h"
#include "event.h"
#include "lines.h"
#include "sysfs.h"
#include "totals.h"
#include "watch.h"

static ssize_t emit_ns(char *buf, u64 ns)
{
	if (ns == L1T_SLOW_OFF)
		return sysfs_emit(buf, "max\n");
	return sysfs_emit(buf, "%llu\n", ns);
}

/* @max: the value of the word "max", 0 if that may not be written */
static int parse_ns(const char *buf, size_t count, u64 max, u64 *ns)
{
	int err;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (strnlen(buf, count) != count)
		return -EINVAL;
	if (max && sysfs_streq(buf, "max")) {
		*ns = max;
		return 0;
	}
	/* kstrtou64() would take a sign. */
	if (buf[0] < '0' || buf[0] > '9')
		return -EINVAL;
	err = kstrtou64(buf, 10, ns);
	if (err)
		return err;
	return *ns < L1T_SLOW_LEAST_NS || *ns > NSEC_PER_SEC * 3600 ? -ERANGE : 0;
}

static ssize_t over_ns_show(struct device *dev, struct device_attribute *attr,
			    char *buf)
{
	return emit_ns(buf, l1t_watch_over_ns());
}

static ssize_t over_ns_store(struct device *dev, struct device_attribute *attr,
			     const char *buf, size_t count)
{
	u64 ns;
	int err = parse_ns(buf, count, L1T_SLOW_OFF, &ns) ?: l1t_watch_set_over(ns);

	return err ?: count;
}
static DEVICE_ATTR_RW(over_ns);

static ssize_t watch_over_ns_show(struct device *dev,
				  struct device_attribute *attr, char *buf)
{
	return emit_ns(buf, l1t_watch_watched_ns());
}

static ssize_t watch_over_ns_store(struct device *dev,
				   struct device_attribute *attr,
				   const char *buf, size_t count)
{
	u64 ns;
	int err = parse_ns(buf, count, 0, &ns) ?: l1t_watch_renew(ns);

	return err ?: count;
}
static DEVICE_ATTR_RW(watch_over_ns);

static ssize_t exits_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	return sysfs_emit(buf, "%llu\n", l1t_slow_count());
}
static struct device_attribute dev_attr_exits = __ATTR(exits, 0440, exits_show, NULL);

static struct attribute *slow_attrs[] = {
	&dev_attr_over_ns.attr,
	&dev_attr_watch_over_ns.attr,
	&dev_attr_exits.attr,
	NULL
};

const struct attribute_group l1t_slow_group = {
	.name = "slow",
	.attrs = slow_attrs,
};

/* The length of a line of l2-<id>/slow. */
#define LINE_BYTES	1024

static void add_parts(char *line, int *len, const struct l1t_slow_exit *e)
{
	u64 rest = e->ticks, ticks;
	unsigned int i;

	for (i = 0; i < L1T_PARTS; i++) {
		ticks = min(e->parts_ticks[i], rest);
		rest -= ticks;
		*len += scnprintf(line + *len, LINE_BYTES - *len, " %s_ns=%llu",
				  l1t_part_names[i], l1t_ticks_to_ns(ticks));
	}
	*len += scnprintf(line + *len, LINE_BYTES - *len, " rest_ns=%llu",
			  l1t_ticks_to_ns(rest));
}

/* The exits before, as LEVEL/CODE:NS, latest first. */
static void add_before(char *line, int *len, const struct l1t_slow_exit *e)
{
	unsigned int i;

	for (i = 0; i < L1T_SLOW_BEFORE && e->before[i].known; i++)
		*len += scnprintf(line + *len, LINE_BYTES - *len, "%s%u/%u:%u",
				  i ? "," : " before=",
				  2 + e->before[i].key / L1T_SLOTS,
				  l1t_slot_code(e->before[i].key % L1T_SLOTS),
				  e->before[i].ns);
}

static void print_exit(struct l1t_vcpu *v, unsigned int n, char *line)
{
	char reason[48], comm[L1T_COMM_ESCAPED];
	struct l1t_slow_exit e;
	int len;

	/* An exit that is being replaced has no number; the next read shows it. */
	if (!l1t_slow_read(&v->acct.slow, n, &e)) {
		scnprintf(line, LINE_BYTES, "vcpu=%u number=0", v->id);
		return;
	}
	l1t_slot_name(l1t_isa(), e.key % L1T_SLOTS, reason, sizeof(reason));
	len = scnprintf(line, LINE_BYTES,
			"vcpu=%u number=%llu end_ns=%llu level=%u code=%u reason=%s tid=%d time_ns=%llu",
			v->id, e.number,
			ktime_get_boottime_ns() -
			l1t_ticks_to_ns(l1t_ticks_since(e.end_ticks, l1t_ticks())),
			2 + e.key / L1T_SLOTS, l1t_slot_code(e.key % L1T_SLOTS),
			reason, e.tid, l1t_ticks_to_ns(e.ticks));
	add_parts(line, &len, &e);
	if (l1t_stolen_state() == L1T_STEAL_OK)
		len += scnprintf(line + len, LINE_BYTES - len, " stolen_ns=%llu",
				 e.stolen_ns);
	if (e.ran.threads) {
		l1t_escape_comm(e.ran.comm, comm);
		len += scnprintf(line + len, LINE_BYTES - len,
				 " ran_pid=%d ran_ns=%llu ran_threads=%u ran_comm=%s",
				 e.ran.pid, l1t_ticks_to_ns(e.ran.ticks),
				 e.ran.threads, comm);
	}
	add_before(line, &len, &e);
}

static bool print_line(char *line, unsigned int n, const void *arg)
{
	const struct l1t_guest *g = arg;
	struct l1t_vcpu *v;
	unsigned int nr;

	/* Only grows, and entries live as long as the guest. */
	list_for_each_entry_rcu(v, &g->vcpus, link, true) {
		nr = l1t_slow_nr(&v->acct.slow);
		if (n < nr) {
			print_exit(v, n, line);
			return true;
		}
		n -= nr;
	}
	return false;
}

static ssize_t guest_slow_read(struct file *file, struct kobject *kobj,
			       l1t_read_bin_attribute *attr, char *buf,
			       loff_t pos, size_t count)
{
	char *line = kmalloc(LINE_BYTES, GFP_KERNEL);
	ssize_t len;

	if (!line)
		return -ENOMEM;
	len = l1t_lines_read(buf, pos, count, line, LINE_BYTES, print_line,
			     dev_to_guest(kobj_to_dev(kobj)));
	kfree(line);
	return len;
}

struct bin_attribute l1t_guest_slow = {
	.attr = { .name = "slow", .mode = 0440 },
	.read = guest_slow_read,
};
