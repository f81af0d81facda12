// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/sysfs.h"
#include "base/terminal.h"
#include "base/util.h"
#include "bench/file.h"
#include "cmd/command.h"
#include "model/caps-table.h"
#include "model/json.h"
#include "model/machine.h"
#include "model/proc.h"
#include "model/snapshot.h"
#include "ui/intervals.h"

enum { COL_FEATURE, COL_OFFERED, COL_USED, COL_OTHER, COL_SAVES, COL_WHY, NUM_COLS };

static const struct column columns[NUM_COLS] = {
	[COL_FEATURE] = { "FEATURE", "name of its file in l1/vmx or l1/svm", .is_text = true },
	[COL_OFFERED] = { "OFFERED", "whether L0 offers it", .is_text = true },
	[COL_USED] = { "USED", "whether KVM uses it, according to its parameters", .is_text = true },
	[COL_OTHER] = { "OTHER", "whether it is offered on the host of --compare", .is_text = true },
	[COL_WHY] = { "MATTERS", "why it matters", .is_text = true,
		      .is_flexible = true, .is_prose = true },
	[COL_SAVES] = { "SAVES", "exit reasons that it avoids", .is_text = true,
			.is_flexible = true, .is_prose = true },
};

/* The state of one feature; unknown if there is no file or parameter. */
struct feature {
	const struct cap *cap;
	enum { ANSWER_UNKNOWN = -1, ANSWER_NO, ANSWER_YES } offered, used, other;
};

struct caps {
	const char *isa;
	struct feature *features;
	size_t num;
	char revision[32];
	bool offered, allowed, cpus_differ;
	struct machine machine;
	struct measurement saved;
	const struct measurement *measurement;
	const char *why_none;
};

static int read_flag(const struct options *options, const char *isa, const char *name)
{
	char value[32];

	if (!machine_file(options->env.sysfs, value, sizeof(value), "class/l1tune/l1/%s/%s", isa, name))
		return ANSWER_UNKNOWN;
	return !strcmp(value, "1") ? ANSWER_YES :
	       !strcmp(value, "0") ? ANSWER_NO : ANSWER_UNKNOWN;
}

/* A parameter is Y or N, or a number that is 0 when it is off. */
static int read_param(const struct options *options, const struct cap *cap)
{
	const char *slash = cap->param ? strchr(cap->param, '/') : NULL;
	char value[32];

	/* Some have moved to the module that both share. */
	if (!slash ||
	    !(machine_file(options->env.sysfs, value, sizeof(value), "module/%.*s/parameters/%s",
			   (int)(slash - cap->param), cap->param, slash + 1) ||
	      machine_file(options->env.sysfs, value, sizeof(value), "module/kvm/parameters/%s",
			   slash + 1)))
		return ANSWER_UNKNOWN;
	return value[0] && strcmp(value, "N") && strcmp(value, "0") ? ANSWER_YES : ANSWER_NO;
}

static bool is_svm(const struct options *options)
{
	return machine_has(options->env.sysfs, "class/l1tune/l1/svm");
}

static int answer(const json_t *feature, const char *key)
{
	const json_t *value = json_object_get(feature, key);

	return json_is_boolean(value) ? json_is_true(value) : ANSWER_UNKNOWN;
}

/* Reads the features of a document of caps --json. */
static int load_other(const char *path, struct caps *caps)
{
	json_t *json = json_read(path);
	const json_t *features, *feature;
	int status = STATUS_FAILED;
	size_t i, j;

	features = json_object_get(json_object_get(json, "caps"), "features");
	if (json_is_array(features))
		status = STATUS_OK;
	else if (json)
		complain("%s: not a document of l1tune caps --json", path);
	json_array_foreach(features, i, feature) {
		const char *name = json_string_value(json_object_get(feature, "feature"));

		for (j = 0; name && j < caps->num; j++)
			if (!strcmp(name, caps->features[j].cap->name))
				caps->features[j].other = answer(feature, "offered");
	}
	json_decref(json);
	return status;
}

static int read_caps(const struct options *options, struct caps *caps)
{
	const bool svm = is_svm(options);
	const struct cap *known = svm ? svm_caps : vmx_caps;
	size_t num = svm ? num_svm_caps : num_vmx_caps, i;

	*caps = (struct caps){ .isa = svm ? "svm" : "vmx" };
	if (read_flag(options, caps->isa, "offered") == ANSWER_UNKNOWN)
		return env_complain_older(&options->env, svm ? "l1/svm" : "l1/vmx");
	caps->offered = read_flag(options, caps->isa, "offered") == ANSWER_YES;
	caps->allowed = read_flag(options, caps->isa, "allowed") == ANSWER_YES;
	caps->cpus_differ = read_flag(options, caps->isa, "cpus_differ") == ANSWER_YES;
	machine_file(options->env.sysfs, caps->revision, sizeof(caps->revision),
		     "class/l1tune/l1/%s/%s", caps->isa, svm ? "revision" : "vmcs_revision");
	for (i = 0; i < num; i++) {
		struct feature *f = GROW(caps->features, caps->num);

		f->cap = &known[i];
		f->offered = read_flag(options, caps->isa, known[i].name);
		f->used = read_param(options, &known[i]);
		f->other = ANSWER_UNKNOWN;
	}
	machine_read(&options->env, &caps->machine);
	caps->measurement = bench_saved(options->env.state, &caps->machine, &caps->saved,
					&caps->why_none);
	return options->compare ? load_other(options->compare, caps) : STATUS_OK;
}

