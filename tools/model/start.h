/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_START_H
#define L1TUNE_START_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/env.h"
#include "model/cell.h"
#include "model/guest.h"

/* They follow each other, from KVM_CREATE_VM to the end of the start. */
enum start_phase_id {
	START_SETUP,
	START_ENTRY,
	START_FIRMWARE,
	START_BOOT,
	NUM_START_PHASES
};

extern const char *const start_phase_names[NUM_START_PHASES];

/* Exits of one reason within a phase. */
struct start_reason {
	struct exit_key key;
	uint64_t count;
	uint64_t parts_ns[NUM_PARTS];
};

struct start_phase {
	/* False: it has not begun, or is not known and part of the one before. */
	bool is_known;
	uint64_t ns;
	/* What the boot vCPU did in it, from its first entry on. */
	bool has_guest;
	uint64_t guest_ns;
	struct start_reason *reasons;
	size_t num_reasons;
};

/* How a guest started. Strings are as they were found. */
struct start {
	/* For a guest that ended, only id, pid, uid and name, which is its comm. */
	struct guest guest;
	bool is_gone;
	/* starting, started, ended (before it had) or unknown. */
	char state[16];
	/* "idle", or "port 0xf4"; empty if not known. */
	char until[32];
	/* Since the guest's creation: 0 for not yet or not known. */
	uint64_t memory_ns, vcpu_ns, halt_ns, idle_ns;
	struct start_phase phases[NUM_START_PHASES];
};

struct start_list {
	struct start *v;
	size_t num;
};

/*
 * Of all guests there are, and the last ones that ended, in order of ids.
 * STATUS_OK, or a status after a message. Free in every case.
 */
int start_read(const struct env *env, struct start_list *list);
void start_free(struct start_list *list);

/* A guest's file; 0, or -EBADMSG, also if it changed while it was being read. */
int start_parse(char *text, struct start *start);
/* A line of l1/start/last. */
int start_parse_last(char *line, struct start *start);

/* So far, of one that goes on. */
uint64_t start_total_ns(const struct start *start);
bool start_is_complete(const struct start *start);

uint64_t start_reason_ns(const struct start_reason *reason);
uint64_t start_exits(const struct start_phase *phase);
/* EPT violations or nested page faults, those for MMIO too. */
uint64_t start_faults(const struct start_phase *phase);
uint64_t start_part_ns(const struct start_phase *phase, enum time_part part);

/* Something that took time: a phase before the guest ran, the guest, or a reason. */
struct start_cost {
	enum start_phase_id phase;
	bool is_guest;
	/* NULL if it is not exits. */
	const struct start_reason *reason;
	uint64_t ns;
};

/* The most expensive first: how many there are, at most most. */
size_t start_costs(const struct start *start, struct start_cost *costs, size_t most);

/* How long the starts of one name took; the numbers are exact. */
struct start_spread {
	size_t num;
	uint64_t p50_ns, p90_ns, p99_ns, max_ns;
	/* That ended before they had started. */
	size_t num_ended;
};

/* The spread of the starts with this name. */
void start_spread_of(const struct start_list *list, const char *name,
		     struct start_spread *spread);

#endif
