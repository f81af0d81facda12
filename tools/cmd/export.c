// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/replace.h"
#include "base/sysfs.h"
#include "base/terminal.h"
#include "base/util.h"
#include "cmd/command.h"
#include "export/export.h"

#define TEXTFILE	"l1tune.prom"

/* All there is to export, read before a line of it is written. */
struct reading {
	struct host host;
	struct limits limits;
	struct limit_use uses[NUM_LIMITS];
	struct snapshot snapshot;
	struct machine machine;
	struct start_times starts;
	struct canary_export canary;
	struct tenant_ranking tenants;
	struct tenant_limits tenant_limits;
	bool are_guests_readable;
	/* False without the module: then only l1tune_up is exported. */
	bool is_up;
};

/*
 * A guest that cannot be read is left out, and the status tells. Who may see no
 * guest exports the host: a metric and a message say that guests are missing.
 */
static int read_guests(const struct env *env, struct reading *reading)
{
	const struct selection everything = { };
	const struct snapshot_request request = { .selection = &everything, .tenants = true };
	int status = snapshot_take(env, &reading->host, &request,
				   &reading->snapshot);

	reading->are_guests_readable = status != STATUS_NOT_PERMITTED;
	if (status == STATUS_NOT_PERMITTED) {
		complain("guests are not exported");
		status = STATUS_OK;
	}
	reading->is_up = status == STATUS_OK || status == STATUS_FAILED;
	export_tenants_rank(&reading->snapshot.tenants, &reading->tenants);
	export_tenant_starts_read(env, &reading->tenants);
	if (reading->is_up && reading->snapshot.tenants.are_known &&
	    export_tenant_limits_read(env, &reading->host, &reading->tenants,
				      &reading->tenant_limits) != STATUS_OK)
		return STATUS_FAILED;
	return status;
}

static int read_all(const struct env *env, struct reading *reading)
{
	int status = host_read(env, &reading->host);

	if (status == STATUS_OK)
		status = limits_read(env, &reading->host, &reading->limits);
	if (status != STATUS_OK)
		return status;
	limit_uses_read(env, &reading->host, reading->uses);
	machine_read(env, &reading->machine);
	start_times_read(env, "l1", &reading->starts);
	export_canary_read(env->state, &reading->canary);
	return read_guests(env, reading);
}

static void write_all(struct metrics *metrics, const struct reading *reading,
		      bool by_reason)
{
	if (reading->is_up) {
		export_host(metrics, &reading->host, &reading->machine);
		export_starts(metrics, &reading->starts);
		export_canary(metrics, &reading->canary);
		export_limits(metrics, &reading->limits, reading->uses);
		export_guests_readable(metrics, reading->are_guests_readable);
		if (reading->are_guests_readable) {
			export_guests(metrics, &reading->snapshot, by_reason);
			export_tenants(metrics, &reading->tenants);
			export_tenant_starts(metrics, &reading->tenants);
			export_tenant_limits(metrics, &reading->tenants, &reading->tenant_limits);
		}
	} else {
		export_absence(metrics);
	}
	metrics_end(metrics);
}

static int complain_file(const char *path, int err)
{
	complain("%s: %s%s", path, strerror(-err),
		 err == -ENOENT ? ": DIR is the directory given to node_exporter's --collector.textfile.directory" :
		 err == -ELOOP ? ": only links owned by root or the caller are followed" :
		 "");
	return sysfs_is_withheld(err) ? STATUS_NOT_PERMITTED : STATUS_FAILED;
}

static int write_textfile(const char *dir, const struct reading *reading,
			  bool by_reason)
{
	char *path = xasprintf("%s/%s", dir, TEXTFILE);
	struct replacement replacement;
	int err = replacement_start(&replacement, path), status = STATUS_OK;

	if (!err) {
		struct metrics metrics = {
			.out = replacement.file, .is_text = true,
		};

		write_all(&metrics, reading, by_reason);
		err = replacement_finish(&replacement);
	}
	if (err)
		status = complain_file(path, err);
	free(path);
	return status;
}

/*
 * A collector goes on to show the last file there was: that the module has gone
 * is therefore written, and any other failure leaves the file to become old.
 */
static int run(struct options *options)
{
	struct reading reading = { };
	int status = env_open(&options->env), written = STATUS_OK;

	if (status == STATUS_OK) {
		status = read_all(&options->env, &reading);
		env_close(&options->env);
	}
	if (options->textfile && (reading.is_up || status == STATUS_NO_MODULE))
		written = write_textfile(options->textfile, &reading,
					 options->by_reason);
	else if (reading.is_up)
		write_all(&(struct metrics){ .out = stdout }, &reading,
			  options->by_reason);
	export_tenant_limits_free(&reading.tenant_limits);
	export_tenants_free(&reading.tenants);
	snapshot_free(&reading.snapshot);
	host_free(&reading.host);
	return status == STATUS_OK ? written : status;
}

static const struct option_spec own_options[] = {
	OPTION(TEXT, 0, "textfile", "DIR", textfile,
	       "write " TEXTFILE " there, for node_exporter's textfile collector"),
	OPTION(FLAG, 0, "by-reason", NULL, by_reason,
	       "report times by guest, reason and level, not only by guest"),
	{ }
};

const struct command cmd_export = {
	.name = "export",
	.synopsis = "[OPTION]...",
	.summary = "print metrics for Prometheus, as OpenMetrics",
	.about = "Prints metrics of this host, its limits and its guests as OpenMetrics.",
	.run = run,
	.options = own_options,
	.shared_options = OPTIONS_STATE,
};
