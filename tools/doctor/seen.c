// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/util.h"
#include "base/wait.h"
#include "doctor/seen.h"
#include "model/proc.h"

#define EVENTS_MAX_BYTES	65536

/* The module sees a VM's end when its last file is closed, and reports it soon after. */
#define MOST_WAIT_NS		NSEC_PER_SEC
#define LOOK_NS			(NSEC_PER_SEC / 100)

static unsigned int seen_in_line(const char *line, const char *pid, uint64_t since_ns)
{
	uint64_t time_ns, exits;
	const char *count;

	if (sscanf(line, "%*u %" SCNu64, &time_ns) != 1 || time_ns < since_ns ||
	    !strstr(line, " EVENT=guest ") || !strstr(line, pid))
		return 0;
	if (strstr(line, " ACTION=add "))
		return SEEN_BEGIN;
	count = strstr(line, " EXITS=");
	if (!strstr(line, " ACTION=remove ") || !count)
		return 0;
	exits = strtoull(count + strlen(" EXITS="), NULL, 10);
	return SEEN_END | (exits ? SEEN_EXITS : 0);
}

unsigned int seen_in_events(const char *events, long pid, uint64_t since_ns)
{
	char *copy = xstrdup(events), *rest = copy, *line;
	char *word = xasprintf(" PID=%ld ", pid);
	unsigned int seen = 0;

	while ((line = strsep(&rest, "\n")))
		seen |= seen_in_line(line, word, since_ns);
	free(word);
	free(copy);
	return seen;
}

/* The file has the last events only: are any missing that came since? */
static bool may_lack_some(const char *events, uint64_t since_ns)
{
	uint64_t number, time_ns;

	return sscanf(events, "%" SCNu64 " %" SCNu64, &number, &time_ns) == 2 &&
	       number > 1 && time_ns >= since_ns;
}

/* Looks until it has seen all that is wanted. False if the events cannot be read, or some are lost. */
static bool look_for(const struct env *env, uint64_t since_ns, unsigned int wanted,
		     unsigned int *seen)
{
	uint64_t end = monotonic_ns() + MOST_WAIT_NS;
	bool is_known = true;
	char *path, *text;
	size_t len;

	*seen = 0;
	if (!proc_is_in_first_namespace())
		return false;
	path = xasprintf("%s/class/l1tune/l1/events", env->sysfs);
	do {
		text = file_read(AT_FDCWD, path, EVENTS_MAX_BYTES, &len);
		is_known = text && !may_lack_some(text, since_ns);
		if (text)
			*seen |= seen_in_events(text, getpid(), since_ns);
		free(text);
	} while (is_known && (*seen & wanted) != wanted && monotonic_ns() < end &&
		 wait_until(monotonic_ns() + LOOK_NS, -1) != WAIT_END);
	free(path);
	return is_known || (*seen & wanted) == wanted;
}

void seen_wait_for_begin(const struct env *env, uint64_t since_ns)
{
	unsigned int seen;

	look_for(env, since_ns, SEEN_BEGIN, &seen);
}

bool seen_of_guest(const struct env *env, uint64_t since_ns, unsigned int *seen)
{
	return look_for(env, since_ns, SEEN_ALL, seen);
}

char *seen_list_missed(unsigned int seen)
{
	char *list = xstrdup(seen & SEEN_BEGIN ? "" : "start");

	if (!(seen & SEEN_END))
		append(&list, "%send", *list ? " and " : "");
	else if (!(seen & SEEN_EXITS))
		append(&list, "%sexits", *list ? " and " : "");
	return list;
}
