/* SPDX-License-Identifier: GPL-2.0 */
/* Settings of guests that KVM leaves to their VMMs. */
#ifndef L1TUNE_TUNE_H
#define L1TUNE_TUNE_H

#include <linux/limits.h>

#include "guest.h"

/* For future guests. */
enum l1t_tunable {
	L1T_TUNE_HALT_POLL_NS,
	L1T_TUNE_PAUSE_IN_GUEST,
	L1T_TUNE_HLT_IN_GUEST,
	L1T_TUNE_UID,
	L1T_TUNABLES
};

/* As set by KVM and the VMM; for the uid: any user. */
#define L1T_TUNE_DEFAULT	U64_MAX

u64 l1t_tune_value(enum l1t_tunable tunable);
int l1t_tune_set(enum l1t_tunable tunable, u64 value);
void l1t_tune_new(struct l1t_guest *g);
u64 l1t_tune_guest_poll_ns(struct l1t_guest *g);
int l1t_tune_guest_set_poll_ns(struct l1t_guest *g, u64 value);
void l1t_tune_release(struct l1t_guest *g);

#endif
