// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "explain/interface.h"
#include "explain/paravirt.h"

/* Among the CPU's properties, with "-" or "_": "host,hv_time", "qemu64,+hv-time". */
bool offers_hyperv(const struct facts *f, const char *property)
{
	const char *s = f->cmdline, *end = s + f->cmdline_len;
	size_t len = strlen(property);

	while (s && (s = memmem(s, end - s, "hv", 2))) {
		if (s > f->cmdline && strchr(",+", s[-1]) && end - s > 3 &&
		    strchr("-_", s[2]) && (size_t)(end - s - 3) >= len &&
		    !strncmp(s + 3, property, len))
			return true;
		s += 2;
	}
	return false;
}

/* What it is offered does not say what it does: Linux takes KVM's if it is offered both. */
enum interface interface_of(const struct facts *f, char **why)
{
	if (access_msrs(&f->accesses, 0x40000000, 0x400001ff) > 0) {
		*why = xstrdup("the guest uses Hyper-V's MSRs");
		return INTERFACE_HYPERV;
	}
	if (access_msrs(&f->accesses, 0x4b564d00, 0x4b564dff) > 0) {
		*why = xstrdup("the guest uses KVM's MSRs");
		return INTERFACE_KVM;
	}
	if (offers_hyperv(f, "")) {
		*why = xstrdup("the VMM offers Hyper-V's interface (hv_ in its command line)");
		return INTERFACE_HYPERV_OFFERED;
	}
	*why = xstrdup("which hypervisor interface the guest uses was not seen");
	return INTERFACE_UNKNOWN;
}

enum answer is_hyperv(enum interface interface)
{
	switch (interface) {
	case INTERFACE_HYPERV:
	case INTERFACE_HYPERV_OFFERED:
		return ANSWER_YES;
	case INTERFACE_KVM:
		return ANSWER_NO;
	default:
		return ANSWER_UNKNOWN;
	}
}

/* Unknown where it is not offered for sure, or used by hypercalls that may be others. */
static enum pv_state state_of(const struct pv_features *features, const char *name)
{
	size_t i;

	for (i = 0; i < features->num; i++) {
		const struct pv_feature *feature = &features->v[i];

		if (strcmp(feature->name, name))
			continue;
		if (!feature->is_offered_known)
			return PV_UNKNOWN;
		if (!feature->is_offered)
			return PV_NOT_OFFERED;
		if (!feature->is_used_known)
			return PV_UNKNOWN;
		return feature->num_using ? PV_USED : PV_NOT_USED;
	}
	return PV_UNKNOWN;
}

enum pv_state pv_state_of(const struct facts *f, const char *feature)
{
	enum pv_state state = PV_UNKNOWN;
	struct guest_paravirt paravirt;
	struct pv_features features;

	if (f->env->past)
		return PV_UNKNOWN;
	if (!guest_paravirt_read(f->env, f->guest, &paravirt) && paravirt.num) {
		features = pv_features(f->guest, &paravirt, NULL);
		state = state_of(&features, feature);
		free(features.v);
	}
	free(paravirt.v);
	return state;
}
