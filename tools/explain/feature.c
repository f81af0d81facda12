// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "explain/feature.h"
#include "explain/interface.h"
#include "model/machine.h"
#include "settings/setting.h"

#define APICV	"kvm_intel.enable_apicv"
#define AVIC	"kvm_amd.avic"

struct feature {
	bool is_known, is_offered, is_used;
};

/* What L0 does not offer KVM does not use, whatever its parameter is. */
static struct feature read_feature(const struct facts *f, const char *name,
				   const char *parameter, char **seen)
{
	char offered[8], used[64];

	if (!machine_file(f->env->sysfs, offered, sizeof(offered),
			  "class/l1tune/l1/%s/%s", f->host->isa, name)) {
		*seen = xasprintf("whether L0 offers %s cannot be read", name);
		return (struct feature){ };
	}
	if (strcmp(offered, "1")) {
		*seen = xasprintf("L0 does not offer %s", name);
		return (struct feature){ .is_known = true };
	}
	if (setting_read(setting_find(parameter, SETTING_PARAM), f->env, NULL,
			 used, sizeof(used)) <= 0) {
		*seen = xasprintf("L0 offers %s, but %s cannot be read", name, parameter);
		return (struct feature){ };
	}
	*seen = xasprintf("L0 offers %s, and %s is %s", name, parameter, used);
	return (struct feature){ true, true, strcmp(used, "N") };
}

enum answer lacks_feature(const struct facts *f, const char *name,
			  const char *parameter, char **seen)
{
	bool is_vmx = begins_with(parameter, "kvm_intel.");
	struct feature feature;

	if (strcmp(f->host->isa, is_vmx ? "vmx" : "svm")) {
		*seen = xasprintf("this CPU has no %s, so no %s either",
				  is_vmx ? "VMX" : "SVM", parameter);
		return ANSWER_NO;
	}
	feature = read_feature(f, name, parameter, seen);
	if (!feature.is_known)
		return ANSWER_UNKNOWN;
	return feature.is_offered && !feature.is_used ? ANSWER_YES : ANSWER_NO;
}

char *use_feature(const struct facts *f, const char *parameter)
{
	return setting_reload(setting_find(parameter, SETTING_PARAM), f->env, "1");
}

enum answer lacks_nested_paging(const struct facts *f, char **seen)
{
	const char *name = strcmp(f->host->isa, "vmx") ? "npt" : "ept";
	char offered[8];

	if (!machine_file(f->env->sysfs, offered, sizeof(offered),
			  "class/l1tune/l1/%s/%s", f->host->isa, name)) {
		*seen = xasprintf("whether L0 offers %s cannot be read", name);
		return ANSWER_UNKNOWN;
	}
	*seen = xasprintf("L0 %s %s", strcmp(offered, "1") ? "does not offer" : "offers", name);
	return strcmp(offered, "1") ? ANSWER_YES : ANSWER_NO;
}

/* KVM wants all three for it. */
static const char *const apicv_features[] = {
	"virtual_interrupt_delivery", "apic_register_virtualization", "posted_interrupts",
};

enum answer lacks_apicv(const struct facts *f, char **seen)
{
	enum answer answer = ANSWER_UNKNOWN;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(apicv_features); i++) {
		free(*seen);
		*seen = NULL;
		answer = lacks_feature(f, apicv_features[i], APICV, seen);
		if (answer != ANSWER_YES)
			break;
	}
	return answer;
}

static enum answer uses_feature(const struct facts *f, const char *name,
				const char *parameter, char **seen)
{
	struct feature feature = read_feature(f, name, parameter, seen);

	if (!feature.is_known)
		return ANSWER_UNKNOWN;
	return feature.is_offered && feature.is_used ? ANSWER_YES : ANSWER_NO;
}

enum answer uses_apicv(const struct facts *f, char **seen)
{
	enum answer answer = ANSWER_UNKNOWN;
	size_t i;

	if (strcmp(f->host->isa, "vmx"))
		return uses_feature(f, "avic", AVIC, seen);
	for (i = 0; i < ARRAY_SIZE(apicv_features); i++) {
		free(*seen);
		*seen = NULL;
		answer = uses_feature(f, apicv_features[i], APICV, seen);
		if (answer != ANSWER_YES)
			break;
	}
	return answer;
}

#define X2APIC "offer x2APIC: QEMU -cpu host or -cpu MODEL,+x2apic; in a Linux guest without nox2apic"

char *avoid_apic_page(const struct facts *f)
{
	return by_interface(f, offers_hyperv(f, "vapic") ? X2APIC :
			    "offer Hyper-V's MSRs for the APIC first: QEMU -cpu MODEL,hv-vapic", X2APIC);
}

char *use_apicv(const struct facts *f)
{
	return use_feature(f, APICV);
}

static enum answer lacks_apicv_or_avic(const struct facts *f, char **seen)
{
	return strcmp(f->host->isa, "vmx") ? lacks_feature(f, "avic", AVIC, seen) :
					     lacks_apicv(f, seen);
}

static enum answer ask(enum answer (*look)(const struct facts *f, char **seen),
		       const struct facts *f)
{
	char *seen = NULL;
	enum answer answer = look(f, &seen);

	free(seen);
	return answer;
}

char *or_apicv(const struct facts *f, const char *first)
{
	const char *name = strcmp(f->host->isa, "vmx") ? "AVIC" : "APICv";
	char *reload, *text;

	switch (ask(lacks_apicv_or_avic, f)) {
	case ANSWER_YES:
		reload = use_feature(f, strcmp(f->host->isa, "vmx") ? AVIC : APICV);
		text = xasprintf("%s; or %s, which L0 offers and KVM does not use: %s", first, name,
				 reload);
		free(reload);
		return text;
	case ANSWER_NO:
		return ask(uses_apicv, f) == ANSWER_YES ?
		       xasprintf("%s; or %s, which KVM uses, but not for this VM: " APICV_INHIBITED_CHANGE
				 ". " APICV_INHIBITED_HOW, first, name) : xstrdup(first);
	default:
		return xasprintf("%s; or %s, if l1tune caps says that L0 offers it", first, name);
	}
}
