/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Events: in the log, as uevents, in l1/events, and as files that can be polled.
 *
 * Uevents reach every process of the machine, also in containers: they carry no count,
 * rate, uid or name. l1/events has these, for those who may read it.
 */
#ifndef L1TUNE_EVENT_H
#define L1TUNE_EVENT_H

#include <linux/device.h>

#include "limit.h"

/* A process's name with blanks and other special characters escaped. */
#define L1T_COMM_ESCAPED	(4 * TASK_COMM_LEN + 1)

void l1t_event_exceeded(const struct l1t_exceeded *what);
void l1t_event_device_del(struct device *dev);
void l1t_event_effective(enum l1t_hook hook);
void l1t_event_record(const char *fmt, ...) __printf(1, 2);
void l1t_escape_comm(const char *comm, char *buf);
ssize_t l1t_events_show(char *buf);
void l1t_events_start(struct device *l1);
void l1t_events_stop(void);

#endif
