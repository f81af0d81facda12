// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/format.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "model/guest.h"
#include "settings/limit-use.h"

struct user {
	uint64_t uid;
	uint64_t vms;
};

struct users {
	struct user *v;
	size_t num;
};

/* How many guests the user of this one has, so far. */
static uint64_t count_user(struct users *users, uint64_t uid)
{
	size_t i;

	for (i = 0; i < users->num; i++)
		if (users->v[i].uid == uid)
			return ++users->v[i].vms;
	*GROW(users->v, users->num) = (struct user){ .uid = uid, .vms = 1 };
	return 1;
}

static void take_larger(struct limit_use *use, uint64_t value, const char *who,
			uint64_t number)
{
	if (use->is_known && use->value >= value)
		return;
	use->is_known = true;
	use->value = value;
	snprintf(use->of, sizeof(use->of), "%s%llu", who,
		 (unsigned long long)number);
}

/* 0, or -errno; a guest that has ended meanwhile uses nothing. */
static int add_guest(const struct env *env, uint64_t id, struct users *users,
		     struct limit_use uses[NUM_LIMITS])
{
	uint64_t uid, value;
	int fd = guest_open(env, id), err;
	size_t i;

	if (fd < 0)
		return sysfs_is_gone(fd) ? 0 : fd;
	err = sysfs_read_u64(fd, "uid", &uid);
	for (i = 0; i < NUM_LIMITS && !err; i++) {
		const struct limit_kind *kind = &limit_kinds[i];

		if (kind->scope == LIMIT_PER_USER) {
			take_larger(&uses[i], count_user(users, uid), "uid ",
				    uid);
		} else if (kind->scope == LIMIT_PER_GUEST && kind->usage) {
			err = kind->is_bytes ? guest_read_peak(fd, &value) :
			      sysfs_read_u64(fd, kind->usage, &value);
			if (!err)
				take_larger(&uses[i], value, "l2-", id);
		}
	}
	close(fd);
	return err && !sysfs_is_gone(err) ? err : 0;
}

static int add_guests(const struct env *env, struct limit_use uses[NUM_LIMITS])
{
	struct users users = { };
	uint64_t *ids;
	size_t num, i;
	int err = guest_list(env, &ids, &num);

	for (i = 0; i < num && !err; i++)
		err = add_guest(env, ids[i], &users, uses);
	free(users.v);
	free(ids);
	return err;
}

void limit_uses_read(const struct env *env, const struct host *host,
		     struct limit_use uses[NUM_LIMITS])
{
	bool are_guests_seen;
	size_t i;

	memset(uses, 0, NUM_LIMITS * sizeof(*uses));
	are_guests_seen = !add_guests(env, uses);
	for (i = 0; i < NUM_LIMITS; i++) {
		const struct limit_kind *kind = &limit_kinds[i];

		if (kind->scope == LIMIT_PER_HOST) {
			uses[i].is_known = host_has_count(&host->usage,
							  kind->usage);
			uses[i].value = host_count(&host->usage, kind->usage);
		} else {
			/* Without guests, the largest use is 0. */
			uses[i].is_known = are_guests_seen &&
				(kind->usage || kind->scope == LIMIT_PER_USER);
		}
	}
}

void limit_uses_read_tenant(const struct env *env, const struct tenant *tenant,
			    struct limit_use uses[NUM_TENANT_LIMITS])
{
	int fd = tenant_open(env, tenant->id);
	char path[64];
	size_t i;

	memset(uses, 0, NUM_TENANT_LIMITS * sizeof(*uses));
	for (i = 0; i < NUM_TENANT_LIMITS && fd >= 0 && !tenant->is_pattern; i++) {
		if (!tenant_limit_kinds[i].usage)
			continue;
		snprintf(path, sizeof(path), "usage/%s", tenant_limit_kinds[i].usage);
		uses[i].is_known = !sysfs_read_u64(fd, path, &uses[i].value);
	}
	if (fd >= 0)
		close(fd);
}

static void complain_below(const char *owner, const struct limit_kind *kind,
			   const char *prefix, uint64_t value, const struct limit_use *use,
			   const char *effect)
{
	char *limit = kind->is_bytes ? format_bytes(value) :
		      xasprintf("%llu", (unsigned long long)value);
	char *used = kind->is_bytes ? format_bytes(use->value) :
		     xasprintf("%llu", (unsigned long long)use->value);

	complain("%s%s%s=%s is below the %s in use%s%s: %s", owner, prefix, kind->name,
		 limit, used, *use->of ? " by " : "", use->of, effect);
	free(used);
	free(limit);
}

void limit_complain_below_use(const char *owner, const struct limit *limit,
			      const struct limit_use *use)
{
	if (!use->is_known)
		return;
	if (limit->value < use->value)
		complain_below(owner, limit->kind, "", limit->value, use,
			       "guests keep what they have, and requests for more are refused");
	if (limit->audit < use->value)
		complain_below(owner, limit->kind, "audit.", limit->audit, use,
			       "each request for more is counted");
}

bool limit_headroom(uint64_t limit, const struct limit_use *use,
		    uint64_t *headroom)
{
	if (!use->is_known || limit == LIMIT_NONE)
		return false;
	*headroom = sub_clamped(limit, use->value);
	return true;
}
