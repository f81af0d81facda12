// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "model/args.h"

/* The last argument counts even if a writer of its own cmdline left it open. */
void args_split(const char *cmdline, size_t len, struct args *args)
{
	size_t pos;

	*args = (struct args){ .text = xmemdup0(cmdline ? cmdline : "", len) };
	for (pos = 0; pos < len; pos += strlen(args->text + pos) + 1)
		*GROW(args->argv, args->argc) = args->text + pos;
}

void args_free(struct args *args)
{
	free(args->argv);
	free(args->text);
	*args = (struct args){ };
}

const char *args_program(const struct args *args)
{
	const char *path = args->argc ? args->argv[0] : "";
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static const char *without_dashes(const char *arg)
{
	return arg + (*arg == '-') + (!strncmp(arg, "--", 2));
}

const char *args_next_value(const struct args *args, const char *option, size_t *i)
{
	size_t len;

	option = without_dashes(option);
	len = strlen(option);
	while (*i < args->argc && strcmp(args->argv[*i], "--")) {
		const char *arg = args->argv[(*i)++];
		const char *word = without_dashes(arg);

		if (*arg != '-' || strncmp(word, option, len))
			continue;
		if (word[len] == '=')
			return word + len + 1;
		if (!word[len] && *i < args->argc)
			return args->argv[(*i)++];
	}
	return NULL;
}
