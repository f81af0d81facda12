/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_GONE_H
#define L1TUNE_GONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/env.h"
#include "model/exits.h"

#define GONE_WORDS	9
#define GONE_GPRS	16

/* A number that the module may not know. */
struct maybe {
	bool is_known;
	uint64_t value;
};

/* One of a vCPU's last exits; is_open: the vCPU was not entered again. */
struct gone_exit {
	struct exit_key key;
	uint64_t since_ns, time_ns;
	bool is_open;
};

/* An exit in which KVM injected an exception; since_ns 0: there was none. */
struct gone_refused {
	struct exit_key key;
	uint64_t vector, error_code, ecx, eax, edx;
	uint64_t since_ns;
};

struct gone_port {
	bool is_known, is_in;
	uint64_t port, size, value;
};

/* What KVM_RUN returned last of what can be an end. */
struct gone_run {
	bool is_known, has_error, is_final;
	uint64_t reason;
	/* As errno has it, 0 for none. */
	int error;
	uint64_t words[GONE_WORDS];
};

struct gone_vcpu {
	uint64_t id;
	struct gone_run run;
	struct maybe rip, rsp, rflags, cr0, cr3, cr4, efer, info1, info2, int_info,
		     exception, exception_queued, mp_state;
	size_t num_gprs;
	uint64_t gprs[GONE_GPRS];
	struct gone_refused refused;
	struct gone_port port;
	/* The oldest first. */
	struct gone_exit *exits;
	size_t num_exits;
};

/* A guest that ended, as l1/gone/ID has it. Strings are as they were found. */
struct gone {
	uint64_t id, pid, uid;
	char comm[96];
	struct maybe created_ns, ended_ns, first_exit_ns;
	char end[32];
	/* runs, exited, or other: another process ended it. */
	char vmm[16];
	/* As wait() has it. */
	int vmm_code;
	bool is_oom_victim;
	/* The limit that it was last refused something for; or "-". */
	char denied[48];
	uint64_t memory_bytes, num_vcpus_had, exits;
	/* First the one that ended it, if one did. */
	struct gone_vcpu *vcpus;
	size_t num_vcpus;
};

struct gone_list {
	struct gone *v;
	size_t num;
	/* Records that could not be read are left out. */
	bool has_unread;
};

/*
 * All that are kept, the oldest first. STATUS_OK, or a status after a message; those that
 * could be read are there. Free in every case.
 */
int gone_read(const struct env *env, struct gone_list *list);
void gone_free(struct gone_list *list);

/* One record; 0, or -EBADMSG. Lines that are not known are passed over. */
int gone_parse(char *text, struct gone *gone);

/* Time from the first exit, or from the creation if there was none, to the end. */
uint64_t gone_lived_ns(const struct gone *gone);
/* The nth exit before its last one, 0 for the last; NULL if there is none. */
const struct gone_exit *gone_last_exit(const struct gone_vcpu *vcpu, size_t n);

#endif
