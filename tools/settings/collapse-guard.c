// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/format.h"
#include "base/util.h"
#include "base/wait.h"
#include "model/cgroup-memory.h"
#include "model/machine.h"
#include "model/snapshot.h"
#include "model/vcpu.h"
#include "settings/collapse-guard.h"

/* The least memory of the machine that must stay available. */
#define LEAST_AVAILABLE_PERCENT	5
#define LEAST_AVAILABLE_BYTES	(64ULL << 20)

/* What memory.max of the VMM's cgroups has to leave, for some 2 MB pages. */
#define LEAST_CHARGE_BYTES	(16ULL << 20)

/* The share of the time in which some task waits for memory. */
#define MOST_PRESSURE_PERCENT	10
#define PRESSURE_WINDOW_NS	(NSEC_PER_SEC / 2)

static bool is_memory_fault(const struct exit_key *key)
{
	return !strcmp(key->reason, "EPT_VIOLATION") || !strcmp(key->reason, "npf");
}

/* Those of the guest and of guests in it, as one. */
static void sum_faults(const struct exit_stats *stats, struct exit_cell *sum)
{
	unsigned int n;
	size_t i;

	*sum = (struct exit_cell){ };
	for (i = 0; i < stats->num_cells; i++) {
		const struct exit_cell *cell = &stats->cells[i];

		if (!is_memory_fault(&cell->key))
			continue;
		if (cell->value[CELL_MAX] > sum->value[CELL_MAX])
			sum->value[CELL_MAX] = cell->value[CELL_MAX];
		if (cell->num_buckets > sum->num_buckets)
			sum->num_buckets = cell->num_buckets;
		for (n = 0; n < cell->num_buckets; n++)
			sum->hist[n] += cell->hist[n];
	}
}

static void note_stall(struct collapse_guard *guard, uint64_t ns, bool is_at_most)
{
	if (ns <= guard->stall_ns)
		return;
	guard->stall_ns = ns;
	guard->is_stall_at_most = is_at_most;
}

/* The maximum is one since the guest's start: only a new one is of now. */
static void note_ended_faults(struct collapse_guard *guard,
			      const struct exit_cell *now)
{
	uint64_t max = now->value[CELL_MAX], upper;
	unsigned int n;

	if (max > guard->before.value[CELL_MAX]) {
		note_stall(guard, max, false);
		return;
	}
	for (n = now->num_buckets; n--; ) {
		if (now->hist[n] <= guard->before.hist[n])
			continue;
		upper = n + 1 < now->num_buckets ? 1ULL << n : max;
		note_stall(guard, upper < max ? upper : max, true);
		break;
	}
}

static void note_open_faults(struct collapse_guard *guard,
			     const struct guest_snapshot *guest)
{
	size_t i;

	for (i = 0; i < guest->num_vcpus; i++) {
		struct vcpu_now now = vcpu_now(&guest->vcpus[i].stats,
					       guest->taken_ns);

		if (now.cell && is_memory_fault(&now.cell->key))
			note_stall(guard, now.for_ns, false);
	}
}

static int take_snapshot(struct collapse_guard *guard, struct snapshot *snapshot)
{
	const struct selection selection = { &guard->guest, 1 };
	const struct snapshot_request request = {
		.selection = &selection, .vcpus = true, .may_match_none = true,
		.cache = &guard->cache,
	};

	*snapshot = (struct snapshot){ };
	return snapshot_take(guard->env, guard->host, &request, snapshot);
}

static char *check_stall(struct collapse_guard *guard)
{
	struct snapshot snapshot;
	int status = take_snapshot(guard, &snapshot);
	struct exit_cell now;
	char *why = NULL, *seen, *bound;

	if (status != STATUS_OK || !snapshot.num_guests) {
		snapshot_free(&snapshot);
		return xstrdup(status == STATUS_OK ? "the guest has ended" :
				"the guest's statistics cannot be read");
	}
	sum_faults(&snapshot.guests[0].stats, &now);
	note_ended_faults(guard, &now);
	note_open_faults(guard, &snapshot.guests[0]);
	snapshot_free(&snapshot);
	if (guard->stall_ns > guard->most_stall_ns) {
		seen = format_ns(guard->stall_ns);
		bound = format_ns(guard->most_stall_ns);
		why = xasprintf("a vCPU waited %s%s for memory, more than the bound of %s",
				guard->is_stall_at_most ? "up to " : "", seen, bound);
		free(seen);
		free(bound);
	}
	return why;
}

