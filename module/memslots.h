/* SPDX-License-Identifier: GPL-2.0 */
/* The memory slots of a guest as text. */
#ifndef L1TUNE_MEMSLOTS_H
#define L1TUNE_MEMSLOTS_H

#include <linux/types.h>

struct l1t_guest;

ssize_t l1t_memslots_read(struct l1t_guest *g, char *buf, loff_t pos,
			  size_t count);

#endif
