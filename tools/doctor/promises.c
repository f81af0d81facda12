// SPDX-License-Identifier: GPL-2.0
/* What KVM promises to guests and does not keep, by what l1tune probe found. */
#include <stdlib.h>

#include "base/error.h"
#include "base/util.h"
#include "doctor/checks.h"
#include "model/gone.h"
#include "probe/file.h"
#include "probe/met.h"

/* "XCR0.AVX faults (#GP)": all that are broken. */
static char *list_broken(const struct probe *probe)
{
	char *list = xstrdup("");
	size_t i;

	for (i = 0; i < num_probe_features; i++) {
		const struct probe_result *r = &probe->results[i];

		if (!probe_is_bad(r->verdict))
			continue;
		append(&list, "%s%s %s", *list ? ", " : "", probe_features[i].name,
		       probe_verdict_name(r->verdict));
		if (r->detail[0])
			append(&list, " (%s)", r->detail);
	}
	return list;
}

static bool has_met(const struct gone *gone, const struct probe *probe)
{
	size_t i;

	for (i = 0; i < gone->num_vcpus; i++)
		if (probe_met(probe, &gone->vcpus[i].refused) >= 0)
			return true;
	return false;
}

/* "; l2-3, l2-5 ended after they had met one": of the guests that are remembered. */
static char *list_victims(const struct doctor *doctor, const struct probe *probe)
{
	struct env env = *doctor->env;
	char *list = xstrdup("");
	struct gone_list ended;
	size_t i, num = 0;

	complain_to(complain_ignore);
	if (doctor->has_module && env_open(&env) == STATUS_OK) {
		gone_read(&env, &ended);
		for (i = 0; i < ended.num; i++)
			if (has_met(&ended.v[i], probe))
				append(&list, "%sl2-%llu", num++ ? ", " : "; ",
				       (unsigned long long)ended.v[i].id);
		gone_free(&ended);
		env_close(&env);
	}
	complain_to(NULL);
	if (num)
		append(&list, " ended after KVM had refused %s one", num > 1 ? "them" : "it");
	return list;
}

void check_promises(struct doctor *doctor)
{
	struct probe probe;
	const char *why;
	char *broken, *victims;

	if (!probe_saved(doctor->env->state, &doctor->machine, &probe, &why)) {
		doctor_add(doctor, "promises", DOCTOR_INFO,
			   xasprintf("whether KVM keeps what it promises to guests is unknown: %s", why), NULL);
		probe_free(&probe);
		return;
	}
	broken = list_broken(&probe);
	victims = list_victims(doctor, &probe);
	if (*broken)
		doctor_add(doctor, "promises", DOCTOR_WARNING,
			   xasprintf("KVM promises guests features that do not work here: %s%s. Remove them from the guests' CPU model, or ask whoever runs L0 to fix it",
				     broken, victims),
			   xstrdup("l1tune probe\nl1tune gone"));
	else
		doctor_add(doctor, "promises", DOCTOR_OK,
			   xstrdup("everything that KVM promises to guests and l1tune probe tried works"), NULL);
	free(broken);
	free(victims);
	probe_free(&probe);
}
