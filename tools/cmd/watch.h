/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_WATCH_H
#define L1TUNE_WATCH_H

#include "cmd/blame.h"
#include "explain/culprit.h"
#include "explain/hang.h"
#include "model/slow.h"
#include "model/snapshot.h"
#include "ui/action.h"
#include "ui/options.h"

/* What is known of a vCPU from look to look. */
struct watched {
	uint64_t guest, vcpu;
	/* The number that its next slow exit will have. */
	uint64_t next;
	struct hang_watch hang;
	/* A hang is reported once. */
	enum hang reported;
	/* Of an exit that goes on for long, while it does: freed with it. */
	char *stack;
	uint64_t stack_ns;
};

struct watcher {
	struct options *options;
	struct selection selection;
	struct actions actions;
	struct host host;
	int exits_fd;
	bool is_renewed;
	uint64_t renew_at, look_at, look_ns;
	struct watched *v;
	size_t num;
	struct blame culprits;
	uint64_t num_slow, num_hangs, num_missed;
	/* The first look is done: only what comes after it is shown. */
	bool is_started;
	bool is_over;
	bool stack_is_withheld;
};

/* Looks at everything once, and reports what is new. An exit status. */
int watch_look(struct watcher *w);

/* Shows one, leaves it for the history, and does what was asked for. An exit status. */
int watch_report_slow(struct watcher *w, const struct guest_snapshot *guest,
		      const struct slow_exit *e, const struct culprit *culprit,
		      const char *stack);
int watch_report_hang(struct watcher *w, const struct guest_snapshot *guest,
		      const struct vcpu_snapshot *vcpu, enum hang hang, uint64_t for_ns,
		      const char *stack);
/* At the end: how often who was to blame. An exit status. */
int watch_summarize(struct watcher *w);

#endif
