/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_SNAPSHOT_H
#define L1TUNE_SNAPSHOT_H

#include <stdbool.h>
#include <time.h>

#include "model/exits.h"
#include "model/guest-cache.h"
#include "model/guest.h"
#include "model/host.h"
#include "model/select.h"

struct vcpu_snapshot {
	uint64_t id;
	struct exit_stats stats;
};

struct guest_snapshot {
	struct guest guest;
	uint64_t taken_ns;
	/* The time that the counts are about. */
	uint64_t interval_ns;
	struct exit_stats stats;
	struct vcpu_snapshot *vcpus;
	size_t num_vcpus;
	/* Does SIGSTOP or a debugger hold the VMM? Read with vCPUs only. */
	bool is_stopped;
};

/* Guests and their exits: since each one's start, or in an interval. */
struct snapshot {
	/* Which load of the module: ids start again with the next one. */
	uint64_t loaded_ns;
	struct timespec time;
	uint64_t taken_ns;
	bool is_interval;
	uint64_t interval_ns;
	struct guest_snapshot *guests;
	size_t num_guests;
};

struct snapshot_request {
	const struct selection *selection;
	/* VMs without vCPUs too; what is selected by itself is always taken. */
	bool all;
	bool vcpus;
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

/* The same guest of the same load in another snapshot, NULL if it is not. */
const struct guest_snapshot *
snapshot_find(const struct snapshot *snapshot,
	      const struct guest_snapshot *guest, uint64_t loaded_ns);

/* What happened between two snapshots, for the guests of the later one. */
void snapshot_subtract(const struct snapshot *before,
		       const struct snapshot *after, struct snapshot *diff);

/* All guests as one that is called "all"; free with snapshot_free_sum(). */
void snapshot_sum(const struct snapshot *snapshot, struct guest_snapshot *sum);
void snapshot_free_sum(struct guest_snapshot *sum);

/* The guests by busy time: pointers to free together. */
const struct guest_snapshot **snapshot_by_busy(const struct snapshot *snapshot);

/*
 * The same, and the host that it needs. Free both in every case; host is to be
 * empty before.
 */
int snapshot_read(const struct env *env, const struct snapshot_request *request,
		  struct host *host, struct snapshot *snapshot);

/* Is it a single guest? STATUS_OK, or STATUS_USAGE with an error. */
int snapshot_check_single(const struct snapshot *snapshot, struct error *error);

#endif
