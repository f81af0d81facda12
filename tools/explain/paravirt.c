// SPDX-License-Identifier: GPL-2.0
/*
 * Which parts of KVM's interface for guests a guest is offered, and which of them it
 * uses. It says so by MSRs; where it only makes hypercalls, one that made none does not
 * use them, and of another nobody knows which they were.
 */
#include <string.h>

#include "base/util.h"
#include "explain/access.h"
#include "explain/paravirt.h"

#define BIT(n)	(1U << (n))

enum sign {
	/* What it turns on. */
	SIGN_ON,
	/* What it turns off. */
	SIGN_OFF,
	/* What it makes hypercalls for. */
	SIGN_HYPERCALL,
	/* What it makes hypercalls for, and needs something else for that is on. */
	SIGN_NEEDS,
};

static const struct known_feature {
	const char *name;
	/* KVM_FEATURE_*: one of these. */
	uint32_t bits;
	enum sign sign;
	enum paravirt_use use;
	unsigned int classes;
	const char *saves;
} known[] = {
	{ "kvmclock", BIT(0) | BIT(3), SIGN_ON, PARAVIRT_KVMCLOCK,
	  BIT_OF(ACCESS_CLOCK) | BIT_OF(ACCESS_CLOCK_MSR),
	  "reads of another clock, where it does not trust the TSC" },
	{ "async_pf", BIT(4), SIGN_ON, PARAVIRT_ASYNC_PF, 0,
	  "waiting for a page that this machine has swapped out" },
	{ "steal_time", BIT(5), SIGN_ON, PARAVIRT_STEAL_TIME, 0,
	  "nothing: it shows the guest the time that its vCPUs wait for CPUs" },
	{ "pv_eoi", BIT(6), SIGN_ON, PARAVIRT_PV_EOI, BIT_OF(ACCESS_EOI),
	  "an exit at the end of most interrupts" },
	{ "pv_unhalt", BIT(7), SIGN_HYPERCALL, 0, 0,
	  "spinning for a lock whose holder has no CPU" },
	{ "pv_tlb_flush", BIT(9), SIGN_NEEDS, PARAVIRT_STEAL_TIME, 0,
	  "waiting for vCPUs without a CPU to flush their TLBs" },
	{ "pv_ipi", BIT(11), SIGN_HYPERCALL, 0, BIT_OF(ACCESS_IPI),
	  "an exit for each vCPU that is sent an interrupt" },
	{ "poll_control", BIT(12), SIGN_OFF, PARAVIRT_HOST_POLL, 0,
	  "polling for an idle guest that polls itself (cpuidle-haltpoll)" },
	{ "pv_sched_yield", BIT(13), SIGN_HYPERCALL, 0, 0,
	  "waiting for a vCPU without a CPU that an interrupt was sent to" },
};

static bool makes_hypercalls(const struct guest_snapshot *guest)
{
	const struct exit_stats *stats = &guest->stats;
	size_t i;

	for (i = 0; i < stats->num_cells; i++) {
		const struct exit_cell *cell = &stats->cells[i];

		if (cell->key.level == 2 && cell->value[CELL_COUNT] &&
		    (!strcmp(cell->key.reason, "VMCALL") ||
		     !strcmp(cell->key.reason, "vmmcall")))
			return true;
	}
	return false;
}

static void add_vcpu(struct pv_feature *feature, const struct known_feature *k,
		     const struct paravirt *vcpu)
{
	feature->is_offered_known |= vcpu->is_offered_known;
	feature->is_offered |= vcpu->offered & k->bits;
	if (k->sign == SIGN_HYPERCALL)
		return;
	feature->is_used_known &= vcpu->is_used_known;
	feature->num_using += vcpu->used[k->use] == (k->sign != SIGN_OFF);
}

static struct pv_feature feature_of(const struct known_feature *k,
				    const struct guest_snapshot *guest,
				    const struct paravirt *paravirt, size_t num)
{
	struct pv_feature feature = {
		.name = k->name, .saves = k->saves, .classes = k->classes,
		.is_used_known = num,
	};
	size_t i;

	for (i = 0; i < num; i++)
		add_vcpu(&feature, k, &paravirt[i]);
	if (k->sign == SIGN_HYPERCALL || (k->sign == SIGN_NEEDS && feature.num_using)) {
		feature.is_used_known &= !makes_hypercalls(guest);
		feature.num_using = 0;
	}
	/* A guest can only use what is there. */
	if (feature.is_offered_known && !feature.is_offered) {
		feature.is_used_known = true;
		feature.num_using = 0;
	}
	return feature;
}

struct pv_features pv_features(const struct guest_snapshot *guest,
			       const struct paravirt *paravirt, size_t num)
{
	struct pv_features features = { };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(known); i++)
		*GROW(features.v, features.num) = feature_of(&known[i], guest, paravirt, num);
	return features;
}
