/* SPDX-License-Identifier: GPL-2.0 */
/* The controls with which a guest's own hypervisor runs its guest. */
#ifndef L1TUNE_CONTROLS_H
#define L1TUNE_CONTROLS_H

#include <linux/types.h>

struct l1t_vcpu;

/* Words per control, at most: SVM's intercepts have the most. */
#define L1T_CONTROL_WORDS	8
#define L1T_CONTROLS		36

enum l1t_controls_kind {
	L1T_CONTROLS_NONE,	/* the vCPU has no VMCS or VMCB, or was destroyed */
	L1T_CONTROLS_VMCS,
	L1T_CONTROLS_VMCB,
	L1T_CONTROLS_ENLIGHTENED, /* Hyper-V's form of a VMCS */
	L1T_CONTROLS_BUSY,	/* the vCPU changed too often to be read */
	L1T_CONTROLS_UNKNOWN,	/* this kernel does not tell where they are */
};

/**
 * struct l1t_control - a control
 * @name: KVM's name; NULL: this KVM does not have it
 * @nr: number of values
 * @values: its values
 */
struct l1t_control {
	const char *name;
	unsigned int nr;
	u64 values[L1T_CONTROL_WORDS];
};

/**
 * struct l1t_controls - a consistent copy of a vCPU's controls
 * @kind: what was copied, or why there is nothing
 * @address: guest-physical address of the VMCS or VMCB
 * @list: the controls
 */
struct l1t_controls {
	enum l1t_controls_kind kind;
	u64 address;
	struct l1t_control list[L1T_CONTROLS];
};

void l1t_controls_take(struct l1t_vcpu *v, struct l1t_controls *c);
void l1t_controls_forget(void);

#endif
