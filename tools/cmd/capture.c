// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/terminal.h"
#include "base/util.h"
#include "cmd/capture.h"
#include "cmd/command.h"

/* What it says first is why; more may follow. */
#define WHY_MAX_BYTES	500

static int run(const struct options *options, char *words[], int num_words)
{
	struct error error = { };
	struct options inner = {
		.env = options->env, .json = true, .error = &error,
		.interval_ns = options->interval_ns, .count = options->count,
	};
	const struct command *command = command_find(words[0], &error);
	int status = command ? command_run(command, num_words, words, &inner) : STATUS_USAGE;

	if (error.message)
		complain("%s", error.message);
	error_free(&error);
	return terminal_close() == STATUS_OK ? status : STATUS_FAILED;
}

int capture_start(struct capture *capture, const struct options *options,
		  char *words[], int num_words)
{
	*capture = (struct capture){ .pid = -1, .out = tmpfile(), .err = tmpfile() };
	if (capture->out && capture->err)
		capture->pid = fork();
	if (capture->pid < 0) {
		complain("cannot run %s: %s", words[0], strerror(errno));
		return STATUS_FAILED;
	}
	if (!capture->pid) {
		dup2(fileno(capture->out), STDOUT_FILENO);
		dup2(fileno(capture->err), STDERR_FILENO);
		_exit(run(options, words, num_words));
	}
	return STATUS_OK;
}

/* The first message, without whose it is. */
static char *first_message(FILE *file)
{
	static const char prefix[] = "l1tune: ";
	char text[WHY_MAX_BYTES] = "";
	size_t skip;

	rewind(file);
	if (!fgets(text, sizeof(text), file))
		return xstrdup("it ended without a document");
	text[strcspn(text, "\n")] = '\0';
	skip = begins_with(text, prefix) ? strlen(prefix) : 0;
	return xstrdup(text + skip);
}

json_t *capture_finish(struct capture *capture, char **why)
{
	json_t *json = NULL;

	*why = NULL;
	if (capture->pid > 0) {
		while (waitpid(capture->pid, NULL, 0) < 0 && errno == EINTR)
			;
		rewind(capture->out);
		json = json_loadf(capture->out, 0, NULL);
	}
	if (!json)
		*why = capture->err ? first_message(capture->err) : xstrdup("it could not be run");
	if (capture->out)
		fclose(capture->out);
	if (capture->err)
		fclose(capture->err);
	return json;
}
