// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "model/tenant.h"
#include "settings/limit.h"

const struct limit_kind limit_kinds[NUM_LIMITS] = {
	{ "max_vms", "virtual machines", "refuse_vm", "vms" },
	{ "max_vms_per_user", "virtual machines of one user", "refuse_vm", NULL,
	  .scope = LIMIT_PER_USER },
	{ "max_vcpus", "vCPUs of all guests", "refuse_vcpu", "vcpus" },
	{ "max_vcpus_per_vm", "vCPUs of one guest", "refuse_vcpu", "vcpus",
	  .scope = LIMIT_PER_GUEST },
	{ "max_memory_bytes", "memory of all guests", "refuse_memory",
	  "memory_bytes", .is_bytes = true },
	{ "max_memory_per_vm_bytes", "memory of one guest", "refuse_memory",
	  "memory_peak_bytes", .is_bytes = true, .scope = LIMIT_PER_GUEST },
	{ "max_nested_vms", "guests that may run nested guests",
	  "refuse_nested", "nested_vms" },
	{ "max_exits_per_sec", "exits per second of one guest", "throttle",
	  NULL, .is_guests = true, .scope = LIMIT_PER_GUEST },
};

const struct limit_kind tenant_limit_kinds[NUM_TENANT_LIMITS] = {
	{ "max_vms", "virtual machines", "refuse_vm", "vms" },
	{ "max_vcpus", "vCPUs of all its guests", "refuse_vcpu", "vcpus" },
	{ "max_memory_bytes", "memory of all its guests", "refuse_memory",
	  "memory_bytes", .is_bytes = true },
	{ "max_nested_vms", "guests that may run nested guests",
	  "refuse_nested", "nested_vms" },
	{ "max_exits_per_sec", "exits per second of all its guests", "throttle", NULL },
	{ "max_vms_per_sec", "virtual machines created per second", "refuse_vm", NULL },
};

const struct limit_kind *limit_find(const char *name)
{
	size_t i;

	for (i = 0; i < NUM_LIMITS; i++)
		if (!strcmp(limit_kinds[i].name, name))
			return &limit_kinds[i];
	return NULL;
}

static int read_value(int fd, const char *path, uint64_t *value)
{
	char text[32];
	int len = sysfs_read(fd, path, text, sizeof(text));

	if (len < 0)
		return len;
	if (!strcmp(text, "max")) {
		*value = LIMIT_NONE;
		return 0;
	}
	return parse_u64(text, value) ? -EBADMSG : 0;
}

/* Reads the limit of one device: 0, or -errno with path naming what could not be read. */
static int read_one(int fd, const char *device, struct limit *limit, char *path,
		    size_t size)
{
	const struct {
		const char *dir;
		uint64_t *value;
		bool is_count;
	} files[] = {
		{ "limits", &limit->value },
		{ "audit", &limit->audit },
		{ "denied", &limit->denied, .is_count = true },
		{ "would_deny", &limit->would_deny, .is_count = true },
	};
	uint64_t effective;
	size_t i;
	int err;

	limit->are_counts_known = true;
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, size, "%s/%s/%s", device, files[i].dir,
			 limit->kind->name);
		err = read_value(fd, path, files[i].value);
		if (files[i].is_count && sysfs_is_withheld(err))
			limit->are_counts_known = false;
		else if (err)
			return err;
	}
	snprintf(path, size, "%s/effective/%s", device, limit->kind->name);
	err = sysfs_read_u64(fd, path, &effective);
	limit->is_effective = effective;
	return err;
}

static const char *hook_state(const struct host *host, const char *name)
{
	size_t i;

	for (i = 0; i < host->num_hooks; i++)
		if (!strcmp(host->hooks[i].name, name))
			return host->hooks[i].state;
	return NULL;
}

/* 0, or -errno with path naming what could not be read. */
static int read_all(const struct env *env, const struct host *host, const char *device,
		    const struct limit_kind *kinds, size_t num, struct limits *limits,
		    char *path, size_t size)
{
	size_t i;
	int err;

	for (i = 0; i < num; i++) {
		struct limit *limit = &limits->v[limits->num];

		*limit = (struct limit) {
			.kind = &kinds[i],
			.hook_state = hook_state(host, kinds[i].hook),
		};
		err = read_one(env->class_fd, device, limit, path, size);
		if (err)
			return err;
		limits->num++;
	}
	return 0;
}

int limits_read(const struct env *env, const struct host *host,
		struct limits *limits)
{
	char path[96];
	int err;

	*limits = (struct limits){ };
	/* Modules from before there were limits have none of these files. */
	if (faccessat(env->class_fd, "l1/limits", F_OK, 0) && errno == ENOENT &&
	    !faccessat(env->class_fd, "l1", F_OK, 0))
		return STATUS_OK;
	err = read_all(env, host, "l1", limit_kinds, NUM_LIMITS, limits, path, sizeof(path));
	return err ? env_complain(env, path, err) : STATUS_OK;
}

int limits_read_tenant(const struct env *env, const struct host *host, uint64_t id,
		       struct limits *limits, char **file)
{
	char path[96], device[TENANT_DEVICE_SIZE];
	int err;

	*limits = (struct limits){ };
	tenant_device(id, device);
	err = read_all(env, host, device, tenant_limit_kinds, NUM_TENANT_LIMITS, limits,
		       path, sizeof(path));
	*file = err ? xstrdup(path) : NULL;
	return err;
}

bool limit_is_set(const struct limit *limit)
{
	return limit->value != LIMIT_NONE || limit->audit != LIMIT_NONE;
}

bool limit_is_waiting(const struct limit *limit)
{
	return limit_is_set(limit) && !limit->is_effective &&
	       limit->hook_state && hook_waits_for_kvm(limit->hook_state);
}

bool limit_is_broken(const struct limit *limit)
{
	return limit_is_set(limit) && !limit->is_effective &&
	       !limit_is_waiting(limit);
}

const char *limit_state(const struct limit *limit)
{
	if (!limit_is_set(limit))
		return NULL;
	return limit_is_broken(limit) ? "no" :
	       limit_is_waiting(limit) ? "waiting" : "yes";
}

static const char *advice(const struct limit *limit)
{
	const char *state = limit->hook_state ? limit->hook_state : "";

	if (!strcmp(state, "unavailable"))
		return "another user of the same KVM function, such as a livepatch, may hold it; see dmesg";
	return "see dmesg";
}

void limit_complain(const char *owner, const struct limit *limit)
{
	const char *prefix = limit->value == LIMIT_NONE ? "audit." : "";

	if (limit_is_waiting(limit))
		complain("%s%s%s is set and waits for KVM: run modprobe kvm_intel, or kvm_amd on an AMD CPU",
			 owner, prefix, limit->kind->name);
	else
		complain("%s%s%s is set and not effective: its hook %s is %s: %s",
			 owner, prefix, limit->kind->name, limit->kind->hook,
			 limit->hook_state ? limit->hook_state : "not there",
			 advice(limit));
}
