/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_CAUSE_H
#define L1TUNE_CAUSE_H

#include "explain/facts.h"
#include "explain/load.h"

/*
 * A symptom is time that was counted. It can have several causes with the same
 * numbers. So a symptom has a table of causes, and a cause a list of clues: what
 * to look at, and what a yes and a no mean. Advice is about a cause that was
 * shown; if none was, about the only one not ruled out; otherwise about how to
 * find out. Causes that are not ruled out are named with it.
 */

/* What looking at something answers. */
enum answer { ANSWER_UNKNOWN, ANSWER_NO, ANSWER_YES };

/* Says in *seen what was seen, or why nothing was: a copy. */
typedef enum answer (*clue_fn)(const struct facts *facts, char **seen);

/* Where the first clue says yes, the second one's answer, with what both saw. */
enum answer and_then(const struct facts *facts, enum answer first, clue_fn second, char **seen);

struct clue {
	clue_fn look;
	/* What each answer says of the cause; unknown leaves it open. */
	enum verdict if_yes, if_no;
};

#define MAX_CLUES	7

struct cause {
	const char *name;
	/* As a title of advice, and after "not ruled out:". */
	const char *title;
	const char *owner;
	const char *risk;
	/* What rules it out is stronger than what shows it. */
	struct clue clues[MAX_CLUES];
	/* How to find out what no clue says. */
	const char *how;
	/* NULL where it depends on the machine: change_of() then returns a copy. */
	const char *change;
	/* NULL: all that the symptom costs. */
	struct gain (*gain)(const struct facts *facts, const struct gain *all);
	char *(*change_of)(const struct facts *facts);
	/* For all guests at once; NULL: what is changed for one, for each of them. */
	const char *change_for_all;
	/* Which part of the symptom it is, from 0 to 1; NULL where that is not counted. */
	double (*part)(const struct facts *facts);
};

struct symptom {
	const char *name;
	const char *title;
	/* The most specific cause first. */
	const struct cause *causes;
	size_t num_causes;
	/* Fills in evidence, and in gain what all of it costs; false if it is not there. */
	bool (*is_there)(const struct facts *facts, struct advice *advice);
	/* Exits that it is about: symptom_other_exits is about the rest. */
	const struct reasons *exits;
	/* How to find out a cause that the table lacks; NULL: as for most symptoms. */
	const char *how;
};

#define CAUSES(array)	.causes = (array), .num_causes = ARRAY_SIZE(array)

/* Is there advice? Everything of it but the guest is filled in. */
bool symptom_explain(const struct symptom *symptom, const struct facts *facts,
		     struct advice *advice);

/* Gains of causes: which part of the symptom is theirs is not counted... */
struct gain gain_of_part(const struct facts *facts, const struct gain *all);
/* ...nor how much of it can be saved: it is wanted work, or ends by itself. */
struct gain gain_not_counted(const struct facts *facts, const struct gain *all);

/* A cure of two symptoms: swapped memory makes faults, and makes vCPUs sleep. */
/* What a guest that keeps its memory costs. */
#define LESS_MEMORY "others get less memory; without swap the OOM killer ends a VMM sooner"
#define KEEP_IN_MEMORY "more memory for the machine or fewer guests; memory.swap.max=0 for the VMM's cgroup, or lock its memory (QEMU -overcommit mem-lock=on)"

/* Of two symptoms: SEV-ES has one reason for what a guest wants, and no rip that could be read. */
#define PROTECTED "calls of a guest with encrypted registers (SEV-ES)"
#define PROTECTED_HOW "perf record -e kvm:kvm_vmgexit_enter,kvm:kvm_vmgexit_msr_protocol_enter -p PID: exit_reason, as SVM numbers exits"
#define PROTECTED_CHANGE "find out what the guest calls for: " PROTECTED_HOW ". CPUID, MSRs, ports and devices by address of such a guest all exit for this one reason; the advice is then as for these"

/* In the order in which equal gains are shown. */
extern const struct symptom *const symptoms[];
extern const size_t num_symptoms;

extern const struct symptom symptom_throttled;
extern const struct symptom symptom_stolen_time;
extern const struct symptom symptom_no_cpu;
extern const struct symptom symptom_blocked;
extern const struct symptom symptom_memory_faults;
extern const struct symptom symptom_nested_exits;
extern const struct symptom symptom_halts;
extern const struct symptom symptom_pauses;
extern const struct symptom symptom_devices;
extern const struct symptom symptom_kvm_devices;
extern const struct symptom symptom_msrs;
extern const struct symptom symptom_apic;
extern const struct symptom symptom_exceptions;
extern const struct symptom symptom_entries;
extern const struct symptom symptom_interrupts;
extern const struct symptom symptom_vmm_time;
extern const struct symptom symptom_vmm_sleep;
extern const struct symptom symptom_helpers;
extern const struct symptom symptom_other_exits;

#endif
