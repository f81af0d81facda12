// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "base/wait.h"
#include "model/cell.h"
#include "model/past.h"
#include "model/guest-label.h"
#include "model/snapshot.h"

static uint64_t now_ns(clockid_t clock, struct timespec *now)
{
	clock_gettime(clock, now);
	return now->tv_sec * NSEC_PER_SEC + now->tv_nsec;
}

/* Not an exit status: the guest, or a vCPU, is not there any more. */
#define GONE	(-1)

/* Tells what could not be read. An exit status, or GONE without a word. */
static int report(const struct env *env, uint64_t guest_id, const char *file,
		  int err, const char *why)
{
	char *path;
	int status = STATUS_FAILED;

	if (sysfs_is_gone(err))
		return GONE;
	path = xasprintf("l2-%llu/%s", (unsigned long long)guest_id, file);
	if (why && err == -EBADMSG)
		complain("%s/class/l1tune/%s: %s", env->sysfs, path, why);
	else
		status = env_complain(env, path, err);
	free(path);
	return status;
}

static int load_stats(const struct env *env, int fd, uint64_t guest_id,
		      const char *file, struct exit_stats *stats)
{
	const char *why = NULL;
	struct statsfile raw;
	int err = statsfile_load_at(fd, file, &raw, &why);

	if (!err) {
		err = exits_parse(&raw, stats, &why);
		statsfile_free(&raw);
	}
	return err ? report(env, guest_id, file, err, why) : STATUS_OK;
}

