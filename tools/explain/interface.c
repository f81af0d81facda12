// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "explain/interface.h"
#include "explain/paravirt.h"
#include "model/args.h"
#include "model/machine.h"

/* @s is the text after a property's name: "=off", "=on,next", ",next". */
static bool is_off(const char *s)
{
	static const char *const names[] = { "off", "no", "false", "n" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names) && *s == '='; i++) {
		size_t len = strlen(names[i]);

		if (!strncmp(s + 1, names[i], len) && (!s[len + 1] || s[len + 1] == ','))
			return true;
	}
	return false;
}

/* With "-" or "_": "hv_time", "+hv-time", "hv-time=on". */
static bool is_offered(const char *s, const char *property)
{
	size_t len;

	s += *s == '+';
	if (strncmp(s, "hv-", 3) && strncmp(s, "hv_", 3))
		return false;
	s += 3;
	len = strcspn(s, "=,");
	if (*property && (len != strlen(property) || strncmp(s, property, len)))
		return false;
	return !is_off(s + len);
}

static bool is_among(const char *properties, const char *property)
{
	const char *s = properties;

	while (!is_offered(s, property)) {
		s = strchrnul(s, ',');
		if (!*s++)
			return false;
	}
	return true;
}

/* Cloud Hypervisor's CPU option, "boot=4,kvm_hyperv=on", which is for these. */
static bool is_by_kvm_hyperv(const char *option, const char *property)
{
	static const char *const offered[] = { "", "relaxed", "time", "synic", "stimer" };
	const char *name = "kvm_hyperv=", *s = strstr(option, name);
	size_t i;

	if (!s || is_off(s + strlen(name) - 1))
		return false;
	for (i = 0; i < ARRAY_SIZE(offered); i++)
		if (!strcmp(property, offered[i]))
			return true;
	return false;
}

/* Among the values of that option only: a name or a path may look like a property. */
static bool has_property(const struct facts *f, const char *option,
			 bool (*is_in)(const char *value, const char *property),
			 const char *property)
{
	const char *value;
	struct args args;
	bool has = false;
	size_t i = 0;

	args_split(f->cmdline, f->cmdline_len, &args);
	while (!has && (value = args_next_value(&args, option, &i)))
		has = is_in(value, property);
	args_free(&args);
	return has;
}

bool offers_hyperv(const struct facts *f, const char *property)
{
	return has_property(f, "-cpu", is_among, property) ||
	       has_property(f, "-cpu", is_among, "passthrough") ||
	       has_property(f, "--cpus", is_by_kvm_hyperv, property);
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
		*why = xstrdup("the VMM offers Hyper-V's interface (hv_ or kvm_hyperv in its command line)");
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

char *by_interface(const struct facts *f, const char *windows, const char *others)
{
	enum interface interface;
	char *why;

	interface = interface_of(f, &why);
	free(why);
	switch (interface) {
	case INTERFACE_HYPERV:
		return xstrdup(windows);
	case INTERFACE_KVM:
		return xstrdup(others);
	default:
		return strcmp(windows, others) ?
		       xasprintf("Windows: %s. Not Windows: %s", windows, others) :
		       xstrdup(others);
	}
}

char *fewer_timers(const struct facts *f)
{
	return by_interface(f, "fewer timers in the guest: in Windows powercfg /energy and Windows Performance Recorder name what sets them",
			    "fewer timers in the guest: perf record -e timer:hrtimer_start -ag there names their owners");
}

#define TSC_OFFSETS "the TSC offsets of all its vCPUs have to be equal: start the guest anew if it was restored or migrated"

static char *make_page_usable(const struct facts *f)
{
	char source[32];

	if (!machine_file(f->env->sysfs, source, sizeof(source),
			  "devices/system/clocksource/clocksource0/current_clocksource"))
		return xstrdup("make the TSC page usable that the guest is offered and that is read without exits: this machine's clocksource has to be tsc (or Hyper-V's TSC page), and " TSC_OFFSETS);
	if (strcmp(source, "tsc") && strcmp(source, "hyperv_clocksource_tsc_page"))
		return xasprintf("clocksource=tsc on the command line of this machine's kernel, if L0 offers a TSC that allows it: with %s KVM cannot fill the TSC page that the guest is offered and that is read without exits",
				 source);
	return xstrdup("make the TSC page usable that the guest is offered and that is read without exits: " TSC_OFFSETS);
}

char *use_tsc_page(const struct facts *f)
{
	char *usable, *text;

	if (!offers_hyperv(f, "time"))
		return xstrdup("QEMU -cpu MODEL,hv-time, whose page is read without exits");
	usable = make_page_usable(f);
	if (!has_property(f, "--cpus", is_by_kvm_hyperv, "time"))
		return usable;
	text = xasprintf("Cloud Hypervisor 53 or later: with earlier versions Windows does not use the TSC page that it is offered. If it is: %s",
			 usable);
	free(usable);
	return text;
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
