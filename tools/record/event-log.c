// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/util.h"
#include "record/event-file.h"
#include "record/event-log.h"

/* While records cannot be written: the newest lines are kept. */
#define LINES_MOST	10000
#define BYTES_MOST	(4u << 20)

static void drop_oldest(struct event_log *log)
{
	log->num_bytes -= strlen(log->lines[0]);
	free(log->lines[0]);
	log->num--;
	memmove(log->lines, log->lines + 1, log->num * sizeof(*log->lines));
}

static void add_line(struct event_log *log, char *line)
{
	while (log->num && (log->num == LINES_MOST || log->num_bytes > BYTES_MOST))
		drop_oldest(log);
	log->num_bytes += strlen(line);
	*GROW(log->lines, log->num) = line;
}

static void take_line(struct event_log *log, const char *line)
{
	size_t digits = strcspn(line, " ");
	char *word = xmemdup0(line, digits);
	uint64_t seq;

	if (!parse_u64(word, &seq) && seq > log->seq) {
		log->seq = seq;
		add_line(log, xstrdup(line));
	}
	free(word);
}

void event_log_read(struct event_log *log, const struct env *env, uint64_t loaded_ns)
{
	size_t len;
	char *text = file_read(env->class_fd, "l1/events", EVENT_FILE_MAX_SIZE, &len);
	char *rest = text, *line;

	if (log->loaded_ns != loaded_ns)
		log->seq = 0;
	log->loaded_ns = loaded_ns;
	while ((line = strsep(&rest, "\n")))
		take_line(log, line);
	free(text);
}

/* The recorder's own are not numbered: 1 is any number that is valid. */
void event_log_add(struct event_log *log, uint64_t time_ns, const char *words)
{
	add_line(log, xasprintf("1 %llu %s", (unsigned long long)time_ns, words));
}

void event_log_clear(struct event_log *log)
{
	while (log->num)
		free(log->lines[--log->num]);
	free(log->lines);
	log->lines = NULL;
	log->num_bytes = 0;
}
