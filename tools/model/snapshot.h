/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_SNAPSHOT_H
#define L1TUNE_SNAPSHOT_H

#include <stdbool.h>
#include <time.h>

#include "model/beside.h"
#include "model/exits.h"
#include "model/guest-cache.h"
#include "model/guest.h"
#include "model/hold.h"
#include "model/host.h"
#include "model/l3.h"
#include "model/select.h"
#include "model/tenant-counts.h"

struct vcpu_snapshot {
	uint64_t id;
	struct exit_stats stats;
	/* Unknown unless it was requested. */
	struct l3_vcpu l3;
};

struct guest_snapshot {
	struct guest guest;
	uint64_t taken_ns;
	/* The time that the counts are about. */
	uint64_t interval_ns;
	/* It ended in the interval: these are the last counts that were seen. */
	bool is_ended;
	struct exit_stats stats;
	/* Unknown unless it was requested. */
	struct beside beside;
	struct vcpu_snapshot *vcpus;
	size_t num_vcpus;
	/* Read with vCPUs only. */
	enum hold hold;
};

/* Guests and their exits: since each one's start, or in an interval. */
struct snapshot {
	/* Which load of the module: ids start again with the next one. */
	uint64_t loaded_ns;
	/* Of a snapshot from a file, the boot in which it was taken; otherwise empty. */
	char boot_id[64];
	struct timespec time;
	uint64_t taken_ns;
	bool is_interval;
	uint64_t interval_ns;
	struct guest_snapshot *guests;
	size_t num_guests;
	/* Ids of guests that are there and could not be read. */
	uint64_t *unread;
	size_t num_unread;
	/* Unknown unless they were requested. */
	struct counted_tenants tenants;
};

struct snapshot_request {
	const struct selection *selection;
	/* VMs without vCPUs too; a guest that is selected is always taken. */
	bool all;
	bool vcpus;
	/* With vCPUs: what they do for guests inside. */
	bool l3;
	/* That a selector matches nothing is no error. */
	bool may_match_none;
	bool beside;
	bool tenants;
	/* Which tenants each guest is charged to. */
	bool charges;
	/* Of snapshots that follow each other, to read less; NULL for none. */
	struct guest_cache *cache;
};

/* One of this moment, without guests. */
void snapshot_start(struct snapshot *snapshot);

/*
 * STATUS_OK, or another exit status after a message. A guest that ends meanwhile
 * is left out; a selector that then matches nothing is STATUS_NO_GUEST. With
 * STATUS_FAILED the guests that could be read are there.
 * Free with snapshot_free() in every case.
 */
int snapshot_take(const struct env *env, const struct host *host,
		  const struct snapshot_request *request,
		  struct snapshot *snapshot);
void snapshot_free(struct snapshot *snapshot);

/* STATUS_OK if each selector matches one of the guests, or STATUS_NO_GUEST after a message. */
int snapshot_check_selection(const struct selection *selection,
			     const struct snapshot *snapshot);

/* Sets the labels of guests that were not taken, but loaded. */
void snapshot_set_labels(struct snapshot *snapshot);

/* For how long a guest has been counted: since its start, or the module's load. */
uint64_t snapshot_age_ns(const struct snapshot *snapshot,
			 const struct guest_snapshot *guest);

/* The same guest of the same load in another snapshot, NULL if it is not. */
const struct guest_snapshot *
snapshot_find(const struct snapshot *snapshot,
	      const struct guest_snapshot *guest, uint64_t loaded_ns);

/* Is it a guest that could not be read? */
bool snapshot_lacks(const struct snapshot *snapshot,
		    const struct guest_snapshot *guest);
/*
 * Takes over from an older snapshot, which is empty then, the guests that could not be
 * read in this one, for the interval that ends when they can.
 */
void snapshot_keep_unread(struct snapshot *snapshot, struct snapshot *older);
/*
 * Adds the guests of an older snapshot that are not in this one any more, as
 * ended ones. The older one is empty then.
 */
void snapshot_keep_ended(struct snapshot *snapshot, struct snapshot *older);
void snapshot_drop_ended(struct snapshot *snapshot);
/* The guest of l1tune record --canary, which is no one's load. */
void snapshot_drop_canary(struct snapshot *snapshot);

/* What happened between two snapshots, for the guests of the later one. */
void snapshot_subtract(const struct snapshot *before,
		       const struct snapshot *after, struct snapshot *diff);

/*
 * Do both count since the guests' start, in one load of the module, and have a
 * guest in common? Then what happened between them is their difference.
 */
bool snapshot_can_subtract(const struct snapshot *a, const struct snapshot *b);

/* All guests as one that is called "all"; free with snapshot_free_sum(). */
void snapshot_sum(const struct snapshot *snapshot, struct guest_snapshot *sum);
/* The same of some of them, under another name. */
void snapshot_sum_some(const struct snapshot *snapshot,
		       const struct guest_snapshot *const *guests, size_t num,
		       const char *name, struct guest_snapshot *sum);
void snapshot_free_sum(struct guest_snapshot *sum);

/* The guests by busy time: pointers to free together. */
const struct guest_snapshot **snapshot_by_busy(const struct snapshot *snapshot);

/*
 * As snapshot_take(), with the host that it needs. Free both in every case; host is to be
 * empty before.
 */
int snapshot_read(const struct env *env, const struct snapshot_request *request,
		  struct host *host, struct snapshot *snapshot);

/*
 * The one guest that matches; all do if selector is NULL. Where one ended and
 * another took its place within the interval, it is the one that ended. NULL
 * if there is none or there are several, with their number.
 */
const struct guest_snapshot *snapshot_single(const struct snapshot *snapshot,
					     const struct selector *selector,
					     size_t *num);

/*
 * How much of the time that a guest's vCPUs were runnable without a CPU is due to
 * CPU quotas, at most; false if that is not known.
 */
bool snapshot_quota_ns(const struct guest_snapshot *guest, uint64_t *ns);

/* Is it a single guest? STATUS_OK, or STATUS_USAGE with an error. */
int snapshot_check_single(const struct snapshot *snapshot, struct error *error);

/* Is it the thread that runs a vCPU of the guest? Known with vCPUs only. */
bool snapshot_is_thread(const struct guest_snapshot *guest, uint64_t tid);
/* That of the first vCPU whose thread is known, or 0. */
uint64_t snapshot_thread(const struct guest_snapshot *guest);

#endif
