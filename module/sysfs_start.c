// SPDX-License-Identifier: GPL-2.0
/* The files about starts: l1/start/, tenant-<id>/start/ and l2-<id>/start. */
#include <linux/capability.h>
#include <linux/device.h>
#include <linux/kstrtox.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "compat.h"
#include "lines.h"
#include "reason.h"
#include "start_view.h"
#include "started.h"
#include "sysfs.h"

static ssize_t port_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	u32 port = l1t_start_port();

	if (port == L1T_NO_PORT)
		return sysfs_emit(buf, "none\n");
	return sysfs_emit(buf, "0x%x\n", port);
}

static ssize_t port_store(struct device *dev, struct device_attribute *attr,
			  const char *buf, size_t count)
{
	u16 port;
	int err;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (strnlen(buf, count) != count)
		return -EINVAL;
	if (sysfs_streq(buf, "none")) {
		l1t_start_set_port(L1T_NO_PORT);
		return count;
	}
	/* kstrtou16() would take a sign. */
	if (buf[0] < '0' || buf[0] > '9')
		return -EINVAL;
	err = kstrtou16(buf, 0, &port);
	if (err)
		return err;
	l1t_start_set_port(port);
	return count;
}
static DEVICE_ATTR_RW(port);

static void starts_of(struct device *dev, struct l1t_starts *sum)
{
	l1t_started_sum(l1t_is_tenant(dev) ? dev_to_tenant(dev) : NULL, sum);
}

static int emit_hist(char *buf, int at, const char *name,
		     const struct l1t_starts_hist *hist)
{
	u64 count = 0;
	unsigned int i;
	int len;

	for (i = 0; i < L1T_STARTS_BUCKETS; i++)
		count += hist->buckets[i];
	len = sysfs_emit_at(buf, at, "%s %llu %llu", name, count, hist->sum_ns);
	for (i = 0; i < L1T_STARTS_BUCKETS; i++)
		len += sysfs_emit_at(buf, at + len, " %llu", hist->buckets[i]);
	return len + sysfs_emit_at(buf, at + len, "\n");
}

static ssize_t times_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct l1t_starts *sum = kzalloc(sizeof(*sum), GFP_KERNEL);
	unsigned int i;
	int len;

	if (!sum)
		return -ENOMEM;
	starts_of(dev, sum);
	len = emit_hist(buf, 0, "total", &sum->total);
	for (i = 0; i < L1T_PHASES; i++)
		len += emit_hist(buf, len, l1t_phase_names[i], &sum->phases[i]);
	kfree(sum);
	return len;
}
static struct device_attribute dev_attr_times = __ATTR(times, 0440, times_show, NULL);

static ssize_t ended_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct l1t_starts *sum = kzalloc(sizeof(*sum), GFP_KERNEL);
	u64 ended;

	if (!sum)
		return -ENOMEM;
	starts_of(dev, sum);
	ended = sum->ended;
	kfree(sum);
	return sysfs_emit(buf, "%llu\n", ended);
}
static struct device_attribute dev_attr_ended = __ATTR(ended, 0440, ended_show, NULL);

static struct attribute *tenant_start_attrs[] = {
	&dev_attr_times.attr,
	&dev_attr_ended.attr,
	NULL
};

const struct attribute_group l1t_tenant_start_group = {
	.name = "start",
	.attrs = tenant_start_attrs,
};

static struct attribute *start_attrs[] = {
	&dev_attr_port.attr,
	&dev_attr_times.attr,
	&dev_attr_ended.attr,
	NULL
};

static ssize_t last_read(struct file *file, struct kobject *kobj,
			 l1t_read_bin_attribute *attr, char *buf, loff_t pos,
			 size_t count)
{
	return l1t_started_read(buf, pos, count);
}

static struct bin_attribute last = {
	.attr = { .name = "last", .mode = 0440 },
	.read = last_read,
};

static l1t_group_bin_attribute *start_bin_attrs[] = {
	&last,
	NULL
};

const struct attribute_group l1t_start_group = {
	.name = "start",
	.attrs = start_attrs,
	.bin_attrs = start_bin_attrs,
};

/* The length of a line of l2-<id>/start. */
#define LINE_BYTES	256

#define HEAD_LINES	6

