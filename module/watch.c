// SPDX-License-Identifier: GPL-2.0
/*
 * Decides which exits are slow: those that take longer than the configured threshold, or
 * than the present watchers' threshold. Watching is a lease that expires by itself, so a
 * watcher that is killed leaves nothing behind. While it lasts, the CPUs' context
 * switches are logged as well, and l1/slow/exits can be polled.
 *
 * The exit path wakes no watcher: a work item polls the count.
 */
#include <linux/jiffies.h>
#include <linux/mutex.h>
#include <linux/sysfs.h>
#include <linux/workqueue.h>

#include "ran.h"
#include "slow.h"
#include "watch.h"

#define DEFAULT_NS	(10 * 1000 * 1000)
#define LEASE		(10 * HZ)
#define INTERVAL	(HZ / 50 ?: 1)

/*
 * Protects what follows. Readers of sysfs files take it, so it is not held while the
 * files are removed.
 */
static DEFINE_MUTEX(lock);
static struct device *l1_dev;
static u64 over_ns = DEFAULT_NS;
static u64 watched_ns = L1T_SLOW_OFF;
static unsigned long watched_until;
static bool logs_switches;
static u64 notified;

static void look(struct work_struct *work);
static DECLARE_DELAYED_WORK(look_work, look);

static void apply(void)
{
	l1t_slow_set(min(over_ns, watched_ns));
}

static void end_watch(void)
{
	if (logs_switches)
		l1t_ran_stop();
	logs_switches = false;
	watched_ns = L1T_SLOW_OFF;
	apply();
}

static void look(struct work_struct *work)
{
	u64 count = l1t_slow_count();
	struct device *notify = NULL;

	mutex_lock(&lock);
	if (l1_dev && count != notified)
		notify = get_device(l1_dev);
	notified = count;
	if (l1_dev && time_before(jiffies, watched_until))
		schedule_delayed_work(&look_work, INTERVAL);
	else
		end_watch();
	mutex_unlock(&lock);
	if (!notify)
		return;
	sysfs_notify(&notify->kobj, "slow", "exits");
	put_device(notify);
}

/**
 * l1t_watch_over_ns() - exits longer than this are slow; L1T_SLOW_OFF: none are
 *
 * Return: nanoseconds, or L1T_SLOW_OFF.
 */
u64 l1t_watch_over_ns(void)
{
	return READ_ONCE(over_ns);
}

/**
 * l1t_watch_watched_ns() - the threshold of watchers; L1T_SLOW_OFF: there are none
 *
 * Return: nanoseconds, or L1T_SLOW_OFF.
 */
u64 l1t_watch_watched_ns(void)
{
	return READ_ONCE(watched_ns);
}

/**
 * l1t_watch_set_over() - set the configured threshold
 * @ns: at least L1T_SLOW_LEAST_NS, or L1T_SLOW_OFF
 *
 * Return: 0.
 */
int l1t_watch_set_over(u64 ns)
{
	mutex_lock(&lock);
	WRITE_ONCE(over_ns, ns);
	apply();
	mutex_unlock(&lock);
	return 0;
}

/**
 * l1t_watch_renew() - watch slow exits for the next ten seconds
 * @ns: threshold; the lowest of all watchers' is used
 *
 * Return: 0 or -ENODEV. It is not an error if context switches cannot be logged: the
 * state of the hook shows it.
 */
int l1t_watch_renew(u64 ns)
{
	int err = -ENODEV;

	mutex_lock(&lock);
	if (l1_dev) {
		WRITE_ONCE(watched_ns, min(ns, watched_ns));
		watched_until = jiffies + LEASE;
		if (!logs_switches)
			logs_switches = !l1t_ran_start();
		apply();
		schedule_delayed_work(&look_work, INTERVAL);
		err = 0;
	}
	mutex_unlock(&lock);
	return err;
}

/**
 * l1t_watch_start() - record slow exits from now on
 * @l1: the device whose file is notified
 */
void l1t_watch_start(struct device *l1)
{
	mutex_lock(&lock);
	l1_dev = l1;
	apply();
	mutex_unlock(&lock);
}

/**
 * l1t_watch_stop() - undo l1t_watch_start()
 *
 * Context: may sleep; the device is still there.
 */
void l1t_watch_stop(void)
{
	mutex_lock(&lock);
	l1_dev = NULL;
	mutex_unlock(&lock);
	cancel_delayed_work_sync(&look_work);
	mutex_lock(&lock);
	end_watch();
	mutex_unlock(&lock);
}
