// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>

#include "base/util.h"
#include "record/event.h"
#include "record/move-log.h"

char *move_log_words(const char *changes)
{
	char *escaped = event_escape(changes);
	char *words = xasprintf("EVENT=moved ACTION=change CHANGES=%s", escaped);

	free(escaped);
	return words;
}

char *move_log_look(struct move_log *log, const struct env *env)
{
	struct identity now, then;
	char *changes;

	identity_read(env, &now);
	if (log->has_last)
		then = log->last;
	else
		identity_keep(env->state, &now, &then);
	changes = identity_diff(&then, &now);
	log->last = now;
	log->has_last = true;
	if (*changes)
		return changes;
	free(changes);
	return NULL;
}
