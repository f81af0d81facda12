/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Work that the thread of a VMM does for us on its way out of the kernel, or
 * before it enters its guest again: there it may sleep, and what it allocates
 * is charged to it.
 */
#ifndef L1TUNE_WORK_H
#define L1TUNE_WORK_H

#include <linux/device.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/task_work.h>

/**
 * struct l1t_work - one piece of work of one thread
 * @head: in the thread's list, while queued
 * @link: among all that are queued; works_lock
 * @task: the thread, while queued
 * @owner: what the work is embedded in; kept while the work is busy
 * @fn: does it. Runs with @cancelled true, on any thread, if the module is
 *	unloaded first. Calls l1t_work_done() before the work may be queued again
 * @busy: queued or being done
 *
 * A thread may sleep in KVM for as long as its VMM likes before it gets to its
 * work. So what is queued holds nothing that others need, and unloading takes
 * it back.
 */
struct l1t_work {
	struct callback_head head;
	struct list_head link;
	struct task_struct *task;
	struct device *owner;
	void (*fn)(struct l1t_work *work, bool cancelled);
	bool busy;
};

void l1t_work_init(struct l1t_work *work, struct device *owner,
		   void (*fn)(struct l1t_work *work, bool cancelled));
int l1t_work_queue(struct l1t_work *work);
void l1t_works_stop(void);

static inline void l1t_work_done(struct l1t_work *work)
{
	/* Whoever queues the work next sees what was done before this. */
	smp_store_release(&work->busy, false);
}

#endif
