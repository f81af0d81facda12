// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>

#include "base/util.h"
#include "export/export.h"
#include "export/label.h"

static uint64_t cost_ns(const struct tenant_counts *counts)
{
	return add_saturated(counts->total[TOTAL_PARTS + PART_KERNEL],
			     counts->total[TOTAL_PARTS + PART_VMM]);
}

/* A pattern costs what its matches do, and comes before them. */
static int compare(const void *a, const void *b)
{
	const struct exported_tenant *x = a, *y = b;
	uint64_t cost_x = cost_ns(x->counts), cost_y = cost_ns(y->counts);

	if (cost_x != cost_y)
		return cost_x > cost_y ? -1 : 1;
	return x->tenant->id < y->tenant->id ? -1 : x->tenant->id > y->tenant->id;
}

void export_tenants_rank(const struct counted_tenants *counted, struct tenant_ranking *ranking)
{
	const struct tenants *tenants = &counted->tenants;
	size_t num = tenants->num, i;

	*ranking = (struct tenant_ranking) {
		.counted = counted, .labels = export_tenant_labels(tenants),
		.v = xcalloc(num, sizeof(*ranking->v)), .num = num,
		.num_exported = num < MAX_EXPORTED_TENANTS ? num : MAX_EXPORTED_TENANTS,
	};
	for (i = 0; i < num; i++) {
		const struct tenant *tenant = &tenants->v[i], *pattern;

		pattern = tenant->is_match ? tenants_at(tenants, tenant->pattern) : NULL;
		ranking->v[i] = (struct exported_tenant) {
			.tenant = tenant, .counts = &counted->counts[i],
			.label = export_tenant_label(ranking, tenant),
			.pattern_label = pattern ? export_tenant_label(ranking, pattern) : "",
		};
	}
	if (num)
		qsort(ranking->v, num, sizeof(*ranking->v), compare);
}

void export_tenants_free(struct tenant_ranking *ranking)
{
	if (ranking->counted)
		export_tenant_labels_free(ranking->labels, &ranking->counted->tenants);
	free(ranking->v);
	free(ranking->starts);
	*ranking = (struct tenant_ranking){ };
}

const char *export_tenant_label(const struct tenant_ranking *ranking, const struct tenant *tenant)
{
	return ranking->labels[tenant - ranking->counted->tenants.v];
}

static void export_info(struct metrics *metrics, const struct exported_tenant *of)
{
	metrics_number(metrics, 1, "tenant=\"%s\",id=\"%llu\",pattern=\"%s\"", of->label,
		       (unsigned long long)of->tenant->id, of->pattern_label);
}

/* For a pattern, there is a use only in its matches. */
static void export_use(struct metrics *metrics, const struct exported_tenant *of, enum tenant_use use)
{
	if (of->counts->has_use)
		metrics_number(metrics, of->counts->use[use], "tenant=\"%s\"", of->label);
}

static void export_vms(struct metrics *metrics, const struct exported_tenant *of)
{
	export_use(metrics, of, USE_VMS);
}

static void export_vcpus(struct metrics *metrics, const struct exported_tenant *of)
{
	export_use(metrics, of, USE_VCPUS);
}

static void export_memory(struct metrics *metrics, const struct exported_tenant *of)
{
	export_use(metrics, of, USE_MEMORY);
}

static void export_nested(struct metrics *metrics, const struct exported_tenant *of)
{
	export_use(metrics, of, USE_NESTED);
}

static void export_count(struct metrics *metrics, const struct exported_tenant *of,
			 enum tenant_total total)
{
	if (of->counts->has[total])
		metrics_number(metrics, of->counts->total[total], "tenant=\"%s\"", of->label);
}

static void export_created_vms(struct metrics *metrics, const struct exported_tenant *of)
{
	export_count(metrics, of, TOTAL_VMS);
}

static void export_created_vcpus(struct metrics *metrics, const struct exported_tenant *of)
{
	export_count(metrics, of, TOTAL_VCPUS);
}

static void export_exits(struct metrics *metrics, const struct exported_tenant *of)
{
	export_count(metrics, of, TOTAL_EXITS);
}

static void export_parts(struct metrics *metrics, const struct exported_tenant *of)
{
	size_t part;

	for (part = 0; part < NUM_PARTS; part++)
		if (of->counts->has[TOTAL_PARTS + part])
			metrics_seconds(metrics, of->counts->total[TOTAL_PARTS + part],
					"tenant=\"%s\",part=\"%s\"", of->label,
					time_part_names[part]);
}

/* Unknown is no number, so then there is no sample. */
static void export_time(struct metrics *metrics, const struct exported_tenant *of,
			enum tenant_total total)
{
	if (of->counts->has[total])
		metrics_seconds(metrics, of->counts->total[total], "tenant=\"%s\"", of->label);
}

static void export_guest_time(struct metrics *metrics, const struct exported_tenant *of)
{
	export_time(metrics, of, TOTAL_GUEST_TIME);
}

