// SPDX-License-Identifier: GPL-2.0
/*
 * vCPUs that max_exits_per_sec makes sleep: the limit of the guest, of one of its
 * tenants, or of the host. If several are set, which one applied is not counted.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "explain/cause.h"
#include "model/tenant-counts.h"
#include "settings/setting.h"

static bool is_throttled(const struct facts *f, struct advice *a)
{
	struct load all = load_of_both(f, &all_reasons);
	double cpus = all.parts[PART_THROTTLED];

	a->gain = gain_at_most(cpus);
	if (!is_worth_it(f, &a->gain))
		return false;
	a->evidence = xasprintf("its vCPUs slept %.2f s of each second because of max_exits_per_sec; they exited %.0f times per second",
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

static enum answer has_host_limit(const struct facts *f, char **seen)
{
	char value[32];

	if (setting_read(setting_find("max_exits_per_sec", SETTING_LIMIT), f->env, NULL,
			 value, sizeof(value)) <= 0) {
		*seen = xstrdup("the host's limit cannot be read");
		return ANSWER_UNKNOWN;
	}
	*seen = xasprintf("max_exits_per_sec of the host is %s", value);
	return strcmp(value, "max") ? ANSWER_YES : ANSWER_NO;
}

/* 0 or -errno; ids are to be freed in every case. */
static int read_tenants(const struct facts *f, uint64_t **ids, size_t *num)
{
	int fd = guest_open(f->env, f->guest->guest.id), err = fd;

	*ids = NULL;
	if (fd < 0)
		return err;
	err = guest_tenants_read(fd, ids, num);
	close(fd);
	return err;
}

/* Has any of them one? */
static enum answer find_tenant_limit(const struct facts *f, const uint64_t *ids, size_t num,
				     char **seen)
{
	const struct setting *limit = setting_find("max_exits_per_sec", SETTING_LIMIT);
	char device[TENANT_DEVICE_SIZE], value[32];
	bool unread = false;
	size_t i;

	for (i = 0; i < num; i++) {
		tenant_device(ids[i], device);
		if (setting_read(limit, f->env, device, value, sizeof(value)) <= 0) {
			unread = true;
		} else if (strcmp(value, "max")) {
			*seen = xasprintf("max_exits_per_sec of %s is %s", device, value);
			return ANSWER_YES;
		}
	}
	*seen = xstrdup(unread ? "the limit of a tenant cannot be read" :
				 "no tenant of the guest has max_exits_per_sec");
	return unread ? ANSWER_UNKNOWN : ANSWER_NO;
}

static enum answer has_tenant_limit(const struct facts *f, char **seen)
{
	enum answer answer = ANSWER_UNKNOWN;
	uint64_t *ids;
	size_t num;

	if (!tenants_are_known(f->env)) {
		*seen = xstrdup("this module has no tenants");
		return ANSWER_NO;
	}
	if (read_tenants(f, &ids, &num))
		*seen = xstrdup("the guest's tenants cannot be read");
	else
		answer = find_tenant_limit(f, ids, num, seen);
	free(ids);
	return answer;
}

/* Are both answers no, so that it is the third? */
static enum answer is_neither(const struct facts *f, clue_fn one, clue_fn other, char **seen)
{
	char *both[2] = { NULL, NULL };
	enum answer first = one(f, &both[0]), second = other(f, &both[1]);

	*seen = xasprintf("%s; %s", both[0], both[1]);
	free(both[0]);
	free(both[1]);
	if (first == ANSWER_YES || second == ANSWER_YES)
		return ANSWER_NO;
	return first == ANSWER_NO && second == ANSWER_NO ? ANSWER_YES : ANSWER_UNKNOWN;
}

static enum answer has_tenant_limit_only(const struct facts *f, char **seen)
{
	return is_neither(f, has_own_limit, has_host_limit, seen);
}

static enum answer has_host_limit_only(const struct facts *f, char **seen)
{
	return is_neither(f, has_own_limit, has_tenant_limit, seen);
}

static char *raise_own(const struct facts *f)
{
	unsigned long long id = f->guest->guest.id;

	return xasprintf("l1tune limits %llu max_exits_per_sec=N with N above what it needs, or fewer exits: l1tune stat %llu shows the reasons",
			 id, id);
}

static char *raise_for_one(const struct facts *f)
{
	unsigned long long id = f->guest->guest.id;

	return xasprintf("a limit of its own, above the host's: l1tune limits %llu max_exits_per_sec=N; or fewer exits: l1tune stat %llu shows the reasons",
			 id, id);
}

static const struct cause causes[] = {
	{
		"guest-limit", "the guest's own exit limit", "L1",
		"others get less of the machine",
		{ { has_own_limit, VERDICT_SHOWN, VERDICT_RULED_OUT } },
		"l1tune limits GUEST",
		.change_of = raise_own,
	}, {
		"tenant-limit", "the exit limit of a tenant of the guest", "L1",
		"others get less of the machine",
		{ { has_tenant_limit, VERDICT_OPEN, VERDICT_RULED_OUT },
		  { has_tenant_limit_only, VERDICT_SHOWN, VERDICT_OPEN } },
		"l1tune limits tenant:CGROUP",
		.change = "l1tune limits tenant:CGROUP max_exits_per_sec=N with N above what all guests of the tenant need together; l1tune limits shows the tenants",
	}, {
		"host-limit", "the host's exit limit per guest", "L1",
		"others get less of the machine",
		{ { has_own_limit, VERDICT_RULED_OUT, VERDICT_OPEN },
		  { has_host_limit, VERDICT_OPEN, VERDICT_RULED_OUT },
		  { has_host_limit_only, VERDICT_SHOWN, VERDICT_OPEN } },
		"l1tune limits",
		.change_of = raise_for_one,
		.change_for_all = "l1tune limits max_exits_per_sec=N with N above what they need",
	},
};

const struct symptom symptom_throttled = {
	"throttled", "throttled by a limit", CAUSES(causes), is_throttled,
};