static char *check_available(const struct env *env)
{
	char *text = machine_text(env->proc, "meminfo"), *why = NULL;
	uint64_t total, available, least;

	if (machine_meminfo(text, "MemTotal:", &total) &&
	    machine_meminfo(text, "MemAvailable:", &available)) {
		least = total / 100 * LEAST_AVAILABLE_PERCENT;
		if (least < LEAST_AVAILABLE_BYTES)
			least = LEAST_AVAILABLE_BYTES;
		if (available < least) {
			char *has = format_bytes(available), *wants = format_bytes(least);

			why = xasprintf("this machine has %s of memory available, less than %s",
					has, wants);
			free(has);
			free(wants);
		}
	} else {
		why = xstrdup("the available memory is unknown: /proc/meminfo cannot be read");
	}
	free(text);
	return why;
}

/* For how long some task has waited for memory since boot. */
static bool read_pressure(const struct env *env, uint64_t *us)
{
	char *text = machine_text(env->proc, "pressure/memory");
	/* The first line is that of "some". */
	const char *total = text && !strncmp(text, "some ", 5) ?
			    strstr(text, "total=") : NULL;

	if (total)
		*us = strtoull(total + strlen("total="), NULL, 10);
	free(text);
	return total;
}

static char *check_pressure(struct collapse_guard *guard)
{
	uint64_t us, now = monotonic_ns(), window = now - guard->pressure_since_ns;
	uint64_t percent;

	if (!guard->is_pressure_known || window < PRESSURE_WINDOW_NS ||
	    !read_pressure(guard->env, &us))
		return NULL;
	percent = sub_clamped(us, guard->pressure_us) * 1000 * 100 / window;
	guard->pressure_us = us;
	guard->pressure_since_ns = now;
	return percent <= MOST_PRESSURE_PERCENT ? NULL :
	       xasprintf("memory pressure: tasks waited for memory %llu %% of the time, more than %d %%",
			 (unsigned long long)percent, MOST_PRESSURE_PERCENT);
}

static void note_full(const struct memory_limit *limit, void *arg)
{
	char **why = arg, *left;

	if (*why || !limit->is_use_known ||
	    sub_clamped(limit->bytes, limit->used) >= LEAST_CHARGE_BYTES)
		return;
	left = format_bytes(sub_clamped(limit->bytes, limit->used));
	*why = xasprintf("%s of cgroup %s leaves %s", limit->file, limit->cgroup, left);
	free(left);
}

static char *check_cgroup(const struct collapse_guard *guard)
{
	char *why = NULL;

	if (guard->cgroup)
		memory_limits_look_at(guard->cgroup, guard->mount, "memory.max", note_full, &why);
	return why;
}

char *collapse_guard_check(struct collapse_guard *guard)
{
	char *why = check_available(guard->env);

	if (!why)
		why = check_cgroup(guard);
	if (!why)
		why = check_pressure(guard);
	return why ? why : check_stall(guard);
}

static void find_cgroup(struct collapse_guard *guard, const struct guest *guest)
{
	struct cgroup_mounts mounts = { };
	const char *mount = NULL;

	cgroup_mounts_update(guard->env, &mounts);
	guard->cgroup = cgroup_memory_directory_of(guard->env, &mounts, guest->pid, &mount);
	if (guard->cgroup)
		guard->mount = xstrdup(mount);
	cgroup_mounts_free(&mounts);
}

/* Without them no exit has a time. */
static int check_hooks(const struct host *host)
{
	static const char *const needed[] = { "kvm_exit", "kvm_entry", "exit_reason" };
	size_t i, k;

	for (i = 0; i < ARRAY_SIZE(needed); i++)
		for (k = 0; k < host->num_hooks; k++) {
			if (strcmp(host->hooks[k].name, needed[i]) ||
			    !strcmp(host->hooks[k].state, "ok"))
				continue;
			complain("how long vCPUs wait for memory cannot be seen: hook %s is %s",
				 needed[i], host->hooks[k].state);
			return STATUS_FAILED;
		}
	return STATUS_OK;
}

int collapse_guard_start(struct collapse_guard *guard, const struct env *env,
			 const struct host *host, const struct guest *guest,
			 uint64_t most_stall_ns)
{
	struct snapshot snapshot;
	int status;

	*guard = (struct collapse_guard){
		.env = env, .host = host, .most_stall_ns = most_stall_ns,
		.guest = { .kind = SELECT_ID, .number = guest->id },
		.pressure_since_ns = monotonic_ns(),
	};
	guard->is_pressure_known = read_pressure(env, &guard->pressure_us);
	find_cgroup(guard, guest);
	status = check_hooks(host);
	if (status != STATUS_OK)
		return status;
	status = take_snapshot(guard, &snapshot);
	if (status == STATUS_OK && !snapshot.num_guests) {
		complain("%s has ended", guest->name);
		status = STATUS_NO_GUEST;
	}
	if (status == STATUS_OK)
		sum_faults(&snapshot.guests[0].stats, &guard->before);
	snapshot_free(&snapshot);
	return status;
}

void collapse_guard_free(struct collapse_guard *guard)
{
	guest_cache_free(&guard->cache);
	free(guard->cgroup);
	free(guard->mount);
	*guard = (struct collapse_guard){ };
}
