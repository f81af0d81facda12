/* SPDX-License-Identifier: GPL-2.0 */
/* Statistics of vCPUs that run a guest of their own. */
#ifndef L1TUNE_L3_H
#define L1TUNE_L3_H

#include <linux/types.h>

struct kvm_vcpu;

/* At most: reasons of reflected exits, and kinds of refused entries. */
#define L1T_L3_REASONS	32
#define L1T_L3_FAILED	16

/* Size of one of KVM's messages, at most; longer ones are truncated. */
#define L1T_L3_MESSAGE_BYTES	160

enum l1t_offered { L1T_OFFERED_UNKNOWN, L1T_OFFERED_NO, L1T_OFFERED_YES };

/**
 * struct l1t_trips - exits of L3 for one reason that KVM reflected to L2
 * @key: level and slot, see l1t_key()
 * @reflected: number of such exits
 * @back: of @reflected, those after which L2 has entered L3 again
 * @ticks: of @back, the time from exit to entry
 * @l2_exits: of @back, exits of L2 meanwhile, including that which entered L3
 */
struct l1t_trips {
	u32 key;
	u64 reflected;
	u64 back;
	u64 ticks;
	u64 l2_exits;
};

/**
 * struct l1t_failed - entries into L3 that KVM refused
 * @message: place of KVM's message, see l3.c
 * @error: passed with it
 * @count: number of them
 */
struct l1t_failed {
	u32 message;
	u32 error;
	u64 count;
};

/**
 * struct l1t_l3 - statistics of a vCPU that runs guests of its own
 * @entered_ticks: when L2 last entered L3
 * @own_paging: L3 uses its own hypervisor's EPT or NPT
 * @trip: of the last exit that KVM reflected to L2; NULL: ended, or no free entry
 * @trip_since_ticks: when that exit began
 * @trip_l2_exits: KVM's count of the vCPU's exits at that time
 * @nr_trips: used entries of @trips
 * @nr_failed: used entries of @failed
 * @trips: reflected exits by reason
 * @failed: refused entries by message and error
 *
 * Written by the vCPU's thread between l1t_account_write_*().
 */
struct l1t_l3 {
	u64 entered_ticks;
	bool own_paging;
	struct l1t_trips *trip;
	u64 trip_since_ticks;
	u64 trip_l2_exits;
	unsigned int nr_trips;
	unsigned int nr_failed;
	struct l1t_trips trips[L1T_L3_REASONS];
	struct l1t_failed failed[L1T_L3_FAILED];
};

enum l1t_offered l1t_l3_offered(const struct kvm_vcpu *vcpu);
struct l1t_l3 *l1t_l3_new(const struct l1t_failed *first);
void l1t_l3_entered(struct l1t_l3 *l3, const struct kvm_vcpu *vcpu, u64 now);
void l1t_l3_reflected(struct l1t_l3 *l3, const struct kvm_vcpu *vcpu, u32 key,
		      u64 since_ticks);
u32 l1t_l3_message_place(const char *message);
const char *l1t_l3_message(u32 place);
void l1t_l3_failed(struct l1t_l3 *l3, u32 message, u32 error);

#endif
