/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_STATS_H
#define L1TUNE_STATS_H

#include <linux/types.h>

#include "guest.h"

ssize_t l1t_stats_read_guest(struct l1t_guest *g, char *buf, loff_t pos,
			     size_t count);
ssize_t l1t_stats_read_reasons(struct l1t_guest *g, char *buf, loff_t pos,
			       size_t count);
ssize_t l1t_stats_read_vcpu(struct l1t_vcpu *v, char *buf, loff_t pos,
			    size_t count);

#endif
