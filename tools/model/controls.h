/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_MODEL_CONTROLS_H
#define L1TUNE_MODEL_CONTROLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum controls_kind {
	/* Not read, or the module has no such file. */
	CONTROLS_ABSENT,
	/* The kernel does not tell. */
	CONTROLS_UNKNOWN,
	/* The vCPU has no VMCS or VMCB. */
	CONTROLS_NONE,
	CONTROLS_VMCS,
	CONTROLS_VMCB,
	/* A VMCS in Hyper-V's form. */
	CONTROLS_ENLIGHTENED,
	/* The vCPU could not be read; another time it may. */
	CONTROLS_BUSY,
};

/* A control by KVM's name; SVM's intercepts have several values. */
struct control {
	char name[48];
	uint64_t values[8];
	size_t num;
};

/* The controls with which a vCPU's own hypervisor runs its guest. */
struct controls {
	enum controls_kind kind;
	/* Guest-physical address of the VMCS or VMCB. */
	uint64_t address;
	struct control *v;
	size_t num;
};

/* Those of a vCPU, in the directory of its guest. 0, or -errno. */
int controls_read(int dirfd, uint64_t vcpu, struct controls *controls);
/* The text of the file; 0, or -EBADMSG. */
int controls_parse(char *text, struct controls *controls);
void controls_free(struct controls *controls);

/* Are there any? */
bool controls_are_read(const struct controls *controls);
const char *controls_kind_name(enum controls_kind kind);
/* 0 if there is no control of this name. */
uint64_t control_value(const struct controls *controls, const char *name);
uint64_t control_word(const struct controls *controls, const char *name, size_t n);
bool controls_are_equal(const struct controls *a, const struct controls *b);

/* Bits of a control, or of one of its values, with names. */
struct control_bits {
	const char *control;
	size_t word;
	/* What they are called together. */
	const char *title;
	/* NULL: it has none. */
	const char *names[32];
};

/* The nth control of a kind with named bits; NULL after the last. */
const struct control_bits *control_bits(enum controls_kind kind, size_t n);
/* Their bits that are in force. */
uint32_t control_bits_value(const struct controls *controls, const struct control_bits *bits);

/* Is a bit of that name in force? */
bool control_is_set(const struct controls *controls, const char *name);

#endif
