/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_EXPORT_LABEL_H
#define L1TUNE_EXPORT_LABEL_H

#include "model/snapshot.h"

/*
 * What each guest of a snapshot is called in the label "guest", ready to stand
 * between its quotes; in the snapshot's order. A guest that comes again under
 * its name has the same label again; no two of a snapshot have the same.
 */
char **export_labels(const struct snapshot *snapshot);
void export_labels_free(char **labels, const struct snapshot *snapshot);

#endif