static const char *word(int answer_)
{
	return answer_ == ANSWER_YES ? "yes" : answer_ == ANSWER_NO ? "no" : NULL;
}

/*
 * The VMM's command line shows that a guest was given Hyper-V's own interface
 * for hypervisors: such a guest, once it uses VMX, probably runs Hyper-V.
 */
static bool may_run_hyperv(const struct options *options, const struct guest *guest)
{
	static const char *const words[] = {
		"hv-evmcs", "hv_evmcs", "hv-passthrough", "hv_passthrough",
	};
	struct proc_info info;
	bool may = false;
	size_t i;

	if (proc_read(options->env.proc_fd, guest->pid, guest->created_ns, &info))
		return false;
	for (i = 0; info.cmdline && i < ARRAY_SIZE(words); i++)
		may |= !!memmem(info.cmdline, info.cmdline_len, words[i], strlen(words[i]));
	proc_free(&info);
	return may;
}

static void print_guests(const struct options *options, const struct snapshot *snapshot)
{
	size_t i, num = 0;

	for (i = 0; i < snapshot->num_guests; i++) {
		const struct guest *guest = &snapshot->guests[i].guest;

		if (strcmp(guest->nested, "on") && strcmp(guest->nested, "running"))
			continue;
		if (!num++)
			printf("\nGuests that run guests of their own:\n");
		terminal_print("  %llu %s%s\n", (unsigned long long)guest->id, guest->name,
			       may_run_hyperv(options, guest) ?
			       ": has Hyper-V's interface for hypervisors, its hypervisor may be Hyper-V" : "");
	}
	if (!num)
		printf("\nNo guest runs guests of its own.\n");
}

static void print_head(const struct caps *caps, const struct host *host)
{
	bool svm = !strcmp(caps->isa, "svm");

	if (!caps->offered)
		printf("This CPU offers no %s: KVM cannot run guests here. l1tune doctor says what to do.\n",
		       svm ? "SVM" : "VMX");
	else if (!caps->allowed)
		printf("Firmware has disabled and locked %s: KVM cannot run guests here.\n", svm ? "SVM" : "VMX");
	printf("%s of %s, %s %s\n", svm ? "SVM" : "VMX",
	       host->virtualized ? "L0" : "this CPU (not virtualized)",
	       svm ? "revision" : "VMCS revision",
	       *caps->revision ? caps->revision : "unknown");
	if (host->virtualized)
		terminal_print("L0 is %s\n", host->hypervisor);
	if (caps->cpus_differ)
		printf("CPUs of this machine differ in what they offer: see dmesg\n");
}

/* What no file shows, and what was measured instead. */
static void print_measured(const struct caps *caps, const struct host *host)
{
	const struct measurement *m = caps->measurement;

	if (!host->virtualized || !strcmp(caps->isa, "svm"))
		return;
	printf("\nWhether L0 shadows the VMCS of this machine cannot be read here: vmcs_shadowing\n"
	       "above is what this machine can do for guests that run guests.\n");
	if (!m)
		printf("A measurement can show it, but %s.\n", caps->why_none);
	else if (m->shadow == BENCH_SHADOW_YES)
		printf("Measured: L0 does.\n");
	else if (m->shadow == BENCH_SHADOW_NO)
		printf("Measured: L0 does not, each VMREAD is a trip to L0.\n");
	else
		printf("Measured: not clear.\n");
	if (m && m->results[BENCH_CPUID].cycles.count)
		printf("A CPUID exit of a guest takes %.0f ns here (%llu cycles).\n",
		       bench_ns(m, m->results[BENCH_CPUID].cycles.median),
		       (unsigned long long)m->results[BENCH_CPUID].cycles.median);
}

