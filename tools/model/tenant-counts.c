// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sysfs.h"
#include "base/util.h"
#include "model/guest.h"
#include "model/tenant-counts.h"

static const char *const use_names[NUM_TENANT_USES] = {
	[USE_VMS] = "vms", [USE_VCPUS] = "vcpus", [USE_MEMORY] = "memory_bytes",
	[USE_NESTED] = "nested_vms",
};

static const char *const total_names[NUM_TENANT_TOTALS] = {
	[TOTAL_VMS] = "vms",
	[TOTAL_VCPUS] = "vcpus",
	[TOTAL_EXITS] = "exits",
	[TOTAL_EXIT_TIME] = "exit_time_ns",
	[TOTAL_GUEST_TIME] = "guest_time_ns",
	[TOTAL_STOLEN] = "stolen_time_ns",
	[TOTAL_UNTRACED] = "untraced",
	[TOTAL_PARTS + PART_KERNEL] = "kernel_time_ns",
	[TOTAL_PARTS + PART_VMM] = "vmm_time_ns",
	[TOTAL_PARTS + PART_VMM_SLEEP] = "vmm_sleep_time_ns",
	[TOTAL_PARTS + PART_HALTED] = "halted_time_ns",
	[TOTAL_PARTS + PART_BLOCKED] = "blocked_time_ns",
	[TOTAL_PARTS + PART_RUNQ] = "runq_time_ns",
	[TOTAL_PARTS + PART_THROTTLED] = "throttled_time_ns",
};

/* One that is "unknown", or that the module does not have, is not there. */
static int read_count(int fd, const char *path, bool *has, uint64_t *value)
{
	char text[32];
	int err = sysfs_read(fd, path, text, sizeof(text));

	*has = err >= 0 && strcmp(text, "unknown");
	if (err == -ENOENT || (err >= 0 && !*has))
		return 0;
	return err < 0 ? err : parse_u64(text, value) ? -EBADMSG : 0;
}

/* path names what could not be read. */
static int read_counts(int fd, bool is_pattern, struct tenant_counts *counts,
		       char *path, size_t size)
{
	bool has;
	size_t i;
	int err;

	for (i = 0; i < NUM_TENANT_USES && !is_pattern; i++) {
		snprintf(path, size, "usage/%s", use_names[i]);
		err = read_count(fd, path, &has, &counts->use[i]);
		if (err)
			return err;
		counts->has_use |= has;
	}
	for (i = 0; i < NUM_TENANT_TOTALS; i++) {
		snprintf(path, size, "totals/%s", total_names[i]);
		err = read_count(fd, path, &counts->has[i], &counts->total[i]);
		if (err)
			return err;
	}
	/* The files of a tenant that was removed meanwhile are missing too. */
	snprintf(path, size, "cgroup");
	return faccessat(fd, path, F_OK, 0) ? -errno : 0;
}

static int add_counts(const struct env *env, const struct tenant *tenant,
		      struct tenant_counts *counts, char **file)
{
	int fd = tenant_open(env, tenant->id), err = fd;
	char path[64] = "";

	if (fd >= 0) {
		err = read_counts(fd, tenant->is_pattern, counts, path, sizeof(path));
		close(fd);
	}
	if (err && !sysfs_is_gone(err))
		*file = xasprintf("tenant-%llu/%s", (unsigned long long)tenant->id, path);
	return err;
}

int counted_tenants_read(const struct env *env, struct counted_tenants *counted, char **file)
{
	struct tenants *tenants = &counted->tenants;
	size_t kept = 0, i;
	int err;

	*counted = (struct counted_tenants){ .are_known = tenants_are_known(env) };
	err = tenants_read(env, tenants, file);
	counted->counts = xcalloc(tenants->num, sizeof(*counted->counts));
	for (i = 0; i < tenants->num; i++) {
		struct tenant_counts counts = { };

		if (!err)
			err = add_counts(env, &tenants->v[i], &counts, file);
		/* It was removed, or forgotten. */
		if (sysfs_is_gone(err)) {
			free(tenants->v[i].cgroup);
			err = 0;
			continue;
		}
		counted->counts[kept] = counts;
		tenants->v[kept++] = tenants->v[i];
	}
	tenants->num = kept;
	return err;
}

void counted_tenants_free(struct counted_tenants *counted)
{
	tenants_free(&counted->tenants);
	free(counted->counts);
	*counted = (struct counted_tenants){ };
}

static struct tenant_counts subtract(const struct tenant_counts *before,
				     const struct tenant_counts *after)
{
	struct tenant_counts diff = *after;
	size_t i;

	for (i = 0; i < NUM_TENANT_TOTALS; i++) {
		diff.has[i] = before->has[i] && after->has[i];
		diff.total[i] = sub_clamped(after->total[i], before->total[i]);
	}
	return diff;
}

void counted_tenants_subtract(const struct counted_tenants *before,
			      const struct counted_tenants *after,
			      struct counted_tenants *diff)
{
	const struct tenants *tenants = &after->tenants;
	size_t i;

	*diff = (struct counted_tenants) {
		.are_known = after->are_known,
		.tenants = {
			.v = xcalloc(tenants->num, sizeof(*tenants->v)), .num = tenants->num,
		},
		.counts = xcalloc(tenants->num, sizeof(*diff->counts)),
	};
	for (i = 0; i < tenants->num; i++) {
		const struct tenant *tenant = &tenants->v[i], *old;

		diff->tenants.v[i] = *tenant;
		diff->tenants.v[i].cgroup = xstrdup(tenant->cgroup);
		old = before ? tenants_at(&before->tenants, tenant->id) : NULL;
		diff->counts[i] = !old ? after->counts[i] :
				  subtract(&before->counts[old - before->tenants.v],
					   &after->counts[i]);
	}
}

int guest_tenants_read(int guest_fd, uint64_t **ids, size_t *num)
{
	char text[4096], *rest = text, *word;
	uint64_t id;
	int err = sysfs_read(guest_fd, "tenants", text, sizeof(text));

	*ids = NULL;
	*num = 0;
	if (err < 0)
		return err == -ENOENT ? 0 : err;
	while ((word = strsep(&rest, " "))) {
		if (!*word)
			continue;
		if (guest_parse_id(word, "tenant-", &id))
			return -EBADMSG;
		*GROW(*ids, *num) = id;
	}
	return 0;
}
