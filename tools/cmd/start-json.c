// SPDX-License-Identifier: GPL-2.0
/* How a guest started, as a document. */
#include <string.h>

#include "cmd/start.h"
#include "model/json.h"

static json_t *json_reason(const struct start_reason *reason)
{
	json_t *object = json_object();
	size_t i;

	json_set(object, "reason", json_text(reason->key.reason));
	json_set(object, "code", json_number(reason->key.code));
	json_set(object, "level", json_number(reason->key.level));
	json_set(object, "count", json_number(reason->count));
	json_set(object, "time_ns", json_number(start_reason_ns(reason)));
	for (i = 0; i < NUM_PARTS; i++)
		json_set(object, time_part_keys[i], json_number(reason->parts_ns[i]));
	return object;
}

static json_t *json_phase(const struct start *start, size_t i)
{
	const struct start_phase *phase = &start->phases[i];
	json_t *object = json_object(), *reasons = json_array();
	size_t n;

	json_set(object, "phase", json_text(start_phase_names[i]));
	json_set(object, "time_ns", json_number_or_null(phase->is_known, phase->ns));
	json_set(object, "guest_ns", json_number_or_null(phase->has_guest, phase->guest_ns));
	json_set(object, "exits", json_number_or_null(phase->has_guest, start_exits(phase)));
	json_set(object, "faults", json_number_or_null(phase->has_guest, start_faults(phase)));
	for (n = 0; n < NUM_PARTS; n++)
		json_set(object, time_part_keys[n],
			 json_number_or_null(phase->has_guest, start_part_ns(phase, n)));
	for (n = 0; n < phase->num_reasons; n++)
		json_array_append_new(reasons, json_reason(&phase->reasons[n]));
	json_set(object, "reasons", reasons);
	return object;
}

static json_t *json_costs(const struct start *start)
{
	struct start_cost costs[MOST_COSTS];
	size_t i, num = start_costs(start, costs, MOST_COSTS);
	json_t *array = json_array();

	for (i = 0; i < num; i++) {
		json_t *object = json_object();

		json_set(object, "phase", json_text(start_phase_names[costs[i].phase]));
		json_set(object, "what", json_text(costs[i].is_guest ? "guest" :
						   costs[i].reason ? "exits" : "phase"));
		json_set(object, "reason", costs[i].reason ?
			 json_text(costs[i].reason->key.reason) : json_null());
		json_set(object, "time_ns", json_number(costs[i].ns));
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *json_spread(const struct start *start, const struct start_list *list)
{
	struct start_spread spread;
	json_t *object = json_object();

	start_spread_of(list, start->guest.name, &spread);
	json_set(object, "started", json_number(spread.num));
	json_set(object, "ended", json_number(spread.num_ended));
	json_set(object, "p50_ns", json_number_or_null(spread.num, spread.p50_ns));
	json_set(object, "p90_ns", json_number_or_null(spread.num, spread.p90_ns));
	json_set(object, "p99_ns", json_number_or_null(spread.num, spread.p99_ns));
	json_set(object, "max_ns", json_number_or_null(spread.num, spread.max_ns));
	return object;
}

json_t *start_to_json(const struct start *start, const struct start_list *list)
{
	json_t *object = json_object(), *phases = json_array();
	bool is_known = start->phases[START_SETUP].is_known;
	size_t i;

	json_set(object, "id", json_number(start->guest.id));
	json_set(object, "name", json_text(start->guest.name));
	json_set(object, "pid", json_number(start->guest.pid));
	json_set(object, "uid", json_number(start->guest.uid));
	json_set(object, "gone", json_boolean(start->is_gone));
	json_set(object, "state", json_text(start->state));
	json_set(object, "until", start->until[0] ? json_text(start->until) : json_null());
	json_set(object, "total_ns", json_number_or_null(is_known, start_total_ns(start)));
	json_set(object, "memory_ns", json_number_or_null(start->memory_ns, start->memory_ns));
	json_set(object, "vcpu_ns", json_number_or_null(start->vcpu_ns, start->vcpu_ns));
	json_set(object, "halt_ns", json_number_or_null(start->halt_ns, start->halt_ns));
	json_set(object, "idle_ns", json_number_or_null(start->idle_ns, start->idle_ns));
	for (i = 0; i < NUM_START_PHASES; i++)
		json_array_append_new(phases, json_phase(start, i));
	json_set(object, "phases", phases);
	json_set(object, "most", json_costs(start));
	json_set(object, "same_name", json_spread(start, list));
	return object;
}
