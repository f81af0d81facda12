// SPDX-License-Identifier: GPL-2.0
/*
 * Which parts of KVM's interface for guests a guest is offered, and which of them it
 * uses. MSRs show that it uses a part. For parts used by hypercalls only, a guest without
 * hypercalls uses none; a sample shows which ones it makes, though rare ones may be missed.
 */
#include <string.h>

#include "base/util.h"
#include "explain/access.h"
#include "explain/paravirt.h"

#define BIT(n)	(1U << (n))

#define HC_KICK_CPU	5
#define HC_SEND_IPI	10
#define HC_SCHED_YIELD	11

enum sign {
	/* What it turns on. */
	SIGN_ON,
	/* What it turns off. */
	SIGN_OFF,
	/* That it makes such hypercalls. */
	SIGN_HYPERCALL,
	/* That KVM flushes TLBs for it, as asked for in the memory for steal time. */
	SIGN_FLUSH,
};

static const struct known_feature {
	const char *name;
	/* KVM_FEATURE_*: one of these. */
	uint32_t bits;
	enum sign sign;
	/* An enum paravirt_use, or the number of a hypercall. */
	unsigned int by;
	uint64_t classes;
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
	{ "pv_unhalt", BIT(7), SIGN_HYPERCALL, HC_KICK_CPU, 0,
	  "spinning for a lock whose holder has no CPU" },
	{ "pv_tlb_flush", BIT(9), SIGN_FLUSH, PARAVIRT_STEAL_TIME, 0,
	  "waiting for vCPUs without a CPU to flush their TLBs" },
	{ "pv_ipi", BIT(11), SIGN_HYPERCALL, HC_SEND_IPI, BIT_OF(ACCESS_IPI),
	  "an exit for each vCPU that is sent an interrupt" },
	{ "poll_control", BIT(12), SIGN_OFF, PARAVIRT_HOST_POLL, 0,
	  "polling for an idle guest that polls itself (cpuidle-haltpoll)" },
	{ "pv_sched_yield", BIT(13), SIGN_HYPERCALL, HC_SCHED_YIELD, 0,
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
		     !strcmp(cell->key.reason, "hypercall")))
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
	feature->num_using += vcpu->used[k->by] == (k->sign != SIGN_OFF);
}

static bool is_sign(const struct known_feature *k, const struct access *access)
{
	if (k->sign == SIGN_FLUSH)
		return access->kind == ACCESS_TLB_FLUSH && access->type == ACCESS_WRITE;
	return access->kind == ACCESS_HYPERCALL && access->address == k->by;
}

/* How often, and by how many of the threads that run its vCPUs. */
static size_t count_signs(const struct known_feature *k, const struct guest_snapshot *guest,
			  const struct sample *sample, double *rate)
{
	size_t i, num = 0;

	*rate = 0;
	for (i = 0; i < sample->num; i++)
		if (is_sign(k, &sample->list[i]) &&
		    snapshot_is_thread(guest, sample->list[i].tid)) {
			*rate += sample->list[i].rate;
			num++;
		}
	return num;
}

/* What says more than that it may be used. */
static void look_for_signs(struct pv_feature *feature, const struct known_feature *k,
			   const struct guest_snapshot *guest, const struct sample *sample)
{
	bool may_be = k->sign == SIGN_FLUSH ? feature->num_using || !feature->is_used_known :
					      makes_hypercalls(guest);
	size_t num;

	if (!may_be)
		return;
	feature->is_used_known = false;
	feature->num_using = 0;
	if (!sample || !sample_has(sample, k->sign == SIGN_FLUSH ? ACCESS_TLB_FLUSH :
							      ACCESS_HYPERCALL))
		return;
	num = count_signs(k, guest, sample, &feature->rate);
	feature->is_rate_known = true;
	feature->is_used_known = num;
	feature->num_using = num;
}

static struct pv_feature feature_of(const struct known_feature *k,
				    const struct guest_snapshot *guest,
				    const struct guest_paravirt *paravirt,
				    const struct sample *sample)
{
	struct pv_feature feature = {
		.name = k->name, .saves = k->saves, .classes = k->classes,
		.is_used_known = paravirt->num,
	};
	size_t i;

	for (i = 0; i < paravirt->num; i++)
		add_vcpu(&feature, k, &paravirt->v[i]);
	/* A guest can only use what it is offered. */
	if (feature.is_offered_known && !feature.is_offered) {
		feature.is_used_known = true;
		feature.num_using = 0;
	} else if (k->sign == SIGN_HYPERCALL || k->sign == SIGN_FLUSH) {
		look_for_signs(&feature, k, guest, sample);
	}
	return feature;
}

struct pv_features pv_features(const struct guest_snapshot *guest,
			       const struct guest_paravirt *paravirt,
			       const struct sample *sample)
{
	struct pv_features features = { };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(known); i++)
		*GROW(features.v, features.num) = feature_of(&known[i], guest, paravirt, sample);
	return features;
}
