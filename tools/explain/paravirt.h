/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_EXPLAIN_PARAVIRT_H
#define L1TUNE_EXPLAIN_PARAVIRT_H

#include "explain/sample.h"
#include "model/paravirt.h"
#include "model/snapshot.h"

/* A part of KVM's interface for guests, of a guest with all its vCPUs. */
struct pv_feature {
	const char *name;
	/* What a guest without it lacks, or has exits for. */
	const char *saves;
	/* Accesses that it saves, a BIT_OF() each, see access.h. */
	uint64_t classes;
	bool is_offered_known, is_offered;
	/* By how many of the vCPUs; false also where only a sample would tell. */
	bool is_used_known;
	size_t num_using;
	/* How often in a second, where a sample tells of it. */
	bool is_rate_known;
	double rate;
};

struct pv_features {
	struct pv_feature *v;
	size_t num;
};

/* From the module's data about its vCPUs, and a sample or NULL. Free v. */
struct pv_features pv_features(const struct guest_snapshot *guest,
			       const struct guest_paravirt *paravirt,
			       const struct sample *sample);

#endif