static void print_head(char *s, const struct l1t_start_view *view, unsigned int n)
{
	switch (n) {
	case 0:
		snprintf(s, LINE_BYTES, "state %s",
			 l1t_start_state_names[view->times.state]);
		break;
	case 1:
		if (view->times.port == L1T_NO_PORT)
			snprintf(s, LINE_BYTES, "until idle");
		else
			snprintf(s, LINE_BYTES, "until port 0x%x", view->times.port);
		break;
	case 2:
		l1t_line_time(s, LINE_BYTES, "memory_ns", view->memory_ns);
		break;
	case 3:
		l1t_line_time(s, LINE_BYTES, "vcpu_ns", view->vcpu_ns);
		break;
	case 4:
		l1t_line_time(s, LINE_BYTES, "halt_ns", view->halt_ns);
		break;
	case 5:
		l1t_line_time(s, LINE_BYTES, "idle_ns", view->idle_ns);
		break;
	}
}

/* Exits within a phase, or NULL: they are counted only from the first entry on. */
static const struct l1t_start_guest *guest_of(const struct l1t_start_view *view,
					      enum l1t_phase phase)
{
	switch (phase) {
	case L1T_PHASE_FIRMWARE:
		return &view->firmware;
	case L1T_PHASE_BOOT:
		return &view->boot;
	default:
		return NULL;
	}
}

static void print_phase(char *s, const struct l1t_start_view *view, enum l1t_phase phase)
{
	const struct l1t_start_guest *guest = guest_of(view, phase);
	const char *name = l1t_phase_names[phase];
	u64 ns = view->times.ns[phase];

	if (guest)
		snprintf(s, LINE_BYTES, "phase %s %llu %llu", name, ns, guest->guest_ns);
	else if (phase == L1T_PHASE_ENTRY && !view->times.has_entry)
		snprintf(s, LINE_BYTES, "phase %s -", name);
	else
		snprintf(s, LINE_BYTES, "phase %s %llu", name, ns);
}

static void print_reason(char *s, const struct l1t_start_reason *r)
{
	unsigned int slot = r->key % L1T_SLOTS, i;
	char reason[48];
	int len;

	l1t_slot_name(l1t_isa(), slot, reason, sizeof(reason));
	len = scnprintf(s, LINE_BYTES, "reason %u %u %s %llu", 2 + r->key / L1T_SLOTS,
			l1t_slot_code(slot), reason, r->count);
	for (i = 0; i < L1T_PARTS_AND_KERNEL; i++)
		len += scnprintf(s + len, LINE_BYTES - len, " %s_ns=%llu",
				 l1t_part_names[i], r->parts_ns[i]);
}

/* Returns false if there is no such line. */
static bool print_line(char *s, unsigned int n, const void *arg)
{
	const struct l1t_start_view *view = arg;
	const struct l1t_start_guest *guest;
	unsigned int phase, nr;

	if (n < HEAD_LINES) {
		print_head(s, view, n);
		return true;
	}
	n -= HEAD_LINES;
	for (phase = 0; phase < view->times.nr; phase++) {
		guest = guest_of(view, phase);
		nr = 1 + (guest ? guest->nr : 0);
		if (!n)
			print_phase(s, view, phase);
		else if (n < nr)
			print_reason(s, &guest->reasons[n - 1]);
		if (n < nr)
			return true;
		n -= nr;
	}
	/* Lets a reader check that all of it is of one state. */
	snprintf(s, LINE_BYTES, "end %s %u", l1t_start_state_names[view->times.state],
		 view->times.nr);
	return !n;
}

static ssize_t guest_start_read(struct file *file, struct kobject *kobj,
				l1t_read_bin_attribute *attr, char *buf, loff_t pos,
				size_t count)
{
	struct l1t_guest *g = dev_to_guest(kobj_to_dev(kobj));
	struct l1t_start_view *view = kzalloc(sizeof(*view), GFP_KERNEL);
	char line[LINE_BYTES];
	ssize_t len;

	if (!view)
		return -ENOMEM;
	l1t_start_get_view(g, view);
	len = l1t_lines_read(buf, pos, count, line, sizeof(line), print_line, view);
	kfree(view);
	return len;
}

struct bin_attribute l1t_guest_start = {
	.attr = { .name = "start", .mode = 0440 },
	.read = guest_start_read,
};
