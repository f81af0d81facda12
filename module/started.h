/* SPDX-License-Identifier: GPL-2.0 */
/* The starts of guests since load: histograms, and records of the last ones. */
#ifndef L1TUNE_STARTED_H
#define L1TUNE_STARTED_H

#include "guest.h"
#include "start_view.h"
#include "starts.h"

void l1t_started_keep(struct l1t_guest *g);
void l1t_started_sum(const struct l1t_tenant *tenant, struct l1t_starts *sum);
ssize_t l1t_started_read(char *buf, loff_t pos, size_t count);
void l1t_started_stop(void);

#endif
