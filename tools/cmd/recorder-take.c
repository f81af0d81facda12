// SPDX-License-Identifier: GPL-2.0
/* What l1tune record finds: a moment, and what happened since the one before. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "cmd/recorder.h"
#include "record/event-name.h"

static void add_event(uint64_t time_ns, const char *words, void *arg)
{
	struct recorder *recorder = arg;

	event_log_add(&recorder->news, time_ns, words);
}

/* Which load of the module it is; its guests have the ids of others. */
static void meet_module(struct recorder *recorder, uint64_t loaded_ns)
{
	guest_cache_free(&recorder->cache);
	advice_log_free(&recorder->advice);
	if (loaded_ns)
		add_event(loaded_ns, "EVENT=module ACTION=add", recorder);
}

/* The module may not be loaded yet, or come back later. */
int recorder_read_host(struct recorder *recorder, struct host *host)
{
	struct env *env = &recorder->options->env;
	int status = recorder->is_open ? STATUS_OK : env_open(env);

	recorder->is_open = status == STATUS_OK;
	if (status == STATUS_OK)
		status = host_read(env, host);
	if (status != STATUS_OK && recorder->is_open) {
		env_close(env);
		recorder->is_open = false;
	}
	if (status != STATUS_OK || host->loaded_ns != recorder->loaded_ns)
		meet_module(recorder, status == STATUS_OK ? host->loaded_ns : 0);
	recorder->loaded_ns = status == STATUS_OK ? host->loaded_ns : 0;
	return status;
}

static int take(struct recorder *recorder, struct moment *moment)
{
	const struct selection everyone = { };
	const struct snapshot_request request = {
		.selection = &everyone, .all = true, .beside = true,
		.cache = &recorder->cache,
	};
	const struct env *env = &recorder->options->env;
	int status = recorder_read_host(recorder, &moment->host);

	if (status != STATUS_OK)
		return status;
	event_log_read(&recorder->news, env, moment->host.loaded_ns);
	gone_log_read(&recorder->gone, env, moment->host.loaded_ns, add_event, recorder);
	watch_log_take(&recorder->watch, env->state, moment->host.boot_id, add_event, recorder);
	machine_files_read(env, &moment->files);
	status = snapshot_take(env, &moment->host, &request, &moment->snapshot);
	return status == STATUS_FAILED ? STATUS_OK : status;
}

/* In a moment of the same load of the module; NULL if it is not there. */
static const char *name_in(const struct moment *moment, const struct host *host, uint64_t id)
{
	size_t i;

	if (moment->host.loaded_ns != host->loaded_ns ||
	    strcmp(moment->host.boot_id, host->boot_id))
		return NULL;
	for (i = 0; i < moment->snapshot.num_guests; i++) {
		const struct guest *guest = &moment->snapshot.guests[i].guest;

		if (guest->id == id)
			return guest->name;
	}
	return NULL;
}

/* A guest is in the moment before its end, and in the one after its start. */
static char *name_line(const struct recorder *recorder, const struct moment *moment,
		       const char *line)
{
	const struct moment *before = &recorder->writer.tiers[TIER_FINE].before;
	const char *name;
	uint64_t id;

	if (!event_name_is_missing(line, &id))
		return xstrdup(line);
	name = name_in(moment, &moment->host, id);
	if (!name)
		name = name_in(before, &moment->host, id);
	if (!name)
		name = name_in(&recorder->rest.last, &moment->host, id);
	return name ? event_name_add(line, name) : xstrdup(line);
}

/* To each tier. */
static void hand_out_news(struct recorder *recorder, const struct moment *moment)
{
	size_t n;
	int i;

	for (n = 0; n < recorder->news.num; n++) {
		char *line = name_line(recorder, moment, recorder->news.lines[n]);

		for (i = 0; i < NUM_TIERS; i++)
			event_log_take(&recorder->events[i], xstrdup(line));
		free(line);
	}
	event_log_clear(&recorder->news);
}

static void add_advice(const struct advice_entry *entry, bool is_new, void *arg)
{
	struct recorder *recorder = arg;
	char *words = xasprintf("EVENT=advice ACTION=%s %s%llu RULE=%s", is_new ? "add" : "remove",
				entry->guest_id ? "L2=l2-" : "GUESTS=",
				(unsigned long long)(entry->guest_id ? entry->guest_id :
						     entry->num_guests), entry->rule);

	add_event(recorder->taken_ns, words, recorder);
	free(words);
}

/* Once a minute, with what happened since the record of a minute ago. */
static void look_for_advice(struct recorder *recorder, const struct moment *moment)
{
	const struct moment *before = &recorder->writer.tiers[TIER_MINUTE].before;

	if (!recorder_is_due(recorder, TIER_MINUTE) ||
	    before->snapshot.loaded_ns != moment->snapshot.loaded_ns)
		return;
	recorder->taken_ns = moment->snapshot.taken_ns;
	advice_log_look(&recorder->advice, &recorder->options->env, &moment->host,
			&before->snapshot, &moment->snapshot, add_advice, recorder);
}

/* Once a minute: it takes two milliseconds where a clock other than the TSC is read. */
static void look_for_move(struct recorder *recorder, const struct moment *moment)
{
	char *changes, *words, *text;

	if (!moment->host.virtualized || !recorder_is_due(recorder, TIER_MINUTE))
		return;
	changes = move_log_look(&recorder->move, &recorder->options->env);
	if (!changes)
		return;
	words = move_log_words(changes);
	add_event(moment->snapshot.taken_ns, words, recorder);
	text = xasprintf("L0 may have moved this machine: %s", changes);
	recorder_warn(text);
	free(text);
	free(words);
	free(changes);
}

int recorder_take(struct recorder *recorder, struct moment *moment)
{
	int status = take(recorder, moment);

	if (status != STATUS_OK)
		return status;
	look_for_advice(recorder, moment);
	look_for_move(recorder, moment);
	hand_out_news(recorder, moment);
	return STATUS_OK;
}
