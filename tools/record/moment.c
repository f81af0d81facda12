// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "model/cell.h"
#include "record/moment.h"

/* Far more than there are rules for names; a history from anybody may have any. */
#define SOURCES_MOST	1024

static const struct moment no_moment;
static const struct guest_snapshot no_guest;
static const struct exit_cell no_cell;

uint64_t moment_time_ns(const struct moment *moment)
{
	const struct timespec *time = &moment->snapshot.time;

	return time->tv_sec * NSEC_PER_SEC + time->tv_nsec;
}

static void code_counts(struct codec *codec, struct host_counts *counts,
			const struct host_counts *before)
{
	static const struct host_count none;
	size_t i;

	codec_bool(codec, &counts->are_withheld, before->are_withheld);
	counts->v = codec_array(codec, counts->v, &counts->num, before->num, sizeof(*counts->v));
	for (i = 0; i < counts->num; i++) {
		const struct host_count *base = i < before->num ? &before->v[i] : &none;

		codec_string(codec, &counts->v[i].name, base->name);
		codec_number(codec, &counts->v[i].value, base->value);
		codec_bool(codec, &counts->v[i].is_unknown, base->is_unknown);
	}
}

static void code_hooks(struct codec *codec, struct host *host,
		       const struct host *before)
{
	static const struct host_hook none;
	size_t i;

	host->hooks = codec_array(codec, host->hooks, &host->num_hooks, before->num_hooks,
				  sizeof(*host->hooks));
	for (i = 0; i < host->num_hooks; i++) {
		const struct host_hook *base = i < before->num_hooks ?
					       &before->hooks[i] : &none;

		codec_string(codec, &host->hooks[i].name, base->name);
		codec_string(codec, &host->hooks[i].state, base->state);
	}
}

#define CODE_CHARS(codec, to, from, member)				\
	codec_chars(codec, (to)->member, sizeof((to)->member), (from)->member)

static void code_host(struct codec *codec, struct host *host,
		      const struct host *before)
{
	codec_number(codec, &host->abi, before->abi);
	codec_number(codec, &host->loaded_ns, before->loaded_ns);
	codec_number(codec, &host->virtualized, before->virtualized);
	CODE_CHARS(codec, host, before, isa);
	CODE_CHARS(codec, host, before, hypervisor);
	CODE_CHARS(codec, host, before, steal_clock);
	CODE_CHARS(codec, host, before, module);
	CODE_CHARS(codec, host, before, kernel);
	CODE_CHARS(codec, host, before, type);
	CODE_CHARS(codec, host, before, boot_id);
	code_hooks(codec, host, before);
	code_counts(codec, &host->totals, &before->totals);
	code_counts(codec, &host->usage, &before->usage);
}

/* By how much a part is expected to have grown when its whole grew by @grown. */
static uint64_t expect(uint64_t grown, uint64_t part, uint64_t whole)
{
	uint64_t product;

	if (!whole || !part)
		return 0;
	if (!__builtin_mul_overflow(grown, part, &product))
		return product / whole;
	return (unsigned __int128)grown * part / whole;
}

static uint64_t mask_of(const bool *has, size_t num)
{
	uint64_t mask = 0;
	size_t i;

	for (i = 0; i < num; i++)
		mask |= (uint64_t)has[i] << i;
	return mask;
}

static void code_has(struct codec *codec, bool *has, const bool *before, size_t num)
{
	uint64_t mask = mask_of(has, num);
	size_t i;

	codec_number(codec, &mask, mask_of(before, num));
	for (i = 0; i < num; i++)
		has[i] = mask >> i & 1;
}

static uint64_t used_buckets(const struct exit_cell *cell)
{
	uint64_t used = 0;
	unsigned int i;

	for (i = 0; i < cell->num_buckets && i < MAX_BUCKETS; i++)
		used |= (uint64_t)!!cell->hist[i] << i;
	return used;
}

