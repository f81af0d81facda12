/* SPDX-License-Identifier: GPL-2.0 */
/* How guests are run: what KVM would let their VMMs choose. */
#ifndef L1TUNE_TUNE_H
#define L1TUNE_TUNE_H

#include <linux/kvm_host.h>
#include <linux/limits.h>

struct l1t_guest;

/* For guests to come. */
enum l1t_tunable {
	L1T_TUNE_HALT_POLL_NS,
	L1T_TUNE_PAUSE_IN_GUEST,
	L1T_TUNE_HLT_IN_GUEST,
	L1T_TUNE_UID,
	L1T_TUNABLES
};

/* As KVM and the VMM have it; of the uid, any. */
#define L1T_TUNE_DEFAULT	U64_MAX

/**
 * struct l1t_tuned - what is tuned of a guest
 * @decided: what is for guests to come is no longer for this one
 * @polls: its halt polling has been set here
 * @overrode: it had a value of its own before
 * @poll_ns: to what
 * @poll_ns_before: what it was
 */
struct l1t_tuned {
	bool decided;
	bool polls;
	bool overrode;
	u32 poll_ns;
	u32 poll_ns_before;
};

u64 l1t_tune_value(enum l1t_tunable tunable);
int l1t_tune_set(enum l1t_tunable tunable, u64 value);
void l1t_tune_new(struct kvm *kvm);
u64 l1t_tune_guest_poll_ns(struct l1t_guest *g);
int l1t_tune_guest_set_poll_ns(struct l1t_guest *g, u64 value);
void l1t_tune_release(struct l1t_guest *g);

#endif
