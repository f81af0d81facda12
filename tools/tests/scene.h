/* SPDX-License-Identifier: GPL-2.0 */
/* One guest in one second, as advice looks at it: what it did is made up. */
#ifndef L1TUNE_SCENE_H
#define L1TUNE_SCENE_H

#include "explain/advise.h"
#include "explain/cause.h"
#include "explain/cpus.h"
#include "explain/device.h"

#define TID		1001
#define MAX_CELLS	4

/* A guest of a machine with 2 CPUs, in one second. */
struct scene {
	struct env env;
	struct host host;
	struct exit_cell cells[MAX_CELLS];
	struct guest_snapshot guest;
	struct snapshot snapshot;
	struct cpus_of_guests cpus;
	struct facts facts;
	struct guest_memory memory;
	struct advice advice;
};

/* Whose thread a sample is of. */
extern const struct guest_snapshot guest_of_sample;

void start(struct scene *s);
void end(struct scene *s);

/* In a second so many exits, and of it so many thousandths in KVM and the VMM. */
void exits(struct scene *s, const char *reason, uint64_t rate,
	   uint64_t kernel, uint64_t vmm);
/* The VMM's, in which words end with NUL, as in /proc. */
void set_cmdline(struct scene *s, const char *line);
void sampled(struct scene *s, const struct access *list, size_t num);

/* Is there advice on a symptom? */
bool explains(struct scene *s, const struct symptom *symptom);
/* Is it on this cause? */
bool explains_by(struct scene *s, const struct symptom *symptom, const char *cause);
bool is_near(double got, double wanted);

#define ACCESS(access_kind, access_type, where, times) \
	{ .tid = TID, .kind = (access_kind), .type = (access_type), \
	  .address = (where), .rate = (times) }
#define READ(kind, where, times) ACCESS(kind, ACCESS_READ, where, times)
#define WRITE(kind, where, times) ACCESS(kind, ACCESS_WRITE, where, times)
/* Which are two. */
#define WRITE_TO_VMM(kind, where, times) \
	WRITE(kind, where, times), ACCESS(kind, ACCESS_WRITE_TO_VMM, where, times)

#endif
