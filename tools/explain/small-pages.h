/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_SMALL_PAGES_H
#define L1TUNE_SMALL_PAGES_H

#include "explain/cause.h"

/* What keeps KVM from mapping a guest's memory in large pages: clues and changes. */

/* False: says why the mapping of the guest's memory is not known. */
bool is_memory_known(const struct facts *facts, char **seen);

enum answer is_mapped_small(const struct facts *facts, char **seen);

/* By the addresses that the VMM has chosen, whatever backs the memory. */
enum answer is_misaligned(const struct facts *facts, char **seen);

/* By the setting of this machine for this kind of memory. */
enum answer anonymous_is_refused(const struct facts *facts, char **seen);
enum answer shmem_is_refused(const struct facts *facts, char **seen);

/* By its mount's option, or what overrides that for all. */
enum answer tmpfs_is_refused(const struct facts *facts, char **seen);

/* On a disk, or mapped privately; KVM's own. */
enum answer is_file(const struct facts *facts, char **seen);
enum answer is_guest_memfd(const struct facts *facts, char **seen);

/* By the VMM itself, whatever the machine's settings say. */
enum answer vmm_refuses(const struct facts *facts, char **seen);

/* Nothing refuses large pages, and there are none. */
enum answer is_allowed_in_vain(const struct facts *facts, char **seen);

/* Changes, to free: where a setting, a file, or nothing keeps pages small. */
char *allow_anonymous(const struct facts *facts);
char *allow_shmem(const struct facts *facts);
char *allow_tmpfs(const struct facts *facts);
char *leave_file(const struct facts *facts);
char *make_large(const struct facts *facts);

/*
 * Adds to a change, which it takes, what helps the guest as it runs, whatever the settings
 * of this machine say.
 */
char *or_collapse(const struct facts *facts, char *change);

#endif
