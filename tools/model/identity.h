/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_IDENTITY_H
#define L1TUNE_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/env.h"
#include "model/saved.h"

#define IDENTITY_FACTS	80

/*
 * What L0 decides about this machine, read anew: facts that cannot be read are
 * left out. L0 may migrate the running machine, and then some of this differs,
 * though the kernel still shows what it read at boot.
 */
struct identity {
	char boot_id[64];
	/* CLOCK_REALTIME, in seconds. */
	uint64_t taken;
	struct identity_fact {
		char name[32];
		char value[128];
	} facts[IDENTITY_FACTS];
	size_t num_facts;
	/* Only where there is a clock that is not the TSC. */
	bool has_tsc;
	uint64_t tsc, tsc_khz;
	/* CLOCK_MONOTONIC_RAW, and how long the machine was suspended since boot. */
	uint64_t raw_ns, suspended_ns;
	/* The steal clock of all CPUs, in ticks. */
	bool has_stolen;
	uint64_t stolen_ticks;
	/* What differed from the boot before, when it was saved. */
	char since_boot[1024];
};

void identity_read(const struct env *env, struct identity *identity);
const char *identity_fact(const struct identity *identity, const char *name);

/* What differs, in words, to free; empty if nothing that both know does. */
char *identity_diff(const struct identity *then, const struct identity *now);

/* As root alone; STATUS_OK, or another after a message. */
int identity_save(const char *state, const struct identity *identity);
enum saved identity_load(const char *state, struct identity *identity);

/*
 * Saves it if none of this boot is there, with what differs from that of the
 * boot before. then becomes what was saved before, or is empty. Returns what
 * was found: of SAVED_GOOD then is the baseline.
 */
enum saved identity_keep(const char *state, const struct identity *now,
			 struct identity *then);

#endif
