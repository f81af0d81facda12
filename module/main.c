// SPDX-License-Identifier: GPL-2.0
/* Load and unload. */
#include <linux/module.h>
#include <linux/rcupdate.h>

#include "attach.h"
#include "caps_read.h"
#include "clock.h"
#include "exit.h"
#include "guest.h"
#include "limit.h"
#include "symbol.h"
#include "sysfs.h"
#include "sysfs_caps.h"
#include "tell.h"
#include "throttle.h"

/* Undo all but l1t_attach(): that has been undone, or has failed after a while. */
static void stop(void)
{
	l1t_throttle_stop();
	l1t_birth_drain();
	l1t_devices_exit();
	l1t_guests_wait_freed();
	l1t_guests_exit();
	l1t_sysfs_exit();
	/* A thread may still be on its way out of a ticket of ours. */
	synchronize_rcu_tasks();
}

static int __init l1tune_init(void)
{
	int err;

	l1t_clock_init();
	l1t_exit_init();
	l1t_caps_init();
	l1t_sysfs_caps_init();
	err = l1t_symbol_init();
	if (err)
		return err;
	err = l1t_limits_init();
	if (err)
		return err;
	err = l1t_guests_init();
	if (err)
		return err;
	err = l1t_devices_init();
	if (err)
		goto err_devices;
	err = l1t_sysfs_init();
	if (err)
		goto err_sysfs;
	err = l1t_attach();
	if (err) {
		l1t_tell_stop();
		stop();
		return err;
	}
	pr_info("loaded, watching the guests of this machine: /sys/class/l1tune\n");
	return 0;

err_sysfs:
	l1t_devices_exit();
err_devices:
	l1t_guests_exit();
	return err;
}

static void __exit l1tune_exit(void)
{
	l1t_tell_stop();
	l1t_detach();
	stop();
}

module_init(l1tune_init);
module_exit(l1tune_exit);

MODULE_DESCRIPTION("Exits, limits and tuning of KVM guests on hosts that are guests");
MODULE_AUTHOR("The l1tune developers");
MODULE_LICENSE("GPL");
MODULE_VERSION(L1TUNE_VERSION);