/* Most buckets are empty and stay so: only those in use are stored. */
static void code_hist(struct codec *codec, struct exit_cell *cell,
		      const struct exit_cell *before, uint64_t grown)
{
	uint64_t num = cell->num_buckets, used = used_buckets(cell);

	codec_number(codec, &num, before->num_buckets);
	codec_number(codec, &used, used_buckets(before));
	if (num > MAX_BUCKETS || (num < MAX_BUCKETS && used >> num)) {
		codec->is_bad = true;
		num = used = 0;
	}
	cell->num_buckets = num;
	for (; used; used &= used - 1) {
		int i = __builtin_ctzll(used);

		codec_number(codec, &cell->hist[i], before->hist[i] +
			     expect(grown, before->hist[i], before->value[CELL_COUNT]));
	}
}

/* Parts take the same share of the time for long, and they add up to it. */
static void code_values(struct codec *codec, struct exit_cell *cell,
			const struct exit_cell *before)
{
	const uint64_t *base = before->value;
	uint64_t grown, parts = 0;
	int i;

	codec_number(codec, &cell->value[CELL_COUNT], base[CELL_COUNT]);
	grown = cell->value[CELL_COUNT] - base[CELL_COUNT];
	code_hist(codec, cell, before, grown);
	for (i = CELL_KERNEL; i < NUM_CELL_FIELDS; i++) {
		codec_number(codec, &cell->value[i], base[i] +
			     expect(grown, base[i], base[CELL_COUNT]));
		parts += cell->value[i] - base[i];
	}
	codec_number(codec, &cell->value[CELL_TIME], base[CELL_TIME] + parts);
	codec_number(codec, &cell->value[CELL_STOLEN], base[CELL_STOLEN]);
	codec_number(codec, &cell->value[CELL_MAX], base[CELL_MAX]);
}

static bool is_same_cell(const struct exit_cell *a, const struct exit_cell *b)
{
	return !memcmp(a->has, b->has, sizeof(a->has)) &&
	       !memcmp(a->value, b->value, sizeof(a->value)) &&
	       a->num_buckets == b->num_buckets &&
	       !memcmp(a->hist, b->hist, a->num_buckets * sizeof(a->hist[0]));
}

static void code_cell(struct codec *codec, struct exit_cell *cell,
		      const struct exit_cell *before)
{
	struct exit_key key = cell->key;
	bool is_changed = !codec->is_decoding && !is_same_cell(cell, before);

	codec_bool(codec, &is_changed, false);
	if (!is_changed) {
		if (codec->is_decoding) {
			*cell = *before;
			cell->key = key;
		}
		return;
	}
	code_has(codec, cell->has, before->has, NUM_CELL_FIELDS);
	code_values(codec, cell, before);
}

/* Is it the expected one? */
static bool code_key(struct codec *codec, struct exit_key *key,
		     const struct exit_key *expected)
{
	bool is_other = !codec->is_decoding && exits_compare(key, expected);
	uint64_t level = key->level, code = key->code;

	codec_bool(codec, &is_other, false);
	if (!is_other) {
		*key = *expected;
		return true;
	}
	codec_number(codec, &level, 0);
	codec_number(codec, &code, 0);
	key->level = level;
	key->code = code;
	codec_chars(codec, key->reason, sizeof(key->reason), "");
	return false;
}

/* Cells are in the same order before and after: new ones stand between. */
static void code_cells(struct codec *codec, struct exit_stats *stats,
		       const struct exit_stats *before)
{
	size_t next = 0, i;

	stats->cells = codec_array(codec, stats->cells, &stats->num_cells, before->num_cells,
				   sizeof(*stats->cells));
	for (i = 0; i < stats->num_cells; i++) {
		const struct exit_cell *expected = next < before->num_cells ?
						   &before->cells[next] : &no_cell;
		struct exit_cell *cell = &stats->cells[i];

		if (code_key(codec, &cell->key, &expected->key)) {
			code_cell(codec, cell, expected);
			next++;
			continue;
		}
		while (next < before->num_cells &&
		       exits_compare(&before->cells[next].key, &cell->key) < 0)
			next++;
		if (next < before->num_cells &&
		    !exits_compare(&before->cells[next].key, &cell->key))
			code_cell(codec, cell, &before->cells[next++]);
		else
			code_cell(codec, cell, &no_cell);
	}
}