static int compare_vcpus(const void *a, const void *b)
{
	const struct vcpu_snapshot *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

struct vcpu_loader {
	const struct env *env;
	const struct snapshot_request *request;
	struct guest_snapshot *guest;
};

static void free_vcpu(struct vcpu_snapshot *vcpu)
{
	exits_free(&vcpu->stats);
	l3_free(&vcpu->l3);
}

static int load_l3(const struct vcpu_loader *loader, int fd, struct vcpu_snapshot *vcpu)
{
	char file[64];
	int err = l3_read(fd, vcpu->id, &vcpu->l3, file);

	return err ? report(loader->env, loader->guest->guest.id, file, err, NULL) : STATUS_OK;
}

/* STATUS_OK also if the vCPU has ended meanwhile. */
static int load_vcpu(int fd, const char *name, void *arg)
{
	const struct vcpu_loader *loader = arg;
	struct guest_snapshot *guest = loader->guest;
	struct vcpu_snapshot vcpu = { };
	char file[64];
	int result;

	if (guest_parse_id(name, "vcpu", &vcpu.id))
		return STATUS_OK;
	snprintf(file, sizeof(file), "vcpu%llu/stats",
		 (unsigned long long)vcpu.id);
	result = load_stats(loader->env, fd, guest->guest.id, file,
			    &vcpu.stats);
	if (result == STATUS_OK && loader->request->l3)
		result = load_l3(loader, fd, &vcpu);
	if (result == STATUS_OK)
		*GROW(guest->vcpus, guest->num_vcpus) = vcpu;
	else
		free_vcpu(&vcpu);
	return result == GONE ? STATUS_OK : result;
}

static int load_vcpus(const struct env *env, int fd,
		      const struct snapshot_request *request,
		      struct guest_snapshot *guest)
{
	struct vcpu_loader loader = { .env = env, .request = request, .guest = guest };
	int result = sysfs_for_each(fd, ".", load_vcpu, &loader);

	if (guest->num_vcpus)
		qsort(guest->vcpus, guest->num_vcpus, sizeof(*guest->vcpus),
		      compare_vcpus);
	return result < 0 ? report(env, guest->guest.id, "", result, NULL) :
			    result;
}

static void free_guest(struct guest_snapshot *guest)
{
	size_t i;

	for (i = 0; i < guest->num_vcpus; i++)
		free_vcpu(&guest->vcpus[i]);
	free(guest->vcpus);
	exits_free(&guest->stats);
	guest_free(&guest->guest);
}

static bool is_wanted(const struct snapshot_request *request,
		      const struct guest *guest)
{
	if (request->selection->num)
		return selection_matches(request->selection, guest);
	return request->all || guest->vcpus;
}

/* Read in one go with the cells, so they agree better than the files do. */
static void prefer_stats(struct guest *guest, const struct exit_stats *stats)
{
	if (stats->has[STAT_EXITS])
		guest->exits = stats->value[STAT_EXITS];
	if (stats->has[STAT_EXIT_TIME])
		guest->exit_time_ns = stats->value[STAT_EXIT_TIME];
	if (stats->has[STAT_GUEST_TIME])
		guest->guest_time_ns = stats->value[STAT_GUEST_TIME];
}

/* These change while the guest is there: tenants come and go. */
static int read_charges(int fd, const struct snapshot_request *request, struct guest *guest)
{
	return request->charges ?
	       guest_tenants_read(fd, &guest->tenants, &guest->num_tenants) : 0;
}

/* Statistics are the larger part: only of guests that are wanted. */
static int load_guest(const struct env *env, int fd, uint64_t id,
		      const struct snapshot_request *request,
		      struct guest_snapshot *guest)
{
	const char *file = "";
	int err = guest_read(env, fd, id, &guest->guest, &file);
	int result;

	if (err)
		return report(env, id, file, err, NULL);
	if (!is_wanted(request, &guest->guest))
		return GONE;
	err = read_charges(fd, request, &guest->guest);
	if (err)
		return report(env, id, "tenants", err, NULL);
	result = load_stats(env, fd, id, "stats", &guest->stats);
	if (result == STATUS_OK && request->vcpus)
		result = load_vcpus(env, fd, request, guest);
	guest->taken_ns = boottime_ns();
	prefer_stats(&guest->guest, &guest->stats);
	return result;
}

/* The same of a guest that may be cached from the snapshot before. */
static int load_cached(const struct env *env, uint64_t id,
		       const struct snapshot_request *request,
		       struct guest_snapshot *guest)
{
	const char *file = "", *why = NULL;
	struct cached_guest *cached = guest_cache_get(request->cache, env, id, &file);
	int err = cached ? 0 : -errno;

	if (!err) {
		guest_copy(&guest->guest, &cached->guest);
		if (!is_wanted(request, &guest->guest))
			return GONE;
		file = "tenants";
		err = read_charges(cached->dir_fd, request, &guest->guest);
	}
	if (!err) {
		file = "stats";
		err = cached_guest_stats(cached, &guest->stats, &why);
	}
	if (err)
		return report(env, id, file, err, why);
	guest->taken_ns = boottime_ns();
	prefer_stats(&guest->guest, &guest->stats);
	return STATUS_OK;
}

static int load_once(const struct env *env, uint64_t id,
		     const struct snapshot_request *request,
		     struct guest_snapshot *guest)
{
	int fd = guest_open(env, id), result;

	if (fd < 0)
		return report(env, id, "", fd, NULL);
	result = load_guest(env, fd, id, request, guest);
	close(fd);
	return result;
}

/*
 * The processes of all guests, also of those that are not wanted. What is beside the
 * guests of a process is the same for all of them, and is read once: anybody can have a
 * process of thousands of VMs and threads.
 */
struct vmms {
	struct {
		struct vmm vmm;
		bool is_read;
		struct beside beside;
	} *v;
	size_t num;
};

static uint64_t thread_of(const struct vcpu_snapshot *vcpu)
{
	return vcpu->stats.has[STAT_TID] ? vcpu->stats.value[STAT_TID] : 0;
}

/* Its place, or vmms->num. */
static size_t find_vmm(const struct vmms *vmms, uint64_t pid)
{
	size_t i = 0;

	while (i < vmms->num && vmms->v[i].vmm.pid != pid)
		i++;
	return i;
}

static void free_vmms(struct vmms *vmms)
{
	size_t i;

	for (i = 0; i < vmms->num; i++)
		free(vmms->v[i].vmm.tids);
	free(vmms->v);
}

static void note_vmm(struct vmms *vmms, const struct guest *guest)
{
	size_t i = find_vmm(vmms, guest->pid);
	struct vmm *vmm;

	if (!guest->vcpus)
		return;
	if (i == vmms->num) {
		memset(GROW(vmms->v, vmms->num), 0, sizeof(*vmms->v));
		vmms->v[i].vmm = (struct vmm) {
			.pid = guest->pid, .created_ns = guest->created_ns,
		};
	}
	vmm = &vmms->v[i].vmm;
	vmm->num_vms++;
	vmm->num_vcpus = add_saturated(vmm->num_vcpus, guest->vcpus);
}

static bool has_thread(const struct vmm *vmm, uint64_t tid)
{
	size_t i;

	for (i = 0; i < vmm->num_tids; i++)
		if (vmm->tids[i] == tid)
			return true;
	return false;
}

/* Only for the single VM of its process: of several, not all may have been requested. */
static void note_threads(struct vmm *vmm, const struct guest_snapshot *guest)
{
	size_t i;

	for (i = 0; i < guest->num_vcpus && vmm->num_vms == 1; i++) {
		uint64_t tid = thread_of(&guest->vcpus[i]);

		if (tid && !has_thread(vmm, tid))
			*GROW(vmm->tids, vmm->num_tids) = tid;
	}
}

static void note_all_threads(const struct vmms *vmms,
			     const struct snapshot *snapshot)
{
	size_t i, place;

	for (i = 0; i < snapshot->num_guests; i++) {
		place = find_vmm(vmms, snapshot->guests[i].guest.pid);
		if (place < vmms->num)
			note_threads(&vmms->v[place].vmm, &snapshot->guests[i]);
	}
}

static const struct beside *beside_of(struct beside_reader *reader,
				      const struct vmms *vmms, size_t place)
{
	if (!vmms->v[place].is_read) {
		vmms->v[place].is_read = true;
		beside_read(reader, &vmms->v[place].vmm, &vmms->v[place].beside);
	}
	return &vmms->v[place].beside;
}

static void read_beside(const struct env *env, const struct vmms *vmms,
			struct beside_reader *reader, struct snapshot *snapshot)
{
	size_t i;

	note_all_threads(vmms, snapshot);
	beside_begin(reader, env);
	for (i = 0; i < snapshot->num_guests; i++) {
		struct guest_snapshot *guest = &snapshot->guests[i];
		size_t place = find_vmm(vmms, guest->guest.pid);

		if (place == vmms->num)
			continue;
		guest->beside = *beside_of(reader, vmms, place);
		if (guest->guest.adopted)
			beside_begin_at(guest->guest.created_ns, &guest->beside);
	}
	beside_end(reader);
}

static void take_beside(const struct env *env, const struct vmms *vmms,
			const struct snapshot_request *request, struct snapshot *snapshot)
{
	struct beside_reader reader = { };

	if (!snapshot->num_guests)
		return;
	read_beside(env, vmms, request->cache ? &request->cache->beside : &reader, snapshot);
	beside_free(&reader);
}

static void read_holds(const struct env *env, const struct snapshot_request *request,
		       struct snapshot *snapshot)
{
	struct cgroup_mounts own = { }, *mounts = request->cache ? &request->cache->beside.mounts : &own;
	size_t i;

	cgroup_mounts_update(env, mounts);
	for (i = 0; i < snapshot->num_guests; i++)
		snapshot->guests[i].hold = hold_read(env, mounts, snapshot->guests[i].guest.pid);
	cgroup_mounts_free(&own);
}

uint64_t snapshot_age_ns(const struct snapshot *snapshot,
			 const struct guest_snapshot *guest)
{
	uint64_t start = guest->guest.created_ns;

	if (start < snapshot->loaded_ns)
		start = snapshot->loaded_ns;
	return sub_clamped(guest->taken_ns, start);
}

/* STATUS_OK also for a guest that is not wanted, or not there any more. */
static int take_guest(const struct env *env, uint64_t id,
		      const struct snapshot_request *request,
		      struct snapshot *snapshot, struct vmms *vmms)
{
	struct guest_snapshot guest = { };
	int result = request->cache ? load_cached(env, id, request, &guest) :
				      load_once(env, id, request, &guest);

	note_vmm(vmms, &guest.guest);
	if (result != STATUS_OK) {
		free_guest(&guest);
		if (result == GONE)
			return STATUS_OK;
		*GROW(snapshot->unread, snapshot->num_unread) = id;
		return result;
	}
	guest.interval_ns = snapshot_age_ns(snapshot, &guest);
	*GROW(snapshot->guests, snapshot->num_guests) = guest;
	return STATUS_OK;
}

static bool is_met(const struct selector *selector, const void *guests)
{
	const struct snapshot *snapshot = guests;
	size_t i;

	for (i = 0; i < snapshot->num_guests; i++)
		if (selector_matches(selector, &snapshot->guests[i].guest))
			return true;
	return false;
}

int snapshot_check_selection(const struct selection *selection,
			     const struct snapshot *snapshot)
{
	return selection_check(selection, "guest", "l1tune list -a shows all guests",
			       is_met, snapshot);
}

static int compare_ids(const void *a, const void *b)
{
	const struct guest_snapshot *x = a, *y = b;

	return x->guest.id < y->guest.id ? -1 : x->guest.id > y->guest.id;
}

void snapshot_start(struct snapshot *snapshot)
{
	*snapshot = (struct snapshot){ .taken_ns = boottime_ns() };
	now_ns(CLOCK_REALTIME, &snapshot->time);
}

void snapshot_set_labels(struct snapshot *snapshot)
{
	size_t num = snapshot->num_guests, i;
	struct guest **guests = xcalloc(num, sizeof(*guests));

	for (i = 0; i < num; i++)
		guests[i] = &snapshot->guests[i].guest;
	guest_set_labels(guests, num);
	free(guests);
}

/* After the guests: a tenant that a guest is charged to is then among them. */
static int take_tenants(const struct env *env, struct snapshot *snapshot)
{
	char *file;
	int err = counted_tenants_read(env, &snapshot->tenants, &file);
	int status = err ? env_complain(env, file, err) : STATUS_OK;

	free(file);
	return status;
}

int snapshot_take(const struct env *env, const struct host *host,
		  const struct snapshot_request *request,
		  struct snapshot *snapshot)
{
	int status = STATUS_OK, err;
	struct vmms vmms = { };
	uint64_t *ids;
	size_t num, i;

	snapshot_start(snapshot);
	snapshot->loaded_ns = host->loaded_ns;
	err = guest_list(env, &ids, &num);
	if (err)
		return env_complain(env, "", err);
	for (i = 0; i < num && status < STATUS_NO_MODULE; i++) {
		int result = take_guest(env, ids[i], request, snapshot,
					&vmms);

		if (result != STATUS_OK)
			status = result;
	}
	if (request->cache)
		guest_cache_keep(request->cache, ids, num);
	free(ids);
	if (request->beside)
		take_beside(env, &vmms, request, snapshot);
	if (request->vcpus && snapshot->num_guests)
		read_holds(env, request, snapshot);
	if (request->tenants && status < STATUS_NO_MODULE) {
		err = take_tenants(env, snapshot);
		status = err == STATUS_OK ? status : err;
	}
	free_vmms(&vmms);
	snapshot_set_labels(snapshot);
	snapshot->taken_ns = boottime_ns();
	return status == STATUS_OK && !request->may_match_none ?
	       snapshot_check_selection(request->selection, snapshot) : status;
}

bool snapshot_lacks(const struct snapshot *snapshot,
		    const struct guest_snapshot *guest)
{
	size_t i;

	for (i = 0; i < snapshot->num_unread; i++)
		if (snapshot->unread[i] == guest->guest.id)
			return true;
	return false;
}

/*
 * Moves guests from an older snapshot: with @lacking, those that could not be read this
 * time; otherwise those that have ended. Guests of another load of the module may have
 * the same ids: they are dropped, as are those that the snapshot has itself.
 */
static void take_from(struct snapshot *snapshot, struct snapshot *older, bool lacking)
{
	size_t num_read = snapshot->num_guests, i;

	for (i = 0; i < older->num_guests; i++) {
		struct guest_snapshot *guest = &older->guests[i];

		if (older->loaded_ns != snapshot->loaded_ns ||
		    snapshot_lacks(snapshot, guest) != lacking ||
		    snapshot_find(snapshot, guest, older->loaded_ns)) {
			free_guest(guest);
			continue;
		}
		guest->is_ended = !lacking;
		*GROW(snapshot->guests, snapshot->num_guests) = *guest;
	}
	older->num_guests = 0;
	snapshot_free(older);
	if (snapshot->num_guests > num_read)
		qsort(snapshot->guests, snapshot->num_guests,
		      sizeof(*snapshot->guests), compare_ids);
}

void snapshot_keep_ended(struct snapshot *snapshot, struct snapshot *older)
{
	take_from(snapshot, older, false);
}

void snapshot_keep_unread(struct snapshot *snapshot, struct snapshot *older)
{
	take_from(snapshot, older, true);
}

static void drop(struct snapshot *snapshot,
		 bool (*is_dropped)(const struct guest_snapshot *guest))
{
	size_t kept = 0, i;

	for (i = 0; i < snapshot->num_guests; i++) {
		if (is_dropped(&snapshot->guests[i]))
			free_guest(&snapshot->guests[i]);
		else
			snapshot->guests[kept++] = snapshot->guests[i];
	}
	snapshot->num_guests = kept;
}

static bool is_ended(const struct guest_snapshot *guest)
{
	return guest->is_ended;
}

void snapshot_drop_ended(struct snapshot *snapshot)
{
	drop(snapshot, is_ended);
}

static bool is_canary(const struct guest_snapshot *guest)
{
	return guest_is_canary(&guest->guest);
}

void snapshot_drop_canary(struct snapshot *snapshot)
{
	drop(snapshot, is_canary);
}

void snapshot_free(struct snapshot *snapshot)
{
	size_t i;

	for (i = 0; i < snapshot->num_guests; i++)
		free_guest(&snapshot->guests[i]);
	free(snapshot->guests);
	free(snapshot->unread);
	counted_tenants_free(&snapshot->tenants);
	*snapshot = (struct snapshot){ };
}

void snapshot_free_sum(struct guest_snapshot *sum)
{
	free_guest(sum);
}

/* What was not requested is not there, as if the machine were looked at. */
static int select_recorded(const struct snapshot_request *request,
			   struct snapshot *snapshot)
{
	size_t kept = 0, i;

	for (i = 0; i < snapshot->num_guests; i++) {
		struct guest_snapshot *guest = &snapshot->guests[i];

		if (!is_wanted(request, &guest->guest)) {
			free_guest(guest);
			continue;
		}
		if (!request->beside)
			guest->beside = (struct beside){ };
		snapshot->guests[kept++] = *guest;
	}
	snapshot->num_guests = kept;
	snapshot_set_labels(snapshot);
	return request->may_match_none ? STATUS_OK :
	       snapshot_check_selection(request->selection, snapshot);
}

static int read_past(struct past *past, const struct snapshot_request *request,
		     struct host *host, struct snapshot *snapshot)
{
	int status = past->read(past, host, snapshot);

	return status == STATUS_OK ? select_recorded(request, snapshot) : status;
}

int snapshot_read(const struct env *env, const struct snapshot_request *request,
		  struct host *host, struct snapshot *snapshot)
{
	int status;

	*host = (struct host){ };
	*snapshot = (struct snapshot){ };
	if (env->past)
		return read_past(env->past, request, host, snapshot);
	status = host_read(env, host);
	return status == STATUS_OK ? snapshot_take(env, host, request, snapshot) :
				     status;
}

bool snapshot_is_thread(const struct guest_snapshot *guest, uint64_t tid)
{
	size_t i;

	for (i = 0; i < guest->num_vcpus; i++)
		if (tid && thread_of(&guest->vcpus[i]) == tid)
			return true;
	return false;
}

uint64_t snapshot_thread(const struct guest_snapshot *guest)
{
	uint64_t tid = 0;
	size_t i;

	for (i = 0; i < guest->num_vcpus && !tid; i++)
		tid = thread_of(&guest->vcpus[i]);
	return tid;
}
