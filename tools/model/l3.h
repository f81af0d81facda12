/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_MODEL_L3_H
#define L1TUNE_MODEL_L3_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/exits.h"

/* Exits of L3 for one reason. */
struct l3_exits {
	char reason[MAX_REASON];
	uint64_t count;
	/* Those that KVM left to L2; it handled the others itself. */
	uint64_t reflected;
	/* Those of the reflected ones after which L2 has entered L3 again. */
	uint64_t trips;
	/* From L3's exit to that entry. */
	uint64_t trip_ns;
	/* Exits of L2 until then, with the one that entered L3. */
	uint64_t trip_exits;
};

/* Entries into L3 that KVM refused, by its own message. */
struct l3_failure {
	/* NULL: of the kinds that the module had no room for, without an error. */
	char *message;
	uint64_t error;
	uint64_t count;
};

/* Errors of VMX's instructions, by number; 0 is for numbers that are not defined. */
#define VMX_ERRORS	29

/* What is counted, of a vCPU or of several. */
struct l3_counts {
	uint64_t entries;
	/* False if KVM does not tell. */
	bool is_failed_known;
	uint64_t failed;
	/* Reflected exits that are in no reason's. */
	uint64_t unkept;
	struct l3_exits *exits;
	size_t num_exits;
	/* False if the module does not have them. */
	bool are_failures_known;
	struct l3_failure *failures;
	size_t num_failures;
	/* False if the module does not have them, or this is no VMX. */
	bool are_vmx_errors_known;
	uint64_t vmx_errors[VMX_ERRORS];
};

enum l3_offer { L3_OFFER_UNKNOWN, L3_OFFER_NO, L3_OFFER_YES };

/* What a vCPU does for guests inside its guest. */
struct l3_vcpu {
	/* False: an older module, and all else is zero. */
	bool is_known;
	/* Does its CPUID have VMX or SVM? Not known before its first exit. */
	enum l3_offer offer;
	/* off, on or running. */
	char state[16];
	bool is_in_l3;
	/* Since L2 entered it. */
	bool has_in_l3_ns;
	uint64_t in_l3_ns;
	/* nested, shadow or unknown: whose page tables L3 ran on last. */
	char paging[16];
	struct l3_counts counts;
};

/*
 * That of a vCPU, in the directory of its guest; begins as zero. 0, or -errno
 * with *file naming what could not be read. Without the file it is not known.
 */
int l3_read(int dirfd, uint64_t vcpu, struct l3_vcpu *l3, char file[64]);
void l3_free(struct l3_vcpu *l3);

/* The text of "nested", "nested_failed", and "nested_vmfail"; 0, or -EBADMSG. */
int l3_parse(char *text, struct l3_vcpu *l3);
int l3_parse_failed(char *text, struct l3_counts *counts);
int l3_parse_vmfail(char *text, struct l3_counts *counts);

/* KVM's name of an error of VMX's instructions, and what it means; NULL: it has none. */
const char *vmx_error_name(size_t number);
const char *vmx_error_text(size_t number);

/* The counts between two readings; states are those of the later one. */
void l3_subtract(const struct l3_vcpu *before, const struct l3_vcpu *after,
		 struct l3_vcpu *diff);

/* Adds to a sum that starts as zeroes but for what is known, which starts as true. */
void l3_counts_add(struct l3_counts *sum, const struct l3_counts *counts);
void l3_counts_free(struct l3_counts *counts);

/* Is it offered VMX or SVM, or has it used it? */
bool l3_is_user(const struct l3_vcpu *l3);

/* All exits as one, which has no name; the unkept ones are reflected, too. */
void l3_counts_total(const struct l3_counts *counts, struct l3_exits *total);
uint64_t l3_handled(const struct l3_exits *exits);

/* Is it HLT, whose time until L3 goes on is mostly waiting? */
bool l3_is_halt(const struct l3_exits *exits);
/* The time of all trips but those. */
uint64_t l3_busy_ns(const struct l3_counts *counts);
/* By that, those of HLT last: pointers to free together. */
const struct l3_exits **l3_by_time(const struct l3_counts *counts);

#endif
