// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/terminal.h"
#include "base/util.h"
#include "cmd/command.h"
#include "cmd/limits-tenant.h"
#include "doctor/doctor.h"
#include "doctor/l0.h"
#include "doctor/tenant.h"
#include "model/json.h"
#include "settings/tenant-define.h"

#define INDENT		25
#define DEFAULT_WIDTH	100

/* doctor's own exit statuses. */
enum { DOCTOR_READY = 0, DOCTOR_WARNINGS = 1, DOCTOR_NOT_USABLE = 2 };

static const char *const state_names[] = {
	[DOCTOR_OK] = "ok",
	[DOCTOR_INFO] = "info",
	[DOCTOR_WARNING] = "warning",
	[DOCTOR_PROBLEM] = "problem",
};

static void look(struct doctor *doctor, const struct options *options)
{
	struct env env = options->env;
	int status;

	*doctor = (struct doctor){ .env = &options->env, .no_try = options->no_try };
	machine_read(&env, &doctor->machine);
	/* That there is no module is a row, not an error. */
	complain_to(complain_ignore);
	status = env_open(&env);
	if (status == STATUS_OK) {
		doctor->has_module = host_read(&env, &doctor->host) == STATUS_OK;
		env_close(&env);
	}
	doctor->has_other_module = status == STATUS_FAILED;
	complain_to(NULL);
	doctor->measurement = bench_saved(options->env.state, &doctor->machine, &doctor->saved,
					  &doctor->why_none);
	doctor_check_machine(doctor);
	if (doctor_is_confidential(doctor) && !options->all)
		return;
	doctor_check_clouds(doctor, options->all);
	l0_check(doctor, options->all);
}

/* Of no interest here is whether this machine is ready. */
static int look_at_tenant(struct doctor *doctor, const struct options *options,
			  const char *path)
{
	struct tenants tenants = { };
	int status = host_read(&options->env, &doctor->host);

	doctor->has_module = status == STATUS_OK;
	if (status == STATUS_OK)
		status = tenants_check_module(&options->env);
	if (status == STATUS_OK)
		status = tenants_load(&options->env, &tenants);
	if (status == STATUS_OK && !doctor_knows_tenant(&tenants, path)) {
		tenant_named(&tenants, path);
		status = STATUS_NO_GUEST;
	}
	if (status == STATUS_OK)
		status = doctor_check_tenant(doctor, &tenants, path);
	tenants_free(&tenants);
	return status;
}

static void forget(struct doctor *doctor)
{
	size_t i;

	for (i = 0; i < doctor->num_rows; i++) {
		free(doctor->rows[i].text);
		free(doctor->rows[i].commands);
	}
	free(doctor->rows);
	if (doctor->has_module)
		host_free(&doctor->host);
}

static size_t num_in(const struct doctor *doctor, enum doctor_state state)
{
	size_t i, num = 0;

	for (i = 0; i < doctor->num_rows; i++)
		num += doctor->rows[i].state == state;
	return num;
}

static int status_of(const struct doctor *doctor)
{
	return num_in(doctor, DOCTOR_PROBLEM) ? DOCTOR_NOT_USABLE :
	       num_in(doctor, DOCTOR_WARNING) ? DOCTOR_WARNINGS : DOCTOR_READY;
}

static void print_row(const struct doctor_row *row)
{
	bool is_problem = row->state == DOCTOR_PROBLEM;
	bool is_bad = row->state >= DOCTOR_WARNING;
	unsigned int columns = terminal_columns();
	char *command, *s;

	printf("%s%-8s%s %-15s ", is_problem ? terminal_alarm() : is_bad ? terminal_warning() : "",
	       state_names[row->state], is_bad ? terminal_normal() : "", row->name);
	terminal_wrap(row->text, INDENT, columns ? columns : DEFAULT_WIDTH);
	if (!row->commands)
		return;
	command = xstrdup(row->commands);
	for (s = strtok(command, "\n"); s; s = strtok(NULL, "\n"))
		printf("%*s$ %s\n", INDENT, "", s);
	free(command);
}

/* "Guests can start in /a/b; 1 warning." */
static int print_tenant(const struct doctor *doctor, const char *path)
{
	size_t problems = num_in(doctor, DOCTOR_PROBLEM), warnings = num_in(doctor, DOCTOR_WARNING);
	size_t i;

	for (i = 0; i < doctor->num_rows; i++)
		print_row(&doctor->rows[i]);
	putchar('\n');
	if (problems)
		terminal_print("No guest can start in %s: %zu limit%s reached.\n", path, problems,
			       problems == 1 ? " is" : "s are");
	else if (warnings)
		terminal_print("Guests can start in %s; %zu warning%s.\n", path, warnings,
			       plural(warnings));
	else
		terminal_print("Guests can start in %s.\n", path);
	return status_of(doctor);
}

