/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_TOP_H
#define L1TUNE_TOP_H

#include "base/util.h"
#include "cmd/command.h"
#include "model/past.h"
#include "ui/top-view.h"

#define TOP_HOUR_NS	((int64_t)(3600 * NSEC_PER_SEC))

/* l1tune top, with what was chosen by keys. */
struct top {
	struct options *options;
	struct selection selection;
	struct guest_cache cache;
	/* The module may come and go; which load of it this is. */
	bool is_open;
	struct host host;
	/* The ends of the interval, what happened in it, what is seen of that. */
	struct snapshot before;
	struct snapshot after;
	struct snapshot diff;
	bool has_interval;
	struct top_model model;
	struct top_choice choice;
	/* By control group from the next interval on; whether that was explained. */
	bool wants_cgroups, is_explained;
	struct top_status status;
	char prompt[sizeof(((struct top_choice *)NULL)->filter)];
	bool is_help;
	bool is_ended;
	/* In a replay: by how much to move, when that was asked for. */
	int64_t move_ns;
	/* As it was drawn last; any before that. */
	size_t width;
};

/* In a line of the screen, until the next interval. */
void top_keep_message(const char *message);

/* An interval of records is no shorter than the time between two. */
uint64_t top_past_interval_ns(const struct top *top);

/* Rows as they are wanted, once the guests were taken that way. */
void top_use_rows(struct top *top);
void top_choose_nothing(struct top_choice *choice);
void top_press(struct top *top, int key);

#endif