static uint64_t sum_of(const struct exit_stats *stats, enum cell_field field)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < stats->num_cells; i++)
		sum += stats->cells[i].value[field];
	return sum;
}

static void code_stats(struct codec *codec, struct exit_stats *stats,
		       const struct exit_stats *before)
{
	uint64_t base[NUM_FIXED_STATS];
	size_t i;

	code_cells(codec, stats, before);
	code_has(codec, stats->has, before->has, NUM_FIXED_STATS);
	memcpy(base, before->value, sizeof(base));
	base[STAT_EXITS] += sum_of(stats, CELL_COUNT) - sum_of(before, CELL_COUNT);
	base[STAT_EXIT_TIME] += sum_of(stats, CELL_TIME) - sum_of(before, CELL_TIME);
	for (i = 0; i < NUM_FIXED_STATS; i++)
		codec_number(codec, &stats->value[i], base[i]);
}

static void code_tally(struct codec *codec, struct tally *tally,
		       const struct tally *before)
{
	codec_bool(codec, &tally->is_read, before->is_read);
	if (codec->is_decoding)
		tally->is_known = tally->is_read;
	codec_number(codec, &tally->ns, before->ns);
	codec_number(codec, &tally->of, before->of);
}

static void code_beside(struct codec *codec, struct beside *beside,
			const struct beside *before)
{
	int i;

	code_tally(codec, &beside->helpers, &before->helpers);
	code_tally(codec, &beside->quota, &before->quota);
	for (i = 0; i < NUM_KVM_THREAD_KINDS; i++)
		code_tally(codec, &beside->kernel[i], &before->kernel[i]);
}

/* The model has where a name is from as one of a few constant strings. */
static const char *keep_source(char *source)
{
	static char *sources[SOURCES_MOST];
	size_t i;

	for (i = 0; i < SOURCES_MOST && sources[i]; i++) {
		if (!source || strcmp(sources[i], source))
			continue;
		free(source);
		return sources[i];
	}
	if (!source || i == SOURCES_MOST) {
		free(source);
		return NULL;
	}
	return sources[i] = source;
}

static void code_source(struct codec *codec, const char **source, const char *before)
{
	char *copy = (char *)*source;

	codec_string(codec, &copy, before);
	if (codec->is_decoding)
		*source = keep_source(copy);
}

/* What the statistics have as well is equal to it. */
static void code_total(struct codec *codec, uint64_t *value, uint64_t before,
		       const struct exit_stats *stats, enum fixed_stat stat)
{
	codec_number(codec, value, stats->has[stat] ? stats->value[stat] : before);
}

static void code_guest(struct codec *codec, struct guest_snapshot *snapshot,
		       const struct guest_snapshot *snapshot_before)
{
	const struct guest *before = &snapshot_before->guest;
	struct guest *guest = &snapshot->guest;

	codec_number(codec, &guest->pid, before->pid);
	codec_number(codec, &guest->uid, before->uid);
	codec_number(codec, &guest->adopted, before->adopted);
	codec_number(codec, &guest->vcpus, before->vcpus);
	codec_number(codec, &guest->memory_bytes, before->memory_bytes);
	codec_number(codec, &guest->memory_peak_bytes, before->memory_peak_bytes);
	CODE_CHARS(codec, guest, before, comm);
	CODE_CHARS(codec, guest, before, nested);
	codec_string(codec, &guest->name, before->name);
	if (codec->is_decoding && !guest->name)
		guest->name = xstrdup("");
	code_source(codec, &guest->name_source, before->name_source);
	codec_string(codec, &guest->instance, before->instance);
	codec_string(codec, &guest->cgroup, before->cgroup);
	codec_string(codec, &guest->vcpu_cgroup, before->vcpu_cgroup);
	code_stats(codec, &snapshot->stats, &snapshot_before->stats);
	code_total(codec, &guest->exits, before->exits, &snapshot->stats, STAT_EXITS);
	code_total(codec, &guest->exit_time_ns, before->exit_time_ns,
		   &snapshot->stats, STAT_EXIT_TIME);
	code_total(codec, &guest->guest_time_ns, before->guest_time_ns,
		   &snapshot->stats, STAT_GUEST_TIME);
	code_beside(codec, &snapshot->beside, &snapshot_before->beside);
	if (codec->is_decoding && guest->adopted)
		beside_begin_at(guest->created_ns, &snapshot->beside);
}

