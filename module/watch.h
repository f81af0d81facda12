/* SPDX-License-Identifier: GPL-2.0 */
/* The threshold above which exits are slow, and the lease of those who watch them. */
#ifndef L1TUNE_WATCH_H
#define L1TUNE_WATCH_H

#include <linux/device.h>

u64 l1t_watch_over_ns(void);
u64 l1t_watch_watched_ns(void);
int l1t_watch_set_over(u64 ns);
int l1t_watch_renew(u64 ns);
void l1t_watch_start(struct device *l1);
void l1t_watch_stop(void);

#endif
