/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_GUEST_LABEL_H
#define L1TUNE_GUEST_LABEL_H

#include "model/guest.h"

/*
 * Sets the label of each guest: its name, and "NAME@INSTANCE" of guests that
 * share a name with another one of these. Puts the pointers in order of names.
 */
void guest_set_labels(struct guest **guests, size_t num);

#endif
