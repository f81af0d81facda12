/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Work that a VMM's thread does for us when it returns to user space, or before it
 * enters its guest again: there it may sleep, and is charged for what it allocates.
 */
#ifndef L1TUNE_WORK_H
#define L1TUNE_WORK_H

#include <linux/device.h>
#include <linux/jump_label.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/task_work.h>

/**
 * struct l1t_work - one piece of work of one thread
 * @head: in the thread's task work list, while queued
 * @link: among all queued works; works_lock
 * @task: the thread, while queued
 * @owner: the device it is embedded in, referenced while the work is busy; or NULL
 * @fn: does it. Runs with @cancelled true, on any thread, if the module is unloaded
 *	first. Calls l1t_work_done() before the work may be queued again
 * @busy: queued or running
 *
 * A thread may sleep in KVM for as long as its VMM likes before it runs the work. So a
 * queued work holds nothing that others need, and unloading cancels it.
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
int l1t_work_queue_within_ioctl(struct l1t_work *work);
void l1t_work_leave_needed(bool needed);
void l1t_work_leave(void);
void l1t_works_stop(void);

/* Enabled while threads must call l1t_work_leave(). */
DECLARE_STATIC_KEY_FALSE(l1t_work_leaves);

static inline void l1t_work_done(struct l1t_work *work)
{
	/* The next to queue the work sees everything done before. Pairs with l1t_work_queue(). */
	smp_store_release(&work->busy, false);
}

#endif
