// SPDX-License-Identifier: GPL-2.0
#include "base/util.h"
#include "export/export.h"

enum of_limit {
	OF_LIMIT_VALUE, OF_LIMIT_AUDIT, OF_LIMIT_USE, OF_LIMIT_DENIALS,
	OF_LIMIT_WOULD_DENIALS, OF_LIMIT_EFFECTIVE, OF_LIMIT_BROKEN,
	NUM_OF_LIMIT
};

static const struct {
	enum metric_type type;
	const char *name;
	const char *help;
} families[NUM_OF_LIMIT] = {
	[OF_LIMIT_VALUE] = { METRIC_GAUGE, "l1tune_limit",
		"Value of the limit: requests beyond it are denied or throttled; +Inf for no limit." },
	[OF_LIMIT_AUDIT] = { METRIC_GAUGE, "l1tune_limit_audit",
		"Audit threshold of the limit: requests beyond it are only counted; +Inf for no threshold." },
	[OF_LIMIT_USE] = { METRIC_GAUGE, "l1tune_limit_use",
		"How much of the limit is used; for limits per guest or user, the highest use." },
	[OF_LIMIT_DENIALS] = { METRIC_COUNTER, "l1tune_denials",
		"How often a limit denied a request or throttled a vCPU." },
	[OF_LIMIT_WOULD_DENIALS] = { METRIC_COUNTER, "l1tune_would_denials",
		"How often an audit threshold was exceeded." },
	[OF_LIMIT_EFFECTIVE] = { METRIC_GAUGE, "l1tune_limit_effective",
		"Whether the limit can be enforced now." },
	[OF_LIMIT_BROKEN] = { METRIC_GAUGE, "l1tune_limit_broken",
		"Whether the limit is set but not enforced although KVM is loaded." },
};

static void export_one(struct metrics *metrics, enum of_limit what,
		       const struct limit *limit, const struct limit_use *use)
{
	static const char labels[] = "limit=\"%s\"";
	const char *name = limit->kind->name;

	switch (what) {
	case OF_LIMIT_VALUE:
		metrics_bound(metrics, limit->value, labels, name);
		break;
	case OF_LIMIT_AUDIT:
		metrics_bound(metrics, limit->audit, labels, name);
		break;
	case OF_LIMIT_USE:
		if (use->is_known)
			metrics_number(metrics, use->value, labels, name);
		break;
	case OF_LIMIT_DENIALS:
		if (limit->are_counts_known)
			metrics_number(metrics, limit->denied, labels, name);
		break;
	case OF_LIMIT_WOULD_DENIALS:
		if (limit->are_counts_known)
			metrics_number(metrics, limit->would_deny, labels,
				       name);
		break;
	case OF_LIMIT_EFFECTIVE:
		metrics_number(metrics, limit->is_effective, labels, name);
		break;
	default:
		metrics_number(metrics, limit_is_broken(limit), labels, name);
	}
}

void export_limits(struct metrics *metrics, const struct limits *limits,
		   const struct limit_use *uses)
{
	enum of_limit what;
	size_t i;

	for (what = 0; what < NUM_OF_LIMIT && limits->num; what++) {
		metrics_family(metrics, families[what].type,
			       families[what].name, families[what].help);
		for (i = 0; i < limits->num; i++) {
			const struct limit *limit = &limits->v[i];

			export_one(metrics, what, limit,
				   &uses[limit->kind - limit_kinds]);
		}
	}
}
