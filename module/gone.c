// SPDX-License-Identifier: GPL-2.0
/*
 * Guests that ended. The boxes of a guest's vCPUs outlive it in a record, which is a
 * text file, l1/gone/<id>. It never changes, and is removed when newer ones displace
 * it, see kept.h.
 */
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/timekeeping.h>

#include "gone.h"
#include "gone_record.h"

static unsigned int gone_max = 32;
module_param(gone_max, uint, 0444);
MODULE_PARM_DESC(gone_max, "guests that ended of which records are kept (default 32, at most 1024)");

#define MOST_RECORDS	1024u

/* Boxes per record, at most; a guest may have 4096 vCPUs. */
#define MOST_BOXES	16

/* A guest that ends this soon after its first exit counts as young. */
#define YOUNG_NS	NSEC_PER_SEC

/* Changed only by the devices workqueue. */
static LIST_HEAD(records);
static unsigned int nr_records;
static struct kobject *dir;
static u64 counts[L1T_END_COUNTS];

/* The open file keeps the record, which never changes. */
static ssize_t gone_read(struct file *file, struct kobject *kobj,
			 l1t_read_bin_attribute *attr, char *buf, loff_t pos,
			 size_t count)
{
	return l1t_record_read(attr->private, buf, pos, count);
}

static void drop(struct l1t_record *r)
{
	struct l1t_box *box, *next;

	if (r->file.private)
		sysfs_remove_bin_file(dir, &r->file);
	list_for_each_entry_safe(box, next, &r->boxes, link)
		l1t_box_free(box);
	kfree(r);
}

static void add_record(struct l1t_record *r)
{
	struct l1t_record *old;

	l1t_kept_add(&records, &r->kept);
	nr_records++;
	sysfs_bin_attr_init(&r->file);
	snprintf(r->name, sizeof(r->name), "%llu", r->id);
	r->file.attr.name = r->name;
	r->file.attr.mode = 0440;
	r->file.read = gone_read;
	r->file.private = r;
	if (sysfs_create_bin_file(dir, &r->file)) {
		pr_warn_ratelimited("cannot show gone/%llu in sysfs\n", r->id);
		r->file.private = NULL;
	}
	while (nr_records > min(gone_max, MOST_RECORDS)) {
		old = container_of(l1t_kept_least_wanted(&records),
				   struct l1t_record, kept);
		l1t_kept_remove(&records, &old->kept);
		nr_records--;
		drop(old);
	}
}

/* Called first for boxes with an end, then for the others. */
static void take_boxes(struct l1t_record *r, struct l1t_guest *g, bool with_end)
{
	struct l1t_vcpu *v;
	struct l1t_box *box;

	list_for_each_entry(v, &g->vcpus, link) {
		if (r->nr_boxes == MOST_BOXES)
			break;
		raw_spin_lock(&l1t_lock);
		box = v->acct.box;
		if (box && box->is_closed && box->is_final == with_end) {
			v->acct.box = NULL;
			list_add_tail(&box->link, &r->boxes);
			r->nr_boxes++;
		}
		raw_spin_unlock(&l1t_lock);
	}
}

static void take_times(struct l1t_record *r)
{
	const struct l1t_box *box;
	u64 first = 0, ended = 0;

	list_for_each_entry(box, &r->boxes, link) {
		if (box->first_ticks && (!first || box->first_ticks < first))
			first = box->first_ticks;
		ended = max(ended, box->past.now_ticks);
	}
	r->now_ns = ktime_get_boottime_ns();
	r->now_ticks = l1t_ticks();
	r->ended_ns = ended ? l1t_record_time_ns(r, ended) : r->now_ns;
	r->first_exit_ns = first ? l1t_record_time_ns(r, first) : 0;
}

static struct l1t_record *make_record(struct l1t_guest *g)
{
	struct l1t_record *r = kzalloc(sizeof(*r), GFP_KERNEL);
	struct l1t_vcpu *v;

	if (!r)
		return NULL;
	INIT_LIST_HEAD(&r->boxes);
	r->id = g->id;
	r->pid = g->pid;
	r->uid = from_kuid(&init_user_ns, g->cred->uid);
	r->kept.user = l1t_cred_outermost(g->cred);
	strscpy(r->comm, g->comm, sizeof(r->comm));
	r->created_ns = g->created_ns;
	r->memory_bytes = g->memory_peak_bytes;
	r->denied = g->denied;
	l1t_guest_counts(g, &r->counts);
	list_for_each_entry(v, &g->vcpus, link)
		r->nr_vcpus++;
	take_boxes(r, g, true);
	take_boxes(r, g, false);
	take_times(r);
	return r;
}

