// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file-within.h"
#include "base/util.h"
#include "model/stack.h"

#define MAX_SIZE	16384

/* "[<0>] handle_userfault+0x1c4/0x2a0": its function. */
static void add_function(char **stack, char *line)
{
	char *name = strchr(line, ']');

	if (!name || name[1] != ' ')
		return;
	name += 2;
	name[strcspn(name, "+ ")] = '\0';
	/* What ends a stack. */
	if (!strncmp(name, "0x", 2))
		return;
	append(stack, "%s%s", **stack ? " " : "", name);
}

char *stack_read(const struct env *env, uint64_t pid, uint64_t tid)
{
	char *path = xasprintf("%llu/task/%llu/stack", (unsigned long long)pid,
			       (unsigned long long)tid);
	size_t len;
	char *text = file_read_within(env->proc_fd, path, MAX_SIZE, &len, pid, SHORT_FILE_NS), *rest = text, *line;
	char *stack = NULL;

	free(path);
	if (!text)
		return NULL;
	stack = xstrdup("");
	while ((line = strsep(&rest, "\n")))
		add_function(&stack, line);
	free(text);
	return stack;
}
