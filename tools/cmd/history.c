// SPDX-License-Identifier: GPL-2.0
/* What commands that look at the history have in common. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/util.h"
#include "base/wait.h"
#include "base/when.h"
#include "cmd/history.h"

int history_time(const struct options *options, const char *option, const char *text,
		 uint64_t *ns)
{
	if (!when_parse(text, realtime_ns(), ns))
		return STATUS_OK;
	return error_set(options->error, "%s: '%s' is not a time: use 03:12, \"2026-11-26 03:12:30\" or -90m",
			 option, text);
}

int history_window(const struct options *options, uint64_t *start_ns, uint64_t *end_ns)
{
	int status = STATUS_OK;

	*end_ns = realtime_ns();
	if (options->to)
		status = history_time(options, "--to", options->to, end_ns);
	if (status == STATUS_OK)
		status = history_time(options, "--from", options->from, start_ns);
	if (status == STATUS_OK && *start_ns >= *end_ns)
		status = error_set(options->error, "--from is not before --to");
	return status;
}

int history_of(const struct options *options, const char *instead,
	       struct replayer *replayer)
{
	char *dir = xasprintf("%s/record", options->env.state);
	int err = replayer_open(replayer, dir);

	if (err == -ENOENT)
		complain("%s: there is no history: run l1tune record, or %s", dir, instead);
	else if (err)
		complain("%s: %s%s", dir, strerror(-err),
			 err == -EACCES ? ": only root may read the history" : "");
	free(dir);
	return !err ? STATUS_OK : err == -EACCES ? STATUS_NOT_PERMITTED : STATUS_FAILED;
}
