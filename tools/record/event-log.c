// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/util.h"
#include "record/event-file.h"
#include "record/event-log.h"
#include "record/record.h"

/* While records cannot be written, and of a tier with few: the newest lines are kept. */
#define LINES_MOST	10000
#define BYTES_MOST	(4u << 20)

/* Users decide how many guests end: their records go before any event does. */
static size_t find_least(const struct event_log *log)
{
	size_t i;

	for (i = 0; log->num_gone && i < log->num; i++)
		if (line_is_gone(log->lines[i]))
			return i;
	/* The first one says since when lines are lost. */
	return log->is_lossy;
}

static void take_out(struct event_log *log, size_t i)
{
	log->num_bytes -= strlen(log->lines[i]);
	log->num_gone -= line_is_gone(log->lines[i]);
	free(log->lines[i]);
	log->num--;
	memmove(log->lines + i, log->lines + i + 1, (log->num - i) * sizeof(*log->lines));
}

static void put_in(struct event_log *log, size_t i, char *line)
{
	log->num_bytes += strlen(line);
	log->num_gone += line_is_gone(line);
	*GROW(log->lines, log->num) = NULL;
	memmove(log->lines + i + 1, log->lines + i, (log->num - 1 - i) * sizeof(*log->lines));
	log->lines[i] = line;
}

/* The form in which l1tune watch says it, which older versions know. */
static void tell_loss(struct event_log *log, uint64_t time_ns)
{
	if (log->is_lossy && time_ns >= log->lost_ns)
		return;
	if (log->is_lossy)
		take_out(log, 0);
	log->is_lossy = true;
	log->lost_ns = time_ns;
	put_in(log, 0, xasprintf("1 %llu EVENT=watch ACTION=lost", (unsigned long long)time_ns));
}

static void drop_one(struct event_log *log)
{
	size_t i = find_least(log);
	char *time = strchr(log->lines[i], ' ');
	uint64_t time_ns = time ? strtoull(time, NULL, 10) : 0;

	take_out(log, i);
	tell_loss(log, time_ns);
}

void event_log_take(struct event_log *log, char *line)
{
	put_in(log, log->num, line);
	while (log->num > LINES_MOST || log->num_bytes > BYTES_MOST)
		drop_one(log);
}

static void take_line(struct event_log *log, const char *line)
{
	size_t digits = strcspn(line, " ");
	char *word = xmemdup0(line, digits);
	uint64_t seq;

	if (!parse_u64(word, &seq) && seq > log->seq) {
		log->seq = seq;
		event_log_take(log, xstrdup(line));
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
	event_log_take(log, xasprintf("1 %llu %s", (unsigned long long)time_ns, words));
}

void event_log_clear(struct event_log *log)
{
	while (log->num)
		free(log->lines[--log->num]);
	free(log->lines);
	log->lines = NULL;
	log->num_bytes = 0;
	log->num_gone = 0;
	log->is_lossy = false;
}
