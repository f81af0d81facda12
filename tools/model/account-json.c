// SPDX-License-Identifier: GPL-2.0
#include "model/account.h"
#include "model/account-json.h"
#include "model/json.h"

json_t *json_accounts(const struct snapshot *snapshot)
{
	json_t *values = json_array();
	struct accounts accounts;
	size_t i;

	accounts_make(&accounts, snapshot, true);
	for (i = 0; i < accounts.num; i++) {
		const struct account *account = accounts.v[i];
		const struct tenant *tenant = account->tenant;
		struct guest_snapshot sum;
		json_t *json;

		account_sum(account, snapshot, &sum);
		json = json_sum(&sum, JSON_REASONS);
		json_set(json, "tenant", json_number_or_null(tenant, tenant ? tenant->id : 0));
		json_set(json, "cgroup", json_text(account->cgroup));
		json_set(json, "guests", json_number(account->vms));
		json_array_append_new(values, json);
		snapshot_free_sum(&sum);
	}
	accounts_free(&accounts);
	return values;
}