/**
 * l1t_gone_keep() - record a guest that has ended
 * @g: the guest; its vCPUs have been destroyed
 *
 * A guest that never had a vCPU is not recorded: VMMs create such VMs to query KVM's
 * capabilities. Nor is one whose end was not observed.
 *
 * Context: devices workqueue.
 * Return: how it ended, as named in l1/ended, or NULL.
 */
const char *l1t_gone_keep(struct l1t_guest *g)
{
	struct l1t_record *r;
	enum l1t_end end;

	if (list_empty(&g->vcpus))
		return NULL;
	r = make_record(g);
	if (!r || !r->nr_boxes) {
		WRITE_ONCE(counts[L1T_COUNT_UNKEPT], counts[L1T_COUNT_UNKEPT] + 1);
		kfree(r);
		return NULL;
	}
	end = l1t_find_end(r);
	r->end = end;
	WRITE_ONCE(counts[end], counts[end] + 1);
	if (r->first_exit_ns && r->ended_ns - r->first_exit_ns < YOUNG_NS)
		WRITE_ONCE(counts[L1T_COUNT_YOUNG], counts[L1T_COUNT_YOUNG] + 1);
	if (dir && gone_max)
		add_record(r);
	else
		drop(r);
	return l1t_end_names[end];
}

/* l1/ended/ */

struct count_attribute {
	struct device_attribute attr;
	enum l1t_end end;
};

static ssize_t count_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	const struct count_attribute *ca =
		container_of(attr, struct count_attribute, attr);

	return sysfs_emit(buf, "%llu\n", READ_ONCE(counts[ca->end]));
}

#define COUNT_ATTR(_name, _end)						\
	static struct count_attribute ended_##_name = {			\
		.attr = __ATTR(_name, 0440, count_show, NULL),		\
		.end = _end,						\
	}

COUNT_ATTR(shutdown, L1T_END_SHUTDOWN);
COUNT_ATTR(reset, L1T_END_RESET);
COUNT_ATTR(internal_error, L1T_END_INTERNAL_ERROR);
COUNT_ATTR(fail_entry, L1T_END_FAIL_ENTRY);
COUNT_ATTR(system_event, L1T_END_SYSTEM_EVENT);
COUNT_ATTR(run_error, L1T_END_RUN_ERROR);
COUNT_ATTR(killed, L1T_END_KILLED);
COUNT_ATTR(exited, L1T_END_EXITED);
COUNT_ATTR(closed, L1T_END_CLOSED);
COUNT_ATTR(young, L1T_COUNT_YOUNG);
COUNT_ATTR(unkept, L1T_COUNT_UNKEPT);

static struct attribute *ended_attrs[] = {
	&ended_shutdown.attr.attr,
	&ended_reset.attr.attr,
	&ended_internal_error.attr.attr,
	&ended_fail_entry.attr.attr,
	&ended_system_event.attr.attr,
	&ended_run_error.attr.attr,
	&ended_killed.attr.attr,
	&ended_exited.attr.attr,
	&ended_closed.attr.attr,
	&ended_young.attr.attr,
	&ended_unkept.attr.attr,
	NULL
};

const struct attribute_group l1t_ended_group = {
	.name = "ended",
	.attrs = ended_attrs,
};

/* The directory l1/gone/. */

static void dir_release(struct kobject *kobj)
{
	kfree(kobj);
}

static l1t_kobject_ownership dir_readers;

static void dir_ownership(l1t_ownership_kobject *kobj, kuid_t *uid, kgid_t *gid)
{
	dir_readers(kobj, uid, gid);
}

static const struct kobj_type dir_type = {
	.release = dir_release,
	.sysfs_ops = &kobj_sysfs_ops,
	.get_ownership = dir_ownership,
};

/**
 * l1t_gone_start() - create l1/gone
 * @l1: its parent
 * @ownership: says who may read the records
 *
 * Return: 0 or an error.
 */
int l1t_gone_start(struct device *l1, l1t_kobject_ownership ownership)
{
	struct kobject *kobj = kzalloc(sizeof(*kobj), GFP_KERNEL);
	int err;

	if (!kobj)
		return -ENOMEM;
	dir_readers = ownership;
	/* Up to 6.1 this is not declared const, but is not written either. */
	err = kobject_init_and_add(kobj, (void *)&dir_type, &l1->kobj, "gone");
	if (err) {
		kobject_put(kobj);
		return err;
	}
	dir = kobj;
	return 0;
}

/**
 * l1t_gone_stop() - remove all records
 *
 * Context: may sleep; no guest is left, and none can be created. Waits for readers.
 */
void l1t_gone_stop(void)
{
	struct l1t_record *r, *next;

	list_for_each_entry_safe(r, next, &records, kept.link) {
		list_del(&r->kept.link);
		drop(r);
	}
	if (dir)
		kobject_put(dir);
	dir = NULL;
}
