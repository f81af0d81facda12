/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_GUEST_H
#define L1TUNE_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/env.h"
#include "base/kept-file.h"

/* Who a guest is. Strings are as they were found: escape them to show them. */
/* What l1tune record --canary calls its guest: comm of the process, which is root's. */
#define CANARY_NAME	"l1tune-canary"

struct guest {
	uint64_t id;
	uint64_t pid;
	uint64_t uid;
	uint64_t created_ns;
	uint64_t adopted;
	uint64_t vcpus;
	uint64_t memory_bytes;
	/* The most it ever had, which limits count; memory_bytes if not known. */
	uint64_t memory_peak_bytes;
	uint64_t exits;
	uint64_t exit_time_ns;
	uint64_t guest_time_ns;
	char comm[64];
	/* off, on or running; empty if the module has no such file. */
	char nested[16];
	char *name;
	const char *name_source;
	/* Its VMM's command line, which may have a name, was not read: the process keeps it back. */
	bool is_withheld;
	/* What tells it from others of its name over a restart; NULL if nothing does. */
	char *instance;
	/* The name, with the instance if another guest that is shown has the name. */
	char *label;
	char *cgroup;
	/* That of its vCPUs, if it is another. */
	char *vcpu_cgroup;
	/* Where it was created; NULL if the module does not say. */
	char *created_cgroup;
	/* Ids of the tenants that it is charged to, if that was requested. */
	uint64_t *tenants;
	size_t num_tenants;
};

/* The ids of the guests there are, in order; -errno, or 0. */
int guest_list(const struct env *env, uint64_t **ids, size_t *num);

/* Its directory to read from, or -errno. */
int guest_open(const struct env *env, uint64_t id);

/* What changes while it lives, and is not in its statistics. Begins as zero. */
struct guest_files {
	struct kept_file vcpus, memory_bytes, nested;
};

/* 0, or -errno with *file naming what could not be read of its directory. */
int guest_refresh(const struct env *env, int fd, struct guest_files *files,
		  struct guest *guest, const char **file);
void guest_files_close(struct guest_files *files);

/* The most memory that the guest of a directory ever had, or -errno. */
int guest_read_peak(int fd, uint64_t *bytes);

/* 0, or -errno with *file naming what could not be read. */
int guest_read(const struct env *env, int fd, uint64_t id, struct guest *guest,
	       const char **file);

/* Where it was created, or else where its VMM is now; NULL if neither is known. */
const char *guest_charged_cgroup(const struct guest *guest);

/* "NAME@INSTANCE", or just the name if nothing else is known. A copy. */
char *guest_full_name(const struct guest *guest);
void guest_copy(struct guest *copy, const struct guest *guest);
void guest_free(struct guest *guest);

/* Another user's process can have the name as well, and is not hidden by it. */
bool guest_is_canary(const struct guest *guest);

/* "l2-3", its name in the class; a copy, or NULL for none. */
char *guest_device(const struct guest *guest);

/* The number after the prefix of "l2-3" or "vcpu7"; -EINVAL for any other text. */
int guest_parse_id(const char *name, const char *prefix, uint64_t *id);

#endif
