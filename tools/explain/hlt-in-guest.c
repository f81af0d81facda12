// SPDX-License-Identifier: GPL-2.0
/*
 * Where HLT must exit: CPUs on which the module refuses hlt_in_guest, see
 * hlt_in_guest_possible() there, and L0s that enter no such guest.
 */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "explain/hlt-in-guest.h"
#include "model/hlt-exits.h"
#include "model/machine.h"

/* No answer where /proc/cpuinfo has no flags: it cannot be read then. */
static enum answer has_cpu(const struct facts *f, const char *key, const char *word)
{
	char *flags = machine_cpuinfo(f->env, "flags"), *words = machine_cpuinfo(f->env, key);
	enum answer answer = !flags ? ANSWER_UNKNOWN :
			     words && machine_has_word(words, word) ? ANSWER_YES : ANSWER_NO;

	free(words);
	free(flags);
	return answer;
}

/* As long as SMT can be switched on, as cpu_smt_possible() has it. */
static enum answer is_smt_possible(const struct facts *f)
{
	static const char *const impossible[] = { "forceoff", "notsupported", "notimplemented" };
	char control[32];
	size_t i;

	if (!machine_file(f->env->sysfs, control, sizeof(control),
			  "devices/system/cpu/smt/control"))
		return ANSWER_UNKNOWN;
	for (i = 0; i < ARRAY_SIZE(impossible); i++)
		if (!strcmp(control, impossible[i]))
			return ANSWER_NO;
	return ANSWER_YES;
}

static enum answer shares_predictions(const struct facts *f)
{
	enum answer bug = has_cpu(f, "bugs", "smt_rsb");

	return bug == ANSWER_YES ? is_smt_possible(f) : bug;
}

bool may_cpu_pm_be_on(const struct facts *f)
{
	return shares_predictions(f) != ANSWER_YES && !hlt_exits_why_needed(f->env->sysfs);
}

bool takes_hlt_in_guest(const struct facts *f)
{
	return may_cpu_pm_be_on(f) && has_cpu(f, "flags", "sev") != ANSWER_YES;
}

bool has_safe_cpu_pm(const struct facts *f)
{
	return is_qemu(f) && may_cpu_pm_be_on(f);
}

enum answer is_hlt_in_guest_refused(const struct facts *f, char **seen)
{
	enum answer shares = shares_predictions(f), has_sev = has_cpu(f, "flags", "sev");
	const char *why_needed = hlt_exits_why_needed(f->env->sysfs);

	if (why_needed) {
		*seen = xasprintf("%s: the guest would not start", why_needed);
		return ANSWER_YES;
	}
	if (shares == ANSWER_YES) {
		*seen = xstrdup("l1tune refuses hlt_in_guest: on this CPU an HLT that does not exit gives a sibling thread control of return predictions (smt_rsb)");
		return ANSWER_YES;
	}
	if (has_sev == ANSWER_YES && !is_qemu(f)) {
		*seen = xstrdup("l1tune refuses hlt_in_guest on a CPU with SEV");
		return ANSWER_YES;
	}
	return shares == ANSWER_NO && has_sev != ANSWER_UNKNOWN ? ANSWER_NO : ANSWER_UNKNOWN;
}