static void export_stolen(struct metrics *metrics, const struct exported_tenant *of)
{
	export_time(metrics, of, TOTAL_STOLEN);
}

static const struct {
	enum metric_type type;
	const char *name;
	const char *help;
	void (*export)(struct metrics *metrics, const struct exported_tenant *of);
} families[] = {
	{ METRIC_INFO, "l1tune_tenant", "Identity of a tenant.", export_info },
	{ METRIC_GAUGE, "l1tune_tenant_vms", "Current VMs of the tenant.", export_vms },
	{ METRIC_GAUGE, "l1tune_tenant_vcpus", "Current vCPUs of the tenant.", export_vcpus },
	{ METRIC_GAUGE, "l1tune_tenant_memory_bytes", "Sum of the peak memory of each current guest of the tenant.",
	  export_memory },
	{ METRIC_GAUGE, "l1tune_tenant_nested_vms", "Guests of the tenant that use VMX or SVM themselves.",
	  export_nested },
	{ METRIC_COUNTER, "l1tune_tenant_created_vms",
	  "VMs that the tenant has had, including those that have ended.", export_created_vms },
	{ METRIC_COUNTER, "l1tune_tenant_created_vcpus",
	  "vCPUs that the tenant has had, including those that have ended.",
	  export_created_vcpus },
	{ METRIC_COUNTER, "l1tune_tenant_exits", "Exits of the tenant's guests, including those that have ended.",
	  export_exits },
	{ METRIC_COUNTER, "l1tune_tenant_exit_seconds",
	  "Time from exits of the tenant's guests to the next entries, by part.", export_parts },
	{ METRIC_COUNTER, "l1tune_tenant_guest_seconds", "Time in the tenant's guests.", export_guest_time },
	{ METRIC_COUNTER, "l1tune_tenant_stolen_seconds",
	  "Time that L0 took from the tenant's guests and their exits.", export_stolen },
};

static bool is_in(const struct exported_tenant *inner, const struct exported_tenant *outer)
{
	return !outer->tenant->is_pattern && inner != outer &&
	       tenant_covers(outer->tenant->cgroup, inner->tenant->cgroup) &&
	       !tenant_covers(inner->tenant->cgroup, outer->tenant->cgroup);
}

/* What another one has too is counted there, a match in its pattern. */
static bool is_outermost(const struct tenant_ranking *ranking, const struct exported_tenant *of)
{
	size_t i;

	for (i = 0; i < ranking->num; i++)
		if (is_in(of, &ranking->v[i]))
			return false;
	return !of->tenant->is_match;
}

static struct tenant_counts sum_others(const struct tenant_ranking *ranking)
{
	struct tenant_counts sum = { };
	size_t total, i;

	for (i = ranking->num_exported; i < ranking->num; i++) {
		const struct exported_tenant *of = &ranking->v[i];

		if (!is_outermost(ranking, of))
			continue;
		for (total = 0; total < NUM_TENANT_TOTALS; total++)
			sum.total[total] = add_saturated(sum.total[total],
							 of->counts->total[total]);
	}
	return sum;
}

/*
 * Which tenants these are changes, and so their sum can become less: no counter, in
 * which that would look as if all had begun anew.
 */
static void export_others(struct metrics *metrics, const struct tenant_ranking *ranking)
{
	struct tenant_counts sum = sum_others(ranking);
	size_t part;

	metrics_family(metrics, METRIC_GAUGE, "l1tune_tenants",
		       "Current tenants, including patterns and matches.");
	metrics_number(metrics, ranking->num, "");
	metrics_family(metrics, METRIC_GAUGE, "l1tune_tenants_other",
		       "Tenants without series of their own, because 100 others cost more.");
	metrics_number(metrics, ranking->num - ranking->num_exported, "");
	metrics_family(metrics, METRIC_GAUGE, "l1tune_tenants_other_exits",
		       "Exits of guests of tenants without series of their own; can decrease.");
	metrics_number(metrics, sum.total[TOTAL_EXITS], "");
	metrics_family(metrics, METRIC_GAUGE, "l1tune_tenants_other_exit_seconds",
		       "Time from exits to the next entries, of tenants without series of their own, by part; can decrease.");
	for (part = 0; part < NUM_PARTS; part++)
		metrics_seconds(metrics, sum.total[TOTAL_PARTS + part], "part=\"%s\"",
				time_part_names[part]);
	metrics_family(metrics, METRIC_GAUGE, "l1tune_tenants_other_guest_seconds",
		       "Time in guests of tenants without series of their own; can decrease.");
	metrics_seconds(metrics, sum.total[TOTAL_GUEST_TIME], "");
}

void export_tenants(struct metrics *metrics, const struct tenant_ranking *ranking)
{
	size_t i, j;

	if (!ranking->counted->are_known)
		return;
	for (i = 0; i < ARRAY_SIZE(families); i++) {
		metrics_family(metrics, families[i].type, families[i].name, families[i].help);
		for (j = 0; j < ranking->num_exported; j++)
			families[i].export(metrics, &ranking->v[j]);
	}
	export_others(metrics, ranking);
}
