/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_DEVICE_H
#define L1TUNE_DEVICE_H

#include "explain/cause.h"

#define NOT_SAMPLED	"which ports, addresses and MSRs it accesses was not seen"

/*
 * Who serves an access, on which depends what it costs. What neither the VMM serves nor
 * a device of KVM's is a write to an ioeventfd.
 */
enum server { SERVED_BY_VMM, SERVED_BY_KVM, SERVED_BY_EVENTFD, SERVED_MSR };

/* Accesses to devices, with the faults among them that are such. */
struct load device_load(const struct facts *facts);
/* Does the VMM's time for them reach the threshold of a symptom? */
bool vmm_emulates(const struct facts *facts, const struct load *device);

/* How often in a second, of all classes. */
double access_all(const struct facts *facts, enum server server);
/* Which part of these is of some classes, a BIT_OF() each. */
double access_part(const struct facts *facts, enum server server,
		   uint64_t classes);
/* A clue: is it a fifth of these, or what is accessed most? */
enum answer access_is(const struct facts *facts, enum server server,
		      uint64_t classes, char **seen);

/*
 * "port 0x3f8 (first serial port)": those of some classes that matter, with
 * commas, the most frequent first; a copy, or NULL if there are none.
 */
char *access_names(const struct facts *facts, enum server server,
		   uint64_t classes);

/* The evidence with the names of what is accessed most; takes the evidence. */
void access_name(const struct facts *facts, enum server server,
		 struct advice *advice, char *evidence);

/* Whether it is worth to have the kernel count which ones they are. */
bool accesses_matter(const struct facts *facts);

/* The clue and the part of a cause that is some classes of accesses. */
#define CLASSES(name, server, classes)						\
static enum answer is_##name(const struct facts *f, char **seen)		\
{										\
	return access_is(f, server, classes, seen);				\
}										\
										\
static double part_of_##name(const struct facts *f)				\
{										\
	return access_part(f, server, classes);					\
}

#endif