static int print(const struct doctor *doctor)
{
	size_t problems = num_in(doctor, DOCTOR_PROBLEM), warnings = num_in(doctor, DOCTOR_WARNING);
	size_t i;

	for (i = 0; i < doctor->num_rows; i++)
		print_row(&doctor->rows[i]);
	if (problems)
		printf("\nGuests cannot run here: %zu problem%s.\n", problems, plural(problems));
	else if (warnings)
		printf("\nGuests can run here; %zu warning%s.\n", warnings, plural(warnings));
	else
		printf("\nThis machine is ready.\n");
	return status_of(doctor);
}

static json_t *commands_to_json(const char *commands)
{
	json_t *json = json_array();
	char *copy = xstrdup(commands ? commands : ""), *s;

	for (s = strtok(copy, "\n"); s; s = strtok(NULL, "\n"))
		json_array_append_new(json, json_text(s));
	free(copy);
	return json;
}

static int print_json(const struct doctor *doctor)
{
	json_t *json, *rows = json_array();
	struct host no_module = { };
	size_t i;

	snprintf(no_module.boot_id, sizeof(no_module.boot_id), "%s",
		 doctor->machine.boot_id);
	json = json_document(doctor->has_module ? &doctor->host : &no_module, NULL, 0);
	for (i = 0; i < doctor->num_rows; i++) {
		const struct doctor_row *row = &doctor->rows[i];
		json_t *one = json_object();

		json_set(one, "row", json_text(row->name));
		json_set(one, "state", json_string(state_names[row->state]));
		json_set(one, "text", json_text(row->text));
		json_set(one, "commands", commands_to_json(row->commands));
		json_array_append_new(rows, one);
	}
	json_set(json, "status", json_integer(status_of(doctor)));
	json_set(json, "rows", rows);
	/* A failure to write leaves nothing that could be believed. */
	return json_write(json) == STATUS_OK ? status_of(doctor) : DOCTOR_NOT_USABLE;
}

static int run_tenant(struct options *options)
{
	struct doctor doctor = { .env = &options->env };
	const char *wrong;
	char *path = tenant_parse(options->tenant, &wrong);
	int status;

	if (!path)
		return error_set(options->error, "--tenant %s: %s", options->tenant, wrong);
	status = env_open(&options->env);
	if (status == STATUS_OK) {
		status = look_at_tenant(&doctor, options, path);
		env_close(&options->env);
	}
	if (status != STATUS_OK)
		status = DOCTOR_NOT_USABLE;
	else
		status = options->json ? print_json(&doctor) : print_tenant(&doctor, path);
	forget(&doctor);
	free(path);
	return status;
}

static int run(struct options *options)
{
	struct doctor doctor;
	int status;

	if (options->tenant)
		return run_tenant(options);
	look(&doctor, options);
	status = options->json ? print_json(&doctor) : print(&doctor);
	forget(&doctor);
	return status;
}

static const struct option_spec own_options[] = {
	OPTION(FLAG, 'a', "all", NULL, all, "also print what applies to other clouds and hypervisors"),
	OPTION(TEXT, 0, "tenant", "PATH", tenant, "show what is left for the guests of a cgroup, and which\n"
						  "limit is the tightest", .excludes = "all"),
	OPTION(FLAG, 0, "no-try", NULL, no_try, "create no VM to try KVM"),
	{ }
};

const struct command cmd_doctor = {
	.name = "doctor",
	.synopsis = "[OPTION]...\n"
		    "--tenant PATH [OPTION]...",
	.summary = "check whether this host can run guests, and how to fix it",
	.about = "Checks whether this host is ready to run guests, and prints commands that fix\n"
		 "problems. It runs none of them and does not use the network. To try KVM it creates a\n"
		 "VM with a vCPU, which runs one instruction, and closes it.\n"
		 "With --tenant it shows what is used and left of each limit of a tenant and those\n"
		 "above it, how often they denied, and which VMMs were moved into or out of it.\n"
		 "Exit status: 0 ready, 1 warnings, 2 guests cannot run (also wrong usage).",
	.run = run,
	.options = own_options,
	.shared_options = OPTIONS_DEV | OPTIONS_STATE | OPTIONS_JSON,
};
