// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sysfs.h"
#include "base/util.h"
#include "model/host.h"
#include "model/machine.h"

static int add_count(int fd, const char *name, void *arg)
{
	struct host_counts *counts = arg;
	uint64_t value = 0;
	char text[32];
	int err = sysfs_read(fd, name, text, sizeof(text));
	bool is_unknown = err >= 0 && !strcmp(text, "unknown");

	if (err >= 0)
		err = is_unknown || !parse_u64(text, &value) ? 0 : -EBADMSG;
	if (sysfs_is_withheld(err)) {
		counts->are_withheld = true;
		return 0;
	}
	if (!err)
		*GROW(counts->v, counts->num) = (struct host_count) {
			.name = xstrdup(name), .value = value,
			.is_unknown = is_unknown,
		};
	return err;
}

static int add_hook(int fd, const char *name, void *arg)
{
	struct host *host = arg;
	char state[32];
	int len = sysfs_read(fd, name, state, sizeof(state));

	if (len < 0)
		return len;
	*GROW(host->hooks, host->num_hooks) = (struct host_hook) {
		.name = xstrdup(name), .state = xstrdup(state),
	};
	return 0;
}

static int read_text(int fd, const char *name, char *buf, size_t size)
{
	int len = sysfs_read(fd, name, buf, size);

	return len < 0 ? len : 0;
}

/* Empty if the module has no such file. */
static int read_optional(int fd, const char *name, char *buf, size_t size)
{
	int err = read_text(fd, name, buf, size);

	if (err == -ENOENT)
		*buf = '\0';
	return err == -ENOENT ? 0 : err;
}

/* 0, or -errno with *file naming what could not be read. */
static int read_l1(int fd, struct host *host, const char **file)
{
	int err;

	err = sysfs_read_u64(fd, *file = "abi", &host->abi);
	if (!err)
		err = sysfs_read_u64(fd, *file = "loaded_ns", &host->loaded_ns);
	if (!err)
		err = sysfs_read_u64(fd, *file = "virtualized",
				     &host->virtualized);
	if (!err)
		err = read_text(fd, *file = "isa", host->isa, sizeof(host->isa));
	if (!err)
		err = read_text(fd, *file = "hypervisor", host->hypervisor,
				sizeof(host->hypervisor));
	if (!err)
		err = read_optional(fd, *file = "steal_clock", host->steal_clock,
				    sizeof(host->steal_clock));
	if (!err)
		err = read_text(fd, *file = "version", host->module,
				sizeof(host->module));
	if (!err)
		err = sysfs_for_each(fd, *file = "hooks", add_hook, host);
	if (!err)
		err = sysfs_for_each(fd, *file = "totals", add_count,
				     &host->totals);
	if (!err)
		err = sysfs_for_each(fd, *file = "usage", add_count,
				     &host->usage);
	if (!err)
		err = sysfs_for_each(fd, *file = "ended", add_count,
				     &host->ended);
	return err == -ENOENT && !strcmp(*file, "ended") ? 0 : err;
}

int host_read(const struct env *env, struct host *host)
{
	const char *file = "";
	int status = STATUS_OK;
	char *path;
	int fd, err;

	memset(host, 0, sizeof(*host));
	fd = sysfs_open_dir(env->class_fd, "l1");
	err = fd < 0 ? fd : read_l1(fd, host, &file);
	if (fd >= 0)
		close(fd);
	if (err) {
		path = xasprintf("l1/%s", file);
		status = env_complain(env, path, err);
		free(path);
		host_free(host);
		return status;
	}
	/* Not the module's: what /proc withholds is left empty. */
	sysfs_read(env->proc_fd, "sys/kernel/osrelease", host->kernel,
		   sizeof(host->kernel));
	machine_file(env->sysfs, host->type, sizeof(host->type), "class/dmi/id/product_name");
	sysfs_read(env->proc_fd, "sys/kernel/random/boot_id", host->boot_id,
		   sizeof(host->boot_id));
	return STATUS_OK;
}

static void free_counts(struct host_counts *counts)
{
	size_t i;

	for (i = 0; i < counts->num; i++)
		free(counts->v[i].name);
	free(counts->v);
}

void host_free(struct host *host)
{
	size_t i;

	for (i = 0; i < host->num_hooks; i++) {
		free(host->hooks[i].name);
		free(host->hooks[i].state);
	}
	free(host->hooks);
	free_counts(&host->totals);
	free_counts(&host->usage);
	free_counts(&host->ended);
	memset(host, 0, sizeof(*host));
}

int host_open(struct env *env, struct host *host)
{
	int status = env_open(env);

	*host = (struct host){ };
	return status == STATUS_OK ? host_read(env, host) : status;
}

void host_close(struct env *env, struct host *host)
{
	host_free(host);
	env_close(env);
}

static const struct host_count *find_count(const struct host_counts *counts,
					   const char *name)
{
	size_t i;

	for (i = 0; i < counts->num; i++)
		if (!strcmp(counts->v[i].name, name))
			return &counts->v[i];
	return NULL;
}

bool hook_waits_for_kvm(const char *state)
{
	return !strcmp(state, "waiting") || !strcmp(state, "detached");
}

bool host_has_count(const struct host_counts *counts, const char *name)
{
	const struct host_count *count = find_count(counts, name);

	return count && !count->is_unknown;
}

uint64_t host_count(const struct host_counts *counts, const char *name)
{
	const struct host_count *count = find_count(counts, name);

	return count ? count->value : 0;
}
