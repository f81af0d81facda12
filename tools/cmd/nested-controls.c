// SPDX-License-Identifier: GPL-2.0
/* With what controls a guest's hypervisor runs its own guests. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sysfs.h"
#include "base/util.h"
#include "cmd/nested-controls.h"
#include "explain/controls.h"
#include "model/guest.h"
#include "model/json.h"

static void load_vcpu(const struct env *env, const struct guest_snapshot *guest, int fd,
		      uint64_t vcpu, struct controls *controls)
{
	int err = controls_read(fd, vcpu, controls);
	char *path;

	if (!err)
		return;
	controls_free(controls);
	if (sysfs_is_gone(err))
		return;
	path = xasprintf("l2-%" PRIu64 "/vcpu%" PRIu64 "/nested_controls", guest->guest.id, vcpu);
	env_complain(env, path, err);
	free(path);
}

void guest_controls_load(const struct env *env, const struct guest_snapshot *guest,
			 struct guest_controls *controls)
{
	int fd = env->past || guest->is_ended ? -1 : guest_open(env, guest->guest.id);
	size_t i;

	controls->v = xcalloc(guest->num_vcpus + 1, sizeof(*controls->v));
	controls->num = guest->num_vcpus;
	for (i = 0; fd >= 0 && i < guest->num_vcpus; i++)
		if (l3_is_user(&guest->vcpus[i].l3))
			load_vcpu(env, guest, fd, guest->vcpus[i].id, &controls->v[i]);
	if (fd >= 0)
		close(fd);
}

void guest_controls_free(struct guest_controls *controls)
{
	size_t i;

	for (i = 0; i < controls->num; i++)
		controls_free(&controls->v[i]);
	free(controls->v);
	*controls = (struct guest_controls){ };
}

static void print_address(const char *title, bool is_used, uint64_t address)
{
	if (is_used)
		printf(", %s at %#" PRIx64, title, address);
	else
		printf(", no %s", title);
}

static void print_vmcs(const struct controls *c)
{
	bool has_io_bitmaps = control_is_set(c, "io_bitmaps");

	printf("%s at %#" PRIx64, c->kind == CONTROLS_VMCS ? "VMCS" : "enlightened VMCS",
	       c->address);
	print_address("EPT", control_is_set(c, "ept"),
		      control_value(c, "ept_pointer") & ~(uint64_t)0xfff);
	if (control_is_set(c, "vpid"))
		printf(", VPID %" PRIu64, control_value(c, "virtual_processor_id"));
	else
		printf(", no VPID");
	print_address("MSR bitmap", control_is_set(c, "msr_bitmaps"),
		      control_value(c, "msr_bitmap"));
	print_address("I/O bitmaps", has_io_bitmaps, control_value(c, "io_bitmap_a"));
	if (has_io_bitmaps)
		printf(" and %#" PRIx64, control_value(c, "io_bitmap_b"));
}

static void print_vmcb(const struct controls *c)
{
	printf("VMCB at %#" PRIx64, c->address);
	print_address("NPT", control_is_set(c, "npt"), control_value(c, "nested_cr3"));
	printf(", ASID %" PRIu64, control_value(c, "asid"));
	print_address("MSR map", control_is_set(c, "msr_map"), control_value(c, "msrpm_base_pa"));
	print_address("I/O map", control_is_set(c, "io_map"), control_value(c, "iopm_base_pa"));
}

/* A line for each control, with the names of its bits; no title: it goes on. */
static void print_bits(const struct controls *c)
{
	const struct control_bits *bits;
	size_t n, i;

	for (n = 0; (bits = control_bits(c->kind, n)); n++) {
		uint32_t value = control_bits_value(c, bits);

		if (!value)
			continue;
		printf("%-11s%-10s %#" PRIx32, "", bits->title, value);
		for (i = 0; i < ARRAY_SIZE(bits->names); i++)
			if (value >> i & 1 && bits->names[i])
				printf(" %s", bits->names[i]);
		printf("\n");
	}
}

static const char *why_none(enum controls_kind kind)
{
	switch (kind) {
	case CONTROLS_UNKNOWN:
		return "not known: this kernel has no BTF to find them in KVM";
	case CONTROLS_NONE:
		return "none: it has no current VMCS or VMCB";
	case CONTROLS_BUSY:
		return "not read: the vCPU was busy; try again";
	default:
		return NULL;
	}
}

static void print_vcpu(const char *title, uint64_t vcpu, const struct controls *c)
{
	if (why_none(c->kind)) {
		printf("%-11svCPU %" PRIu64 ": %s\n", title, vcpu, why_none(c->kind));
		return;
	}
	printf("%-11svCPU %" PRIu64 ": ", title, vcpu);
	if (c->kind == CONTROLS_VMCB)
		print_vmcb(c);
	else
		print_vmcs(c);
	printf("\n");
	print_bits(c);
}

void guest_controls_print(const struct guest_snapshot *guest,
			  const struct guest_controls *controls)
{
	const char *title = "controls";
	size_t i;

	for (i = 0; i < controls->num; i++) {
		if (controls->v[i].kind == CONTROLS_ABSENT)
			continue;
		print_vcpu(title, guest->vcpus[i].id, &controls->v[i]);
		title = "";
	}
}

void guest_controls_explain(const struct guest_controls *controls, struct sentences *findings)
{
	struct sentences one = { };
	size_t i, n;

	for (i = 0; i < controls->num; i++) {
		controls_explain(&controls->v[i], &one);
		for (n = 0; n < one.num; n++)
			if (!has_string(findings->v, findings->num, one.v[n]))
				sentences_add(findings, "%s", one.v[n]);
		sentences_free(&one);
	}
}

static json_t *json_values(const struct controls *controls)
{
	json_t *values = json_object();
	size_t i, n;

	for (i = 0; i < controls->num; i++) {
		const struct control *control = &controls->v[i];
		json_t *array;

		if (control->num == 1) {
			json_set(values, control->name, json_number(control->values[0]));
			continue;
		}
		array = json_array();
		for (n = 0; n < control->num; n++)
			json_array_append_new(array, json_number(control->values[n]));
		json_set(values, control->name, array);
	}
	return values;
}

/* All names that are set, in the order of the controls. */
static json_t *json_set_names(const struct controls *controls)
{
	const struct control_bits *bits;
	json_t *array = json_array();
	size_t n, i;

	for (n = 0; (bits = control_bits(controls->kind, n)); n++)
		for (i = 0; i < ARRAY_SIZE(bits->names); i++)
			if (bits->names[i] && control_bits_value(controls, bits) >> i & 1)
				json_array_append_new(array, json_text(bits->names[i]));
	return array;
}

json_t *controls_to_json(const struct controls *controls)
{
	json_t *object;

	if (!controls || controls->kind == CONTROLS_ABSENT)
		return json_null();
	object = json_object();
	json_set(object, "kind", json_text(controls_kind_name(controls->kind)));
	json_set(object, "address",
		 json_number_or_null(controls_are_read(controls), controls->address));
	json_set(object, "values", controls_are_read(controls) ? json_values(controls) :
								 json_null());
	json_set(object, "set", controls_are_read(controls) ? json_set_names(controls) :
							      json_null());
	return object;
}
