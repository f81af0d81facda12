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

/*
 * The same of tenants, in the label "tenant": the path or pattern, of a long one its
 * end. Of several that look the same the first has it alone, and the others end with
 * "#ID".
 */
char **export_tenant_labels(const struct tenants *tenants);
void export_tenant_labels_free(char **labels, const struct tenants *tenants);

#endif
