// SPDX-License-Identifier: GPL-2.0
/*
 * Guests as devices: adds and removes them. That sleeps and causes work for udev, so an
 * ordered workqueue does it some time later. One run handles all changes since the
 * last, however many there were, and looks only at guests that have changed: there may
 * be a thousand.
 *
 * A guest is shown once it has lived for BIRTH_NS: VMMs create VMs only to query KVM's
 * capabilities, and these need no device. Where many are created at once, this also
 * leaves the CPU to those who create them.
 */
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/workqueue.h>

#include "attach.h"
#include "device.h"
#include "event.h"
#include "gone.h"
#include "started.h"
#include "sysfs.h"
#include "throttle.h"
#include "totals.h"

#define BIRTH_NS	(250 * NSEC_PER_MSEC)

static struct workqueue_struct *devices_wq;

/*
 * Guests whose devices are not up to date; l1t_lock. Those that are not to be shown yet
 * are in a list of their own, oldest first, so that none is looked at twice.
 */
static LIST_HEAD(changed_guests);
static LIST_HEAD(young_guests);

static bool publish_vcpus(struct l1t_guest *g)
{
	struct l1t_vcpu *v;
	bool all = true;

	/* Only grows, and entries are freed only after unpublish() has put @g. */
	list_for_each_entry_rcu(v, &g->vcpus, link, true) {
		if (v->published)
			continue;
		if (!l1t_sysfs_add_vcpu(v)) {
			v->published = true;
			continue;
		}
		pr_warn_ratelimited("cannot show l2-%llu/vcpu%u in sysfs\n",
				    g->id, v->id);
		all = false;
	}
	return all;
}

/* @more: the rest of the record, may be empty */
static void record(const struct l1t_guest *g, const char *action, const char *more)
{
	char comm[L1T_COMM_ESCAPED];

	l1t_escape_comm(g->comm, comm);
	l1t_event_record("EVENT=guest ACTION=%s L2=l2-%llu PID=%d UID=%u COMM=%s%s",
			 action, g->id, g->pid,
			 from_kuid(&init_user_ns, g->cred->uid), comm, more);
}

/* @end: how it ended, or NULL */
static void record_end(struct l1t_guest *g, const char *end)
{
	static const char * const parts[] = {
		[L1T_PART_KERNEL] = "KERNEL",
		[L1T_PART_VMM] = "VMM",
		[L1T_PART_VMM_SLEEP] = "VMM_SLEEP",
		[L1T_PART_HALTED] = "HALTED",
		[L1T_PART_BLOCKED] = "BLOCKED",
		[L1T_PART_RUNQ] = "RUNQ",
		[L1T_PART_THROTTLED] = "THROTTLED",
	};
	/* Eleven names, and numbers of at most 20 digits. */
	char counts[416];
	struct l1t_counts c = {};
	unsigned int i;
	int len;

	l1t_guest_counts(g, &c);
	len = scnprintf(counts, sizeof(counts),
			" EXITS=%llu GUEST_TIME_NS=%llu EXIT_TIME_NS=%llu",
			c.exits, c.guest_time_ns, c.exit_time_ns);
	for (i = 0; i < L1T_PARTS_AND_KERNEL; i++)
		len += scnprintf(counts + len, sizeof(counts) - len,
				 " %s_TIME_NS=%llu", parts[i], c.parts_ns[i]);
	if (end)
		scnprintf(counts + len, sizeof(counts) - len, " END=%s", end);
	record(g, "remove", counts);
}

/* Returns false if the caller must try again. */
static bool publish(struct l1t_guest *g)
{
	if (!g->published) {
		g->dev.class = &l1t_class;
		g->dev.type = &l1t_guest_type;
		device_set_pm_not_required(&g->dev);
		if (dev_set_name(&g->dev, "l2-%llu", g->id) ||
		    device_add(&g->dev)) {
			pr_warn_ratelimited("cannot show l2-%llu in sysfs\n",
					    g->id);
			return false;
		}
		g->published = true;
		record(g, "add", "");
	}
	return publish_vcpus(g);
}

