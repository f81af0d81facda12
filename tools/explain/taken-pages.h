/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_TAKEN_PAGES_H
#define L1TUNE_TAKEN_PAGES_H

#include "explain/cause.h"

/* Clues on faults for memory: what took the pages away that fault. */
enum answer is_balanced(const struct facts *facts, char **seen);
enum answer is_migrated(const struct facts *facts, char **seen);
enum answer is_merged(const struct facts *facts, char **seen);
enum answer is_swapped(const struct facts *facts, char **seen);

/* Does a fault take long, because other pages are freed or moved for it? */
enum answer frees_pages_first(const struct facts *facts, char **seen);

/* Would larger pages make fewer faults: does each map a page, in the time that this takes? */
enum answer are_for_pages_size(const struct facts *facts, char **seen);

/* Do most faults map a page? KVM begins one again if pages were taken from the VMM meanwhile. */
enum answer maps_pages(const struct facts *facts, char **seen);

/* Do faults end without a page, in no time? */
enum answer are_begun_again(const struct facts *facts, char **seen);

/* Has this kernel's KVM the bug by which it begins all faults of a guest again, for ever? */
enum answer may_retry_for_ever(const struct facts *facts, char **seen);

#endif
