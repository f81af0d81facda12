// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "probe/met.h"

static bool is_xsetbv(const struct exit_key *key)
{
	return !strcmp(key->reason, "XSETBV") || !strcmp(key->reason, "xsetbv");
}

static bool is_msr(const struct exit_key *key)
{
	return !strcmp(key->reason, "msr") || !strncmp(key->reason, "MSR_", 4);
}

/* A component is met by a value that has all of it. */
static bool is_met(const struct probe_feature *feature, const struct gone_refused *r)
{
	const uint64_t value = r->edx << 32 | (uint32_t)r->eax;

	switch (feature->group) {
	case PROBE_STATE:
		return is_xsetbv(&r->key) && !r->ecx &&
		       (value & feature->promise.mask) == feature->promise.mask;
	case PROBE_MSR:
	case PROBE_KVM:
		return is_msr(&r->key) && r->ecx == feature->msr;
	default:
		return false;
	}
}

int probe_met(const struct probe *probe, const struct gone_refused *refused)
{
	size_t i;

	for (i = 0; refused->since_ns && i < num_probe_features; i++)
		if (probe_is_bad(probe->results[i].verdict) && is_met(&probe_features[i], refused))
			return i;
	return -1;
}
