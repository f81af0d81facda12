// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "explain/feature.h"
#include "model/machine.h"
#include "settings/setting.h"

#define APICV	"kvm_intel.enable_apicv"

enum answer lacks_feature(const struct facts *f, const char *feature,
			  const char *parameter, char **seen)
{
	bool is_vmx = begins_with(parameter, "kvm_intel.");
	char offered[8], used[64];

	if (strcmp(f->host->isa, is_vmx ? "vmx" : "svm")) {
		*seen = xasprintf("this CPU has no %s, so no %s either",
				  is_vmx ? "VMX" : "SVM", parameter);
		return ANSWER_NO;
	}
	if (!machine_file(f->env->sysfs, offered, sizeof(offered),
			  "class/l1tune/l1/%s/%s", f->host->isa, feature) ||
	    setting_read(setting_find(parameter, SETTING_PARAM), f->env, NULL,
			 used, sizeof(used)) <= 0) {
		*seen = xasprintf("%s cannot be read", parameter);
		return ANSWER_UNKNOWN;
	}
	*seen = xasprintf("L0 %s %s, and %s is %s",
			  strcmp(offered, "1") ? "does not offer" : "offers",
			  feature, parameter, used);
	return !strcmp(offered, "1") && !strcmp(used, "N") ? ANSWER_YES : ANSWER_NO;
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
enum answer lacks_apicv(const struct facts *f, char **seen)
{
	static const char *const needed[] = {
		"virtual_interrupt_delivery", "apic_register_virtualization",
		"posted_interrupts",
	};
	enum answer answer = ANSWER_UNKNOWN;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(needed); i++) {
		free(*seen);
		*seen = NULL;
		answer = lacks_feature(f, needed[i], APICV, seen);
		if (answer != ANSWER_YES)
			break;
	}
	return answer;
}

char *use_apicv(const struct facts *f)
{
	return use_feature(f, APICV);
}