static void code_guests(struct codec *codec, struct snapshot *snapshot,
			const struct snapshot *before)
{
	/* Guests are read one after the other. */
	uint64_t taken_ns = snapshot->taken_ns;
	size_t i;

	snapshot->guests = codec_array(codec, snapshot->guests, &snapshot->num_guests,
				       before->num_guests, sizeof(*snapshot->guests));
	for (i = 0; i < snapshot->num_guests; i++) {
		struct guest_snapshot *guest = &snapshot->guests[i];
		const struct guest_snapshot *base = i < before->num_guests ?
						    &before->guests[i] : &no_guest;

		codec_number(codec, &guest->guest.id, base->guest.id);
		codec_number(codec, &guest->guest.created_ns, base->guest.created_ns);
		codec_number(codec, &guest->taken_ns, taken_ns);
		taken_ns = guest->taken_ns;
		base = snapshot_find(before, guest, snapshot->loaded_ns);
		code_guest(codec, guest, base ? base : &no_guest);
		if (codec->is_decoding)
			guest->interval_ns = snapshot_age_ns(snapshot, guest);
	}
}

void moment_code_events(struct codec *codec, struct moment *moment)
{
	size_t i;

	moment->events = codec_array(codec, moment->events, &moment->num_events, 0,
				     sizeof(*moment->events));
	if (!moment->num_events)
		return;
	codec_number(codec, &moment->snapshot.taken_ns, 0);
	for (i = 0; i < moment->num_events; i++) {
		codec_string(codec, &moment->events[i], NULL);
		if (!moment->events[i])
			moment->events[i] = xstrdup("");
	}
}

void moment_code(struct codec *codec, struct moment *moment,
		 const struct moment *before)
{
	struct snapshot *snapshot = &moment->snapshot;
	uint64_t time_ns = moment_time_ns(moment), expected_ns;

	before = before ? before : &no_moment;
	moment_code_events(codec, moment);
	expected_ns = moment_time_ns(before) + before->interval_ns;
	codec_number(codec, &time_ns, expected_ns);
	codec_number(codec, &moment->interval_ns, before->interval_ns);
	snapshot->time = (struct timespec) {
		.tv_sec = time_ns / NSEC_PER_SEC, .tv_nsec = time_ns % NSEC_PER_SEC,
	};
	code_host(codec, &moment->host, &before->host);
	codec_number(codec, &snapshot->loaded_ns, moment->host.loaded_ns);
	codec_number(codec, &snapshot->taken_ns, before->snapshot.taken_ns +
		     time_ns - moment_time_ns(before));
	code_guests(codec, snapshot, &before->snapshot);
	machine_files_code(codec, &moment->files, &before->files);
}

void moment_free(struct moment *moment)
{
	size_t i;

	for (i = 0; i < moment->num_events; i++)
		free(moment->events[i]);
	free(moment->events);
	if (!moment->shared || !--*moment->shared) {
		host_free(&moment->host);
		snapshot_free(&moment->snapshot);
		machine_files_free(&moment->files);
		free(moment->shared);
	}
	*moment = (struct moment){ };
}

void moment_share(struct moment *other, struct moment *moment)
{
	if (!moment->shared) {
		moment->shared = xmallocarray(1, sizeof(*moment->shared));
		*moment->shared = 1;
	}
	++*moment->shared;
	*other = *moment;
	other->events = NULL;
	other->num_events = 0;
}

/* The cast is safe: a writing codec does not change the moment. */
void moment_copy(struct moment *copy, const struct moment *moment)
{
	struct codec writer = codec_writer(), reader;

	*copy = (struct moment){ };
	moment_code(&writer, (struct moment *)moment, NULL);
	reader = codec_reader(writer.buf, writer.len);
	moment_code(&reader, copy, NULL);
	codec_free(&writer);
}
