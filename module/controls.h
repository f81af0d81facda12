/* SPDX-License-Identifier: GPL-2.0 */
/* The controls that a guest's own hypervisor runs its guest with. */
#ifndef L1TUNE_CONTROLS_H
#define L1TUNE_CONTROLS_H

#include <linux/types.h>

struct l1t_vcpu;

/* Of one name; the intercepts of SVM are the most. */
#define L1T_CONTROL_WORDS	8
#define L1T_CONTROLS		36

enum l1t_controls_kind {
	L1T_CONTROLS_NONE,	/* the vCPU has no VMCS or VMCB, or has ended */
	L1T_CONTROLS_VMCS,
	L1T_CONTROLS_VMCB,
	L1T_CONTROLS_ENLIGHTENED, /* Hyper-V's form of a VMCS */
	L1T_CONTROLS_BUSY,	/* the vCPU could not be met at rest */
	L1T_CONTROLS_UNKNOWN,	/* this kernel does not tell where they are */
};

/**
 * struct l1t_control - one of them
 * @name: KVM's name of it; NULL: this KVM does not have it
 * @nr: how many values it has
 * @values: these
 */
struct l1t_control {
	const char *name;
	unsigned int nr;
	u64 values[L1T_CONTROL_WORDS];
};

/**
 * struct l1t_controls - those of a vCPU, as of one moment
 * @kind: what they are, or why there are none
 * @address: guest-physical, of the VMCS or VMCB
 * @list: they
 */
struct l1t_controls {
	enum l1t_controls_kind kind;
	u64 address;
	struct l1t_control list[L1T_CONTROLS];
};

void l1t_controls_take(struct l1t_vcpu *v, struct l1t_controls *c);
void l1t_controls_forget(void);

#endif
