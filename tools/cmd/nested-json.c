// SPDX-License-Identifier: GPL-2.0
/* What guests do that run guests, as a document. */
#include <string.h>

#include "cmd/nested-controls.h"
#include "cmd/nested.h"
#include "explain/l3.h"
#include "model/json.h"
#include "ui/sentences.h"

static json_t *json_truth(bool is_known, bool is_true)
{
	return is_known ? json_boolean(is_true) : json_null();
}

static json_t *json_exits(const struct l3_counts *counts)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < counts->num_exits; i++) {
		const struct l3_exits *exits = &counts->exits[i];
		json_t *one = json_object();

		json_set(one, "reason", json_text(exits->reason));
		json_set(one, "count", json_number(exits->count));
		json_set(one, "reflected", json_number(exits->reflected));
		json_set(one, "trips", json_number(exits->trips));
		json_set(one, "trip_ns", json_number(exits->trip_ns));
		json_set(one, "trip_exits", json_number(exits->trip_exits));
		json_array_append_new(array, one);
	}
	return array;
}

static json_t *json_failures(const struct l3_counts *counts)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < counts->num_failures; i++) {
		const struct l3_failure *failure = &counts->failures[i];
		json_t *one = json_object();

		json_set(one, "message", json_text(failure->message));
		json_set(one, "error", json_number_or_null(failure->message, failure->error));
		json_set(one, "count", json_number(failure->count));
		json_array_append_new(array, one);
	}
	return array;
}

static json_t *json_vmx_errors(const struct l3_counts *counts)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < VMX_ERRORS; i++) {
		json_t *one;

		if (!counts->vmx_errors[i])
			continue;
		one = json_object();
		json_set(one, "error", json_number(i));
		json_set(one, "name", json_text(vmx_error_name(i)));
		json_set(one, "count", json_number(counts->vmx_errors[i]));
		json_array_append_new(array, one);
	}
	return array;
}

/* Only a vCPU whose controls were looked at is known to have another kind of VMCS. */
static json_t *json_evmcs(const struct controls *controls)
{
	return json_truth(controls && controls_are_read(controls),
			  controls && controls->kind == CONTROLS_ENLIGHTENED);
}

static json_t *json_vcpu(const struct vcpu_snapshot *vcpu, const struct controls *controls)
{
	const struct l3_vcpu *l3 = &vcpu->l3;
	const struct l3_counts *counts = &l3->counts;
	json_t *object = json_object();
	bool is_known = l3->is_known;

	json_set(object, "id", json_number(vcpu->id));
	json_set(object, "offered", json_truth(l3->offer != L3_OFFER_UNKNOWN,
					       l3->offer == L3_OFFER_YES));
	json_set(object, "state", json_text(is_known ? l3->state : NULL));
	json_set(object, "on", json_truth(is_known, strcmp(l3->state, "off")));
	json_set(object, "in_l3", json_truth(is_known, l3->is_in_l3));
	json_set(object, "in_l3_ns", json_number_or_null(l3->has_in_l3_ns, l3->in_l3_ns));
	json_set(object, "entries", json_number_or_null(is_known, counts->entries));
	json_set(object, "failed_entries",
		 json_number_or_null(counts->is_failed_known, counts->failed));
	json_set(object, "failed",
		 counts->are_failures_known ? json_failures(counts) : json_null());
	json_set(object, "unkept", json_number_or_null(is_known, counts->unkept));
	json_set(object, "l3", is_known ? json_exits(counts) : json_null());
	json_set(object, "ept", json_truth(is_known && strcmp(l3->paging, "unknown"),
					   !strcmp(l3->paging, "nested")));
	json_set(object, "vmx_errors",
		 counts->are_vmx_errors_known ? json_vmx_errors(counts) : json_null());
	json_set(object, "evmcs", json_evmcs(controls));
	json_set(object, "controls", controls_to_json(controls));
	return object;
}

static json_t *json_guest(const struct env *env, const struct guest_snapshot *guest,
			  bool is_interval)
{
	json_t *object = json_object(), *vcpus = json_array();
	struct guest_controls controls = { };
	struct sentences findings = { };
	size_t i;

	if (env)
		guest_controls_load(env, guest, &controls);
	for (i = 0; i < guest->num_vcpus; i++)
		json_array_append_new(vcpus, json_vcpu(&guest->vcpus[i],
						       env ? &controls.v[i] : NULL));
	l3_explain(guest, is_interval, &findings);
	guest_controls_explain(&controls, &findings);
	guest_controls_free(&controls);
	json_set(object, "id", json_number(guest->guest.id));
	json_set(object, "name", json_text(guest->guest.name));
	json_set(object, "label", json_text(guest->guest.label));
	json_set(object, "pid", json_number(guest->guest.pid));
	json_set(object, "vcpus", vcpus);
	json_set(object, "findings", sentences_to_json(&findings));
	sentences_free(&findings);
	return object;
}

json_t *nested_to_json(const struct env *env, const struct snapshot *snapshot)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < snapshot->num_guests; i++)
		json_array_append_new(array, json_guest(env, &snapshot->guests[i],
							snapshot->is_interval));
	return array;
}
