// SPDX-License-Identifier: GPL-2.0
#include <linux/jiffies.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/spinlock.h>

#include "symbol.h"
#include "work.h"

/* Taken on the exit path and in interrupts: held with interrupts disabled. */
static DEFINE_RAW_SPINLOCK(works_lock);
static LIST_HEAD(queued);
static unsigned int nr_running;
static bool stopping;

DEFINE_STATIC_KEY_FALSE(l1t_work_leaves);

/* Take a work off the list. Returns false if it was not on it any more. */
static bool take(struct l1t_work *work)
{
	unsigned long flags;
	bool taken;

	raw_spin_lock_irqsave(&works_lock, flags);
	taken = !list_empty(&work->link);
	list_del_init(&work->link);
	nr_running += taken;
	raw_spin_unlock_irqrestore(&works_lock, flags);
	return taken;
}

static void finish(struct l1t_work *work, bool cancelled)
{
	struct task_struct *task = work->task;
	struct device *owner = work->owner;
	unsigned long flags;

	/* fn() may let the work be queued again, so it is not accessed afterwards. */
	work->fn(work, cancelled);
	put_device(owner);
	put_task_struct(task);
	raw_spin_lock_irqsave(&works_lock, flags);
	nr_running--;
	raw_spin_unlock_irqrestore(&works_lock, flags);
}

static void run(struct callback_head *head)
{
	struct l1t_work *work = container_of(head, struct l1t_work, head);

	take(work);
	finish(work, false);
}

/* A work that will not run leaves no trace; its owner's last reference is not ours. */
static void drop(struct l1t_work *work)
{
	struct task_struct *task = work->task;
	unsigned long flags;

	raw_spin_lock_irqsave(&works_lock, flags);
	list_del_init(&work->link);
	raw_spin_unlock_irqrestore(&works_lock, flags);
	put_device(work->owner);
	l1t_work_done(work);
	put_task_struct(task);
}

/* As run(), which l1t_work_leave() must not find. */
static void run_within_ioctl(struct callback_head *head)
{
	run(head);
}

/**
 * l1t_work_init() - initialize a work before it is queued for the first time
 * @work: not queued
 * @owner: the device it is embedded in, or NULL
 * @fn: see struct l1t_work
 */
void l1t_work_init(struct l1t_work *work, struct device *owner,
		   void (*fn)(struct l1t_work *work, bool cancelled))
{
	INIT_LIST_HEAD(&work->link);
	work->owner = owner;
	work->fn = fn;
}

static int queue(struct l1t_work *work, task_work_func_t func)
{
	unsigned long flags;
	int err = 0;

	/* Pairs with l1t_work_done(). */
	if (smp_load_acquire(&work->busy))
		return -EBUSY;
	raw_spin_lock_irqsave(&works_lock, flags);
	if (stopping) {
		err = -ESHUTDOWN;
	} else if (work->busy) {
		/* An interrupt on this thread has queued it meanwhile, see throttle.c. */
		err = -EBUSY;
	} else {
		work->busy = true;
		/* For a call it is set already; l1t_call_of_current() may be reading it. */
		WRITE_ONCE(work->task, get_task_struct(current));
		get_device(work->owner);
		init_task_work(&work->head, func);
		list_add_tail(&work->link, &queued);
	}
	raw_spin_unlock_irqrestore(&works_lock, flags);
	if (err)
		return err;

	err = l1t_task_work_add(current, &work->head);
	/* It is not in the thread's list, so nobody else takes it. */
	if (err)
		drop(work);
	return err;
}

/**
 * l1t_work_queue() - queue a work for the current thread
 * @work: queued by one thread at a time
 *
 * Context: any but NMI, on a thread that is in an ioctl of KVM's.
 * Return: 0; -EBUSY if it is queued or running; -ESRCH if the thread is exiting; -ESHUTDOWN
 * while the module is being unloaded.
 */
int l1t_work_queue(struct l1t_work *work)
{
	return queue(work, run);
}

/**
 * l1t_work_queue_within_ioctl() - queue a work that ends with this ioctl
 * @work: queued by one thread at a time
 *
 * As l1t_work_queue(), for a work that the next thread may want to queue as soon as this
 * one has left the ioctl, see l1t_work_leave_needed().
 *
 * Return: as l1t_work_queue().
 */
int l1t_work_queue_within_ioctl(struct l1t_work *work)
{
	return queue(work, run_within_ioctl);
}

/**
 * l1t_work_leave_needed() - start or stop using works that end with their ioctl
 * @needed: true to start; as often as it was started, it is stopped
 *
 * Without l1t_work_leave() a thread that gets no CPU after the ioctl would keep its work
 * busy, and undone, while another thread runs the vCPU.
 *
 * Context: may sleep.
 */
void l1t_work_leave_needed(bool needed)
{
	if (needed)
		static_branch_inc(&l1t_work_leaves);
	else
		static_branch_dec(&l1t_work_leaves);
}

/**
 * l1t_work_leave() - the current thread leaves the ioctl: cancel what it has queued
 *
 * Context: any but NMI. The ioctl keeps the works' owner alive, and the vCPU's mutex is held,
 * so that no other thread queues them.
 */
void l1t_work_leave(void)
{
	struct callback_head *head;

	while ((head = l1t_task_work_cancel(current, run_within_ioctl))) {
		struct l1t_work *work = container_of(head, struct l1t_work, head);

		take(work);
		finish(work, true);
	}
}

static struct task_struct *task_of_first(task_work_func_t *func)
{
	struct task_struct *task = NULL;
	struct l1t_work *work;

	raw_spin_lock_irq(&works_lock);
	work = list_first_entry_or_null(&queued, struct l1t_work, link);
	if (work) {
		task = get_task_struct(work->task);
		*func = work->head.func;
	}
	raw_spin_unlock_irq(&works_lock);
	return task;
}

static bool all_done(void)
{
	bool done;

	raw_spin_lock_irq(&works_lock);
	done = list_empty(&queued) && !nr_running;
	raw_spin_unlock_irq(&works_lock);
	return done;
}

/* How long unloading waits before it names the thread that it waits for. */
#define TELL_AFTER	(2 * HZ)

/**
 * l1t_works_stop() - cancel all work that has not begun, wait for the rest
 *
 * No work can be queued any more. Work that has begun sleeps no longer than an allocation
 * does. A thread that has begun the work of others takes ours with it, and does it
 * afterwards: if that work sleeps on memory that its user does not provide, as io_uring's
 * may, unloading waits until the thread is killed.
 *
 * Context: may sleep; module unload.
 */
void l1t_works_stop(void)
{
	unsigned long tell = jiffies + TELL_AFTER;
	struct callback_head *head;
	struct task_struct *task;
	task_work_func_t func;
	bool told = false;

	raw_spin_lock_irq(&works_lock);
	stopping = true;
	raw_spin_unlock_irq(&works_lock);

	while (!all_done()) {
		task = task_of_first(&func);
		head = task ? l1t_task_work_cancel(task, func) : NULL;
		if (head) {
			struct l1t_work *work = container_of(head, struct l1t_work, head);

			take(work);
			finish(work, true);
		} else {
			/* It has just begun, or is just being queued. */
			schedule_timeout_uninterruptible(1);
		}
		if (task && !told && time_after(jiffies, tell)) {
			pr_warn("unloading waits for thread %d (%*pE), which has work of others to do first; it ends if the thread is killed\n",
				task_pid_nr(task),
				(int)strnlen(task->comm, TASK_COMM_LEN), task->comm);
			told = true;
		}
		if (task)
			put_task_struct(task);
	}
}