static int print(const struct options *options, const struct host *host,
		 const struct caps *caps, const struct snapshot *snapshot)
{
	int status;
	size_t i;

	table_set_defaults(options->table, options->compare ?
			   "FEATURE,OFFERED,USED,OTHER,MATTERS,SAVES" :
			   "FEATURE,OFFERED,USED,MATTERS,SAVES");
	print_head(caps, host);
	putchar('\n');
	for (i = 0; i < caps->num; i++) {
		const struct feature *f = &caps->features[i];
		struct value *row = table_add_row(options->table);

		row[COL_FEATURE] = value_text(f->cap->name);
		row[COL_OFFERED] = value_text(word(f->offered));
		row[COL_USED] = value_text(word(f->used));
		row[COL_OTHER] = value_text(word(f->other));
		row[COL_WHY] = value_text(f->cap->why);
		row[COL_SAVES] = value_text(f->cap->exits);
	}
	status = table_print(options->table, &options->style);
	print_measured(caps, host);
	if (snapshot)
		print_guests(options, snapshot);
	return status;
}

static json_t *bool_or_null(int answer_)
{
	return answer_ == ANSWER_UNKNOWN ? json_null() : json_boolean(answer_ == ANSWER_YES);
}

static int add_register(int fd, const char *name, void *arg)
{
	char value[32];

	if (strncmp(name, "msr_", 4) && strncmp(name, "cpuid_", 6))
		return 0;
	if (sysfs_read(fd, name, value, sizeof(value)) >= 0)
		json_set(arg, name, json_text(value));
	return 0;
}

static json_t *registers_to_json(const struct options *options, const char *isa)
{
	json_t *json = json_object();
	int fd = sysfs_open_dir(options->env.class_fd, "l1");

	if (fd >= 0) {
		sysfs_for_each(fd, isa, add_register, json);
		close(fd);
	}
	return json;
}

static json_t *caps_to_json(const struct options *options, const struct caps *caps,
			    const struct snapshot *snapshot)
{
	json_t *json = json_object(), *features = json_array(), *nested = json_array();
	size_t i;

	for (i = 0; i < caps->num; i++) {
		const struct feature *f = &caps->features[i];
		json_t *one = json_object();

		json_set(one, "feature", json_string(f->cap->name));
		json_set(one, "offered", bool_or_null(f->offered));
		json_set(one, "used", bool_or_null(f->used));
		if (options->compare)
			json_set(one, "other", bool_or_null(f->other));
		json_set(one, "why", json_string(f->cap->why));
		json_set(one, "saves", json_text(f->cap->exits));
		json_array_append_new(features, one);
	}
	for (i = 0; snapshot && i < snapshot->num_guests; i++) {
		const struct guest *guest = &snapshot->guests[i].guest;
		json_t *one = json_object();

		json_set(one, "id", json_number(guest->id));
		json_set(one, "name", json_text(guest->name));
		json_set(one, "nested", json_text(guest->nested));
		json_set(one, "may_run_hyperv", json_boolean(may_run_hyperv(options, guest)));
		json_array_append_new(nested, one);
	}
	json_set(json, "isa", json_string(caps->isa));
	json_set(json, "offered", json_boolean(caps->offered));
	json_set(json, "allowed", json_boolean(caps->allowed));
	json_set(json, "cpus_differ", json_boolean(caps->cpus_differ));
	json_set(json, "revision", json_text(caps->revision));
	json_set(json, "features", features);
	json_set(json, "registers", registers_to_json(options, caps->isa));
	json_set(json, "l0_shadows_vmcs", caps->measurement ?
			    json_string(bench_shadow_name(caps->measurement->shadow)) : json_null());
	json_set(json, "guests", snapshot ? nested : json_null());
	if (!snapshot)
		json_decref(nested);
	return json;
}

/* Guests may be hidden from this user: the rest is shown all the same. */
static int show(const struct options *options, const struct host *host)
{
	const struct selection all = { };
	const struct snapshot_request request = { .selection = &all };
	struct snapshot snapshot;
	struct caps caps;
	bool has_guests;
	int status = read_caps(options, &caps);

	complain_to(complain_ignore);
	has_guests = snapshot_take(&options->env, host, &request, &snapshot) == STATUS_OK;
	complain_to(NULL);
	if (status == STATUS_OK)
		status = options->json ?
			 json_print_value(host, "caps", caps_to_json(options, &caps, has_guests ? &snapshot : NULL)) :
			 print(options, host, &caps, has_guests ? &snapshot : NULL);
	snapshot_free(&snapshot);
	free(caps.features);
	return status;
}

static int run(struct options *options)
{
	return intervals_show_host(options, show);
}

static const struct option_spec own_options[] = {
	OPTION(TEXT, 0, "compare", "FILE", compare, "compare with what l1tune caps --json printed elsewhere"),
	{ }
};

const struct command cmd_caps = {
	.name = "caps",
	.synopsis = "[OPTION]...",
	.summary = "show which VMX or SVM features L0 offers and KVM uses",
	.about = "Shows which VMX or SVM features L0 offers, which KVM uses, and the exits they save.",
	.run = run,
	.options = own_options,
	.shared_options = OPTIONS_DEV | OPTIONS_STATE | OPTIONS_TABLE | OPTIONS_JSON,
	.columns = columns,
	.num_columns = NUM_COLS,
};
