// SPDX-License-Identifier: GPL-2.0
/* vCPUs that max_exits_per_sec makes sleep: the guest's own limit, or the host's. */
#include <string.h>

#include "base/util.h"
#include "explain/cause.h"
#include "settings/setting.h"

static bool is_throttled(const struct facts *f, struct advice *a)
{
	struct load all = load_of(f, &all_reasons, 2);
	double cpus = all.parts[PART_THROTTLED] +
		      load_of(f, &all_reasons, 3).parts[PART_THROTTLED];

	a->gain = gain_at_most(cpus);
	if (!is_worth_it(f, &a->gain))
		return false;
	a->evidence = xasprintf("its vCPUs slept %.2f s of each second because of max_exits_per_sec; they exited %.0f times in it",
				cpus, all.rate);
	return true;
}

/* "default", "max" or a number. */
static enum answer has_own_limit(const struct facts *f, char **seen)
{
	char value[32];

	if (setting_read_guest(setting_find("max_exits_per_sec", SETTING_LIMIT), f->env,
			 &f->guest->guest, value, sizeof(value)) <= 0) {
		*seen = xstrdup("the guest's limit cannot be read");
		return ANSWER_UNKNOWN;
	}
	*seen = xasprintf("the guest's own max_exits_per_sec is %s", value);
	return strcmp(value, "default") && strcmp(value, "max") ? ANSWER_YES :
								  ANSWER_NO;
}

static char *raise_own(const struct facts *f)
{
	unsigned long long id = f->guest->guest.id;

	return xasprintf("l1tune limits %llu max_exits_per_sec=N with N above what it needs, or fewer exits: l1tune stat %llu shows for what it exits",
			 id, id);
}

static char *raise_for_one(const struct facts *f)
{
	unsigned long long id = f->guest->guest.id;

	return xasprintf("a limit of its own, above the host's: l1tune limits %llu max_exits_per_sec=N; or fewer exits: l1tune stat %llu shows for what it exits",
			 id, id);
}

static const struct cause causes[] = {
	{
		"guest-limit", "the guest's own limit of exits", "L1",
		"others get less of the machine",
		{ { has_own_limit, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"l1tune limits GUEST",
		.change_of = raise_own,
	}, {
		"host-limit", "the host's limit of exits for each guest", "L1",
		"others get less of the machine",
		{ { has_own_limit, VERDICT_RULED_OUT, VERDICT_SHOWN } },
		"l1tune limits",
		.change_of = raise_for_one,
		.change_for_all = "l1tune limits max_exits_per_sec=N with N above what they need",
	},
};

const struct symptom symptom_throttled = {
	"throttled", "held back by a limit", CAUSES(causes), is_throttled,
};
