// SPDX-License-Identifier: GPL-2.0
/*
 * Guests as devices. Adding and removing one sleeps and tells udev, so one
 * ordered workqueue does it, a moment after the guest came or went. However
 * many changes there were since, one run of it catches up with all of them.
 */
#include <linux/workqueue.h>

#include "guest.h"
#include "sysfs.h"

static struct workqueue_struct *devices_wq;

static void publish_vcpus(struct l1t_guest *g)
{
	struct l1t_vcpu *v;

	/* Only grows, and is freed only after this workqueue let go of @g. */
	list_for_each_entry_rcu(v, &g->vcpus, link, true) {
		if (v->published)
			continue;
		if (!l1t_sysfs_add_vcpu(v))
			v->published = true;
		else
			pr_warn_ratelimited("cannot show l2-%u/vcpu%u in sysfs\n",
					    g->id, v->id);
	}
}

static void publish(struct l1t_guest *g)
{
	if (!g->published) {
		g->dev.class = &l1t_class;
		g->dev.type = &l1t_guest_type;
		device_set_pm_not_required(&g->dev);
		if (dev_set_name(&g->dev, "l2-%u", g->id) ||
		    device_add(&g->dev)) {
			pr_warn_ratelimited("cannot show l2-%u in sysfs\n",
					    g->id);
			return;
		}
		g->published = true;
	}
	publish_vcpus(g);
}

static void unpublish(struct l1t_guest *g)
{
	struct l1t_vcpu *v;

	if (g->published) {
		list_for_each_entry(v, &g->vcpus, link)
			if (v->published)
				l1t_sysfs_remove_vcpu(v);
		device_del(&g->dev);
	}
	put_device(&g->dev);
}

static struct l1t_guest *next_guest(struct l1t_guest *g)
{
	/* Only this workqueue takes guests off the list. */
	raw_spin_lock(&l1t_lock);
	if (g)
		g = list_is_last(&g->link, &l1t_guests) ?
			NULL : list_next_entry(g, link);
	else
		g = list_first_entry_or_null(&l1t_guests, struct l1t_guest,
					     link);
	raw_spin_unlock(&l1t_lock);
	return g;
}

static void update(struct work_struct *work)
{
	struct l1t_guest *g, *next;

	for (g = next_guest(NULL); g; g = next) {
		if (READ_ONCE(g->kvm))
			publish(g);
		next = next_guest(g);
		if (READ_ONCE(g->kvm))
			continue;
		l1t_guest_retire(g);
		unpublish(g);
	}
}

static DECLARE_WORK(update_work, update);

/**
 * l1t_devices_update() - guests came or went
 *
 * Context: any.
 */
void l1t_devices_update(void)
{
	queue_work(devices_wq, &update_work);
}

/**
 * l1t_devices_init() - before the first guest
 *
 * Return: 0 or -ENOMEM.
 */
int l1t_devices_init(void)
{
	devices_wq = alloc_ordered_workqueue("l1tune", 0);
	return devices_wq ? 0 : -ENOMEM;
}

/**
 * l1t_devices_exit() - wait until all devices are gone
 *
 * Context: every guest has been abandoned.
 */
void l1t_devices_exit(void)
{
	l1t_devices_update();
	destroy_workqueue(devices_wq);
}
