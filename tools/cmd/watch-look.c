// SPDX-License-Identifier: GPL-2.0
/* What watch looks for: slow exits that ended, vCPUs that hang. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "base/wait.h"
#include "cmd/watch.h"
#include "model/stack.h"
#include "model/vcpu.h"

static struct watched *find(struct watcher *w, uint64_t guest, uint64_t vcpu)
{
	size_t i;

	for (i = 0; i < w->num; i++)
		if (w->v[i].guest == guest && w->v[i].vcpu == vcpu)
			return &w->v[i];
	*GROW(w->v, w->num) = (struct watched){
		.guest = guest, .vcpu = vcpu, .next = 1,
	};
	return &w->v[w->num - 1];
}

/* Those of guests that are not there any more. */
static void forget(struct watcher *w, const struct snapshot *snapshot)
{
	size_t i, j, kept = 0;

	for (i = 0; i < w->num; i++) {
		for (j = 0; j < snapshot->num_guests; j++)
			if (snapshot->guests[j].guest.id == w->v[i].guest)
				break;
		if (j < snapshot->num_guests)
			w->v[kept++] = w->v[i];
		else
			free(w->v[i].stack);
	}
	w->num = kept;
}

static bool is_meant(const struct watcher *w, const struct slow_exit *e,
		     const struct culprit *culprit)
{
	const struct options *options = w->options;

	return sub_clamped(e->time_ns, e->parts_ns[PART_HALTED]) > options->over_ns &&
	       (!options->reason || !strcasecmp(options->reason, e->key.reason)) &&
	       (!options->part || !strcmp(options->part, culprit->kind));
}

/* Of an exit that was read while it lasted; NULL if what was read is of another one. */
static const char *stack_of(const struct watched *watched, const struct slow_exit *e)
{
	return watched->stack && watched->stack_ns + e->time_ns > e->end_ns &&
	       watched->stack_ns < e->end_ns ? watched->stack : NULL;
}

static int take_one(struct watcher *w, const struct guest_snapshot *guest,
		    const struct slow_exit *e)
{
	struct culprit culprit;
	int status = STATUS_OK;

	culprit_find(e, w->host.virtualized, &culprit);
	if (is_meant(w, e, &culprit))
		status = watch_report_slow(w, guest, e, &culprit,
					   stack_of(find(w, guest->guest.id, e->vcpu), e));
	culprit_free(&culprit);
	return status;
}

static void complain_missed(struct watcher *w, const struct guest_snapshot *guest,
			    uint64_t vcpu, uint64_t num)
{
	w->num_missed += num;
	complain("missed %llu slow exits of l2-%llu vcpu%llu: they came faster than they were read; a larger --over reports fewer",
		 (unsigned long long)num, (unsigned long long)guest->guest.id,
		 (unsigned long long)vcpu);
}

/*
 * The module keeps the newest ones, so lost ones are older than all that it has.
 * One that is missing between others was being written while they were read: it
 * and those after it are taken at the next look.
 */
static bool is_behind_gap(const struct slow_exit *v, size_t i)
{
	for (; i && v[i - 1].vcpu == v[i].vcpu; i--)
		if (v[i].number > v[i - 1].number + 1)
			return true;
	return false;
}

static int complain_slow(const struct watcher *w, const struct guest_snapshot *guest, int err)
{
	char *file = xasprintf("l2-%llu/slow", (unsigned long long)guest->guest.id);
	int status = env_complain(&w->options->env, file, err);

	free(file);
	return status;
}

