// SPDX-License-Identifier: GPL-2.0
/* Is this the machine of before? L0 may move it to another host while it runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/env.h"
#include "base/error.h"
#include "base/util.h"
#include "doctor/checks.h"
#include "model/identity.h"

#define COMMANDS	"l1tune drift\n" RELOAD "\nl1tune caps\nl1tune bench --save"

static char *time_text(uint64_t seconds)
{
	time_t taken = seconds;
	char text[64] = "?";
	struct tm tm;

	if (localtime_r(&taken, &tm))
		strftime(text, sizeof(text), "%F %T", &tm);
	return xstrdup(text);
}

/* What would show a move, and is not read here. */
static char *list_unknown(const struct doctor *doctor, const struct identity *now)
{
	char *list = xstrdup("");

	if (!now->has_tsc && !identity_fact(now, "tsc_khz_stated"))
		append(&list, "; the TSC's frequency, which no other clock shows here");
	if (!doctor->machine.amd && !identity_fact(now, "now:msr_0x480"))
		append(&list, identity_fact(now, "load:msr_0x480") ?
		       "; VMX capabilities since the module was loaded (as root: modprobe msr)" :
		       "; VMX capabilities (load the module, or as root modprobe msr)");
	if (!now->has_stolen)
		append(&list, "; the steal clock");
	return list;
}

static void add_same(struct doctor *doctor, const struct identity *then, const struct identity *now)
{
	char *unknown = list_unknown(doctor, now), *taken = time_text(then->taken);

	doctor_add(doctor, "moved", DOCTOR_OK,
		   xasprintf("no: CPU, hypervisor and what they offer are as on %s%s%s", taken,
			     *unknown ? ". Not known: " : "", *unknown ? unknown + 2 : ""), NULL);
	free(taken);
	free(unknown);
}

static void add_different(struct doctor *doctor, const struct identity *then, const char *text)
{
	char *taken = time_text(then->taken);

	doctor_add(doctor, "moved", DOCTOR_WARNING,
		   xasprintf("the host changed since %s: L0 may have moved this machine. %s. This kernel, KVM, the module and running guests keep what they read at their start; costs may have changed. l1tune bench --save measures them, and makes this machine the new baseline",
			     taken, text), xstrdup(COMMANDS));
	free(taken);
}

static void add_nothing_yet(struct doctor *doctor, enum saved found, bool is_saved)
{
	static const char *const words[NUM_SAVED] = {
		[SAVED_NONE] = "nothing was saved about this machine yet",
		[SAVED_NOT_ROOTS] = "the saved file can be changed by others than root",
		[SAVED_DAMAGED] = "the saved file is damaged",
		[SAVED_OTHER_BOOT] = "nothing was saved since this machine was started",
	};

	doctor_add(doctor, "moved", DOCTOR_INFO,
		   xasprintf("unknown: %s%s", words[found], is_saved ?
			     ". It is saved now: changes show from now on" :
			     ": run l1tune doctor as root, or l1tune record"),
		   is_saved ? NULL : xstrdup("sudo l1tune doctor"));
}

/* An instance that was stopped and started may be on another host: that is no warning. */
static void add_since_boot(struct doctor *doctor, const char *text)
{
	if (*text)
		doctor_add(doctor, "moved at boot", DOCTOR_INFO,
			   xasprintf("the host changed since the last boot: %s", text),
			   xstrdup("l1tune caps\nl1tune bench --save"));
}

void check_moved(struct doctor *doctor)
{
	const char *state = doctor->env->state;
	struct identity then, now, kept;
	enum saved found;
	char *text;

	if (!doctor->machine.virtualized)
		return;
	identity_read(doctor->env, &now);
	complain_to(complain_ignore);
	found = identity_keep(state, &now, &then);
	complain_to(NULL);
	if (found != SAVED_GOOD) {
		bool is_saved = identity_load(state, &kept) == SAVED_GOOD &&
				!strcmp(kept.boot_id, now.boot_id);

		add_nothing_yet(doctor, found, is_saved);
		add_since_boot(doctor, is_saved ? kept.since_boot : "");
		return;
	}
	text = identity_diff(&then, &now);
	if (*text)
		add_different(doctor, &then, text);
	else
		add_same(doctor, &then, &now);
	add_since_boot(doctor, then.since_boot);
	free(text);
}