static void unpublish(struct l1t_guest *g, const char *end)
{
	struct l1t_vcpu *v;

	if (g->published) {
		list_for_each_entry(v, &g->vcpus, link)
			if (v->published)
				l1t_sysfs_remove_vcpu(v);
		record_end(g, end);
		device_del(&g->dev);
		/*
		 * The file that sets it is gone. Its hooks are not released here, because a
		 * user's threads can make that take long, and all guests need this queue.
		 */
		if (g->throttle.rate != L1T_RATE_DEFAULT)
			l1t_throttle_set(g, L1T_RATE_DEFAULT);
	}
	put_device(&g->dev);
}

static bool is_young(const struct l1t_guest *g)
{
	return !g->adopted && ktime_get_boottime_ns() - g->created_ns < BIRTH_NS;
}

/* If the guest ends after this, it is returned once more. */
static struct l1t_guest *next_changed(bool *gone)
{
	struct l1t_guest *g, *next;

	raw_spin_lock(&l1t_lock);
	list_for_each_entry_safe(g, next, &young_guests, changed) {
		if (is_young(g))
			break;
		list_move_tail(&g->changed, &changed_guests);
	}
	g = list_first_entry_or_null(&changed_guests, struct l1t_guest, changed);
	if (g) {
		list_del_init(&g->changed);
		*gone = !g->kvm;
	}
	raw_spin_unlock(&l1t_lock);
	return g;
}

static void update(struct work_struct *work);
static DECLARE_DELAYED_WORK(update_work, update);

static void update(struct work_struct *work)
{
	struct l1t_guest *g;
	bool gone, some_young;
	LIST_HEAD(again);

	while ((g = next_changed(&gone))) {
		if (gone) {
			l1t_started_keep(g);
			l1t_guest_retire(g);
			unpublish(g, l1t_gone_keep(g));
		} else if (!publish(g)) {
			raw_spin_lock(&l1t_lock);
			list_move_tail(&g->changed, &again);
			raw_spin_unlock(&l1t_lock);
		}
	}
	/* These are tried again with the next change of any guest. */
	raw_spin_lock(&l1t_lock);
	list_splice(&again, &changed_guests);
	some_young = !list_empty(&young_guests);
	raw_spin_unlock(&l1t_lock);
	if (some_young)
		l1t_devices_update(true);
}

/**
 * l1t_device_changed() - a guest began or ended, or has one more vCPU
 * @g: the guest; l1t_devices_update() follows
 *
 * Context: l1t_lock held.
 */
void l1t_device_changed(struct l1t_guest *g)
{
	lockdep_assert_held(&l1t_lock);
	/* It has no id yet, so no name; l1t_life_confirm() calls again. */
	if (g->kvm && !g->id)
		return;
	if (!g->kvm)
		list_move_tail(&g->changed, &changed_guests);
	else if (list_empty(&g->changed))
		list_add_tail(&g->changed, is_young(g) ? &young_guests : &changed_guests);
}

/**
 * l1t_devices_update() - update the devices of guests that have changed
 * @delay: wait for BIRTH_NS, unless an update is pending already
 *
 * Context: any.
 */
void l1t_devices_update(bool delay)
{
	if (delay)
		queue_delayed_work(devices_wq, &update_work,
				   nsecs_to_jiffies(BIRTH_NS) + 1);
	else
		mod_delayed_work(devices_wq, &update_work, 0);
}

/**
 * l1t_devices_init() - call before the first guest enters the registry
 *
 * Return: 0 or -ENOMEM.
 */
int l1t_devices_init(void)
{
	devices_wq = alloc_ordered_workqueue("l1tune", 0);
	return devices_wq ? 0 : -ENOMEM;
}

/**
 * l1t_devices_exit() - remove all devices
 *
 * Context: may sleep; all guests have left the registry.
 */
void l1t_devices_exit(void)
{
	l1t_devices_update(false);
	flush_delayed_work(&update_work);
	destroy_workqueue(devices_wq);
}