/* What a guest has that was not seen yet. */
static int take_slow(struct watcher *w, const struct guest_snapshot *guest)
{
	int fd = guest_open(&w->options->env, guest->guest.id), err, status = STATUS_OK;
	struct slow_exit *v = NULL;
	size_t num = 0, i;

	if (fd < 0)
		return STATUS_OK;
	err = slow_read(fd, &v, &num);
	close(fd);
	if (err && !sysfs_is_gone(err))
		status = complain_slow(w, guest, err);
	for (i = 0; i < num && status == STATUS_OK && !w->is_over; i++) {
		struct watched *watched = find(w, guest->guest.id, v[i].vcpu);

		if (v[i].number < watched->next || is_behind_gap(v, i))
			continue;
		if (w->is_started && v[i].number > watched->next)
			complain_missed(w, guest, v[i].vcpu, v[i].number - watched->next);
		watched->next = v[i].number + 1;
		if (w->is_started)
			status = take_one(w, guest, &v[i]);
	}
	free(v);
	return status;
}

/* Replaces the stack of a vCPU whose exit goes on for long; NULL if not known. */
static void take_stack(struct watcher *w, const struct guest_snapshot *guest,
		       const struct vcpu_snapshot *vcpu, struct watched *watched)
{
	uint64_t tid = vcpu->stats.value[STAT_TID];

	free(watched->stack);
	watched->stack = tid ? stack_read(&w->options->env, guest->guest.pid, tid) : NULL;
	watched->stack_ns = guest->taken_ns;
	if (watched->stack || !tid || w->stack_is_withheld ||
	    !sysfs_is_withheld(-errno))
		return;
	w->stack_is_withheld = true;
	complain("stacks of threads are shown to root only");
}

static int look_at_vcpu(struct watcher *w, const struct guest_snapshot *guest,
			const struct vcpu_snapshot *vcpu)
{
	struct watched *watched = find(w, guest->guest.id, vcpu->id);
	struct vcpu_now now = vcpu_now(&vcpu->stats, guest->taken_ns);
	bool is_long = w->options->over_ns && now.level && now.state &&
		       now.for_ns > w->options->over_ns && strcmp(now.state, "halted");
	enum hang hang = HANG_NONE;
	uint64_t for_ns;

	if (w->options->hang_ns)
		hang = hang_find(guest, vcpu, w->options->hang_ns, &watched->hang,
				 &for_ns);
	if (is_long || hang != HANG_NONE)
		take_stack(w, guest, vcpu, watched);
	if (hang == HANG_NONE || hang == watched->reported) {
		watched->reported = hang;
		return STATUS_OK;
	}
	watched->reported = hang;
	return watch_report_hang(w, guest, vcpu, hang, for_ns, watched->stack);
}

/*
 * The files that are open are of the module that was loaded at first: those of one that
 * was loaded later are others, and without guests nothing else would tell.
 */
static int check_module(const struct watcher *w)
{
	const struct env *env = &w->options->env;
	uint64_t loaded_ns;
	int err = sysfs_read_u64(env->class_fd, "l1/loaded_ns", &loaded_ns);

	if (err)
		return env_complain(env, "l1/loaded_ns", err);
	if (loaded_ns == w->host.loaded_ns)
		return STATUS_OK;
	complain("the module was loaded again meanwhile: start l1tune watch again");
	return STATUS_FAILED;
}

int watch_look(struct watcher *w)
{
	const struct snapshot_request request = {
		.selection = &w->selection, .vcpus = true,
		.may_match_none = w->is_started,
	};
	struct snapshot snapshot;
	int status = check_module(w);
	size_t i, j;

	if (status != STATUS_OK)
		return status;
	status = snapshot_take(&w->options->env, &w->host, &request, &snapshot);
	if (w->is_started && w->selection.num && !snapshot.num_guests)
		w->is_over = true;
	for (i = 0; i < snapshot.num_guests && status == STATUS_OK; i++) {
		const struct guest_snapshot *guest = &snapshot.guests[i];

		/* Those of a guest that came meanwhile are all new. */
		if (w->options->over_ns)
			status = take_slow(w, guest);
		for (j = 0; j < guest->num_vcpus && status == STATUS_OK && !w->is_over; j++)
			status = look_at_vcpu(w, guest, &guest->vcpus[j]);
	}
	forget(w, &snapshot);
	snapshot_free(&snapshot);
	w->is_started = true;
	w->look_at = monotonic_ns() + w->look_ns;
	return status;
}
