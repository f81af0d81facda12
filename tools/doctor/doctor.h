/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_DOCTOR_H
#define L1TUNE_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/env.h"
#include "bench/file.h"
#include "model/host.h"
#include "model/machine.h"

/* What a security module denied: with auditd its log has it, and the kernel's has not. */
#define FIND_DENIALS	"dmesg | grep -i denied\nausearch -m avc -ts recent"

/* The worse the later; DOCTOR_PROBLEM is what keeps guests from running. */
enum doctor_state { DOCTOR_OK, DOCTOR_INFO, DOCTOR_WARNING, DOCTOR_PROBLEM };

struct doctor_row {
	const char *name;
	enum doctor_state state;
	char *text;
	/* What to do, a line each: commands to copy, or NULL. */
	char *commands;
};

/* What the rows are made from, and the rows. */
struct doctor {
	const struct env *env;
	/* Look only: create no VM. */
	bool no_try;
	struct machine machine;
	bool has_module;
	/* One of another abi is loaded. */
	bool has_other_module;
	struct host host;
	const struct measurement *measurement;
	struct measurement saved;
	const char *why_none;
	struct doctor_row *rows;
	size_t num_rows;
};

/* Text and commands are printf()ed by the caller and become the rows'. */
void doctor_add(struct doctor *doctor, const char *name, enum doctor_state state,
		char *text, char *commands);

/* "vmx" or "svm", and the matching module of KVM. */
const char *doctor_flag(const struct doctor *doctor);
const char *doctor_vendor_module(const struct doctor *doctor);
bool doctor_cpu_is_ready(const struct doctor *doctor);
/* Is it known that it is not? */
bool doctor_lacks_cpu(const struct doctor *doctor);
/* KVM's variant that runs guests without VMX or SVM. */
bool doctor_has_pvm(const struct doctor *doctor);

/* A VM whose memory L0 cannot read: none of its kinds has VMX or SVM. */
bool doctor_is_confidential(const struct doctor *doctor);

/* What holds on every machine. */
void doctor_check_machine(struct doctor *doctor);
/* A machine of one of the clouds that are known. */
bool doctor_is_in_cloud(const struct doctor *doctor);
/* What clouds document; with all, also clouds other than this one. */
void doctor_check_clouds(struct doctor *doctor, bool all);

#endif
