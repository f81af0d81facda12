/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_PAGE_WAIT_H
#define L1TUNE_PAGE_WAIT_H

#include "explain/cause.h"

/*
 * Waiting for a page that a fault needs. KVM has another thread get the page and
 * halts the vCPU until then, if the guest could take an interrupt (asynchronous page
 * fault): the module counts that as halted, and it is no HLT.
 */

/* Is it a fault in which to be halted is to wait for a page? */
bool is_page_fault(const struct exit_key *key);

/* Seconds per second in which vCPUs slept in faults, of both levels. */
double asleep_for_pages(const struct facts *facts);
/* The share of that time that is not in the part "blocked". */
double halted_for_pages(const struct facts *facts);

/*
 * The fewest faults per second that can have slept for that share of this time, by the
 * histogram: the longest ones. 0 if that is unknown.
 */
double fewest_asleep(const struct facts *facts, double share);

/*
 * What to do where a userfaultfd provides the pages, to free: QEMU uses one for what a
 * postcopy migration has not copied yet; one that only protects pages is for a snapshot.
 */
char *serve_pages(const struct facts *facts, const char *otherwise);

/* Clues: could pages read from swap, or from any disk, have taken the time asleep? */
enum answer waits_for_swap(const struct facts *facts, char **seen);
enum answer waits_for_disk(const struct facts *facts, char **seen);

#endif
