// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/terminal.h"
#include "base/util.h"
#include "base/wait.h"
#include "cmd/command.h"
#include "explain/advise.h"
#include "explain/cause.h"
#include "model/json.h"

/* What a guest's VMM had been counted for when the interval began. */
struct beginning {
	uint64_t id;
	struct kvm_counts counts;
};

static bool is_alike(const struct looked *a, const struct looked *b)
{
	return a->verdict == b->verdict && a->seen && b->seen &&
	       !strcmp(a->seen, b->seen) &&
	       (a->verdict != VERDICT_OPEN || !strcmp(a->how, b->how));
}

/* Causes with the same verdict and text share a line, printed for the first of them. */
static char *list_causes(const struct advice *advice, size_t first)
{
	char *list = xstrdup(advice->looked[first].cause);
	size_t i;

	for (i = first + 1; i < advice->num_looked; i++)
		if (is_alike(&advice->looked[first], &advice->looked[i]))
			append(&list, ", %s", advice->looked[i].cause);
	return list;
}

static bool is_named(const struct advice *advice, size_t i)
{
	size_t j;

	for (j = 0; j < i; j++)
		if (is_alike(&advice->looked[j], &advice->looked[i]))
			return true;
	return false;
}

#define TEXT_COLUMN	14

static void print_line(const char *label, const char *text)
{
	printf("  %-*s", TEXT_COLUMN - 2, label);
	terminal_wrap(text, TEXT_COLUMN, terminal_columns());
}

/* What was looked at that had one result, and of open causes how to find out. */
static void print_looked(const struct advice *advice, enum verdict verdict,
			 const char *label)
{
	size_t i;

	for (i = 0; i < advice->num_looked; i++) {
		const struct looked *looked = &advice->looked[i];
		char *text;

		if (looked->verdict != verdict || is_named(advice, i))
			continue;
		text = list_causes(advice, i);
		if (looked->seen)
			append(&text, ": %s", looked->seen);
		if (verdict == VERDICT_OPEN)
			append(&text, " (not ruled out; to find out: %s)", looked->how);
		print_line(label, text);
		free(text);
	}
}

static void print_advice(const struct advice *advice)
{
	char *gain = gain_text(&advice->gain);

	if (advice->guest_id)
		terminal_print("%llu ", (unsigned long long)advice->guest_id);
	terminal_print("%s: %s (%s)\n", advice->guest_name, advice->title,
		       advice->name);
	print_line("evidence", advice->evidence);
	print_looked(advice, VERDICT_SHOWN, "shown");
	print_looked(advice, VERDICT_OPEN, "open");
	print_looked(advice, VERDICT_RULED_OUT, "ruled out");
	print_line("owner", advice->owner);
	print_line("change", advice->change);
	print_line("gain", gain);
	print_line("risk", advice->risk);
	print_line("confidence", advice->confidence);
	putchar('\n');
	free(gain);
}

static void print(const struct advice *list, size_t num, size_t num_guests)
{
	size_t i;

	for (i = 0; i < num; i++)
		print_advice(&list[i]);
	if (!num_guests)
		printf("no guests: nothing to look at\n");
	else if (!num)
		printf("nothing worth changing: in the data of %zu guest%s, no symptom reaches its threshold\n",
		       num_guests, plural(num_guests));
}

/* What was not sampled, and why. */
static void print_unseen(const struct sample *sample)
{
	if (!sample)
		return;
	if (sample->why_not)
		printf("which ports, addresses and MSRs those are was not seen: %s\n",
		       sample->why_not);
	else if (sample->is_cut)
		printf("guests accessed more ports, addresses and MSRs than were counted: the list may be incomplete\n");
}

static void print_unread(const struct findings *findings)
{
	size_t i;

	for (i = 0; i < findings->num_unread; i++) {
		const struct unread *unread = &findings->unread[i];

		printf("unknown for %zu guest%s: KVM's %s: %s\n",
		       unread->num_guests, plural(unread->num_guests),
		       unread->names, kvm_count_why_not(unread->err));
	}
}

static json_t *gain_to_json(const struct gain *gain)
{
	static const char *const kinds[] = {
		[GAIN_UNKNOWN] = "unknown", [GAIN_RANGE] = "range",
		[GAIN_AT_LEAST] = "at_least", [GAIN_AT_MOST] = "at_most",
	};
	bool is_known = gain->kind != GAIN_UNKNOWN;
	json_t *json = json_object();

	json_set(json, "kind", json_text(kinds[gain->kind]));
	json_set(json, "low_cpus", is_known ? json_real(gain->low) : json_null());
	json_set(json, "high_cpus", is_known ? json_real(gain->high) : json_null());
	json_set(json, "lacks_transit", json_boolean(gain->lacks_transit));
	return json;
}

static json_t *accesses_to_json(const struct advice *advice)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < advice->num_accesses; i++) {
		const struct access_group *group = &advice->accesses[i];
		json_t *one = json_object();

		json_set(one, "kind", json_text(access_kind_name(group->kind)));
		json_set(one, "first", json_number(group->first));
		json_set(one, "last", json_number(group->last));
		json_set(one, "name", group->known ? json_text(group->known->name) : json_null());
		json_set(one, "reads_per_sec", json_real(group->reads));
		json_set(one, "writes_per_sec", json_real(group->writes));
		json_array_append_new(array, one);
	}
	return array;
}

/* null if nothing had to be looked at. */
static json_t *sample_to_json(const struct sample *sample)
{
	json_t *json;

	if (!sample)
		return json_null();
	json = json_object();
	json_set(json, "interval_ns", json_number_or_null(!sample->why_not, sample->time_ns));
	json_set(json, "complete", json_boolean(!sample->why_not && !sample->is_cut));
	json_set(json, "why_not", sample->why_not ? json_text(sample->why_not) : json_null());
	return json;
}

static json_t *looked_to_json(const struct advice *advice)
{
	static const char *const verdicts[] = {
		[VERDICT_OPEN] = "not_ruled_out", [VERDICT_SHOWN] = "shown",
		[VERDICT_RULED_OUT] = "ruled_out",
	};
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < advice->num_looked; i++) {
		const struct looked *looked = &advice->looked[i];
		json_t *one = json_object();

		json_set(one, "cause", json_text(looked->cause));
		json_set(one, "verdict", json_text(verdicts[looked->verdict]));
		json_set(one, "seen", looked->seen ? json_text(looked->seen) : json_null());
		json_set(one, "how_to_find_out", json_text(looked->how));
		json_array_append_new(array, one);
	}
	return array;
}

static json_t *unread_to_json(const struct findings *findings)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < findings->num_unread; i++) {
		const struct unread *unread = &findings->unread[i];
		json_t *one = json_object();

		json_set(one, "counts", json_text(unread->names));
		json_set(one, "why_not", json_text(kvm_count_why_not(unread->err)));
		json_set(one, "guests", json_number(unread->num_guests));
		json_array_append_new(array, one);
	}
	return array;
}

static json_t *advice_to_json(const struct advice *advice)
{
	json_t *one = json_object();

	json_set(one, "rule", json_text(advice->name));
	json_set(one, "symptom", json_text(advice->symptom));
	json_set(one, "title", json_text(advice->title));
	json_set(one, "id", json_number_or_null(advice->num_guests == 1, advice->guest_id));
	json_set(one, "name", json_text(advice->guest_name));
	json_set(one, "guests", json_number(advice->num_guests));
	json_set(one, "evidence", json_text(advice->evidence));
	json_set(one, "causes", looked_to_json(advice));
	json_set(one, "owner", json_text(advice->owner));
	json_set(one, "change", json_text(advice->change));
	json_set(one, "gain", gain_to_json(&advice->gain));
	json_set(one, "risk", json_text(advice->risk));
	json_set(one, "confidence", json_text(advice->confidence));
	json_set(one, "accesses", accesses_to_json(advice));
	return one;
}

static int print_json(const struct observation *seen,
		      const struct findings *findings)
{
	const struct snapshot *snapshot = seen->snapshot;
	json_t *json = json_document(seen->host, &snapshot->time, snapshot->interval_ns);
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < findings->num; i++)
		json_array_append_new(array, advice_to_json(&findings->list[i]));
	json_set(json, "sample", sample_to_json(seen->sample));
	json_set(json, "unknown", unread_to_json(findings));
	json_set(json, "advice", array);
	return json_write(json);
}

static int report(const struct options *options, const struct observation *seen)
{
	struct findings findings;
	int status = STATUS_OK;

	advise(&options->env, seen, &findings);
	if (options->json) {
		status = print_json(seen, &findings);
	} else {
		print(findings.list, findings.num, findings.num_guests);
		print_unseen(seen->sample);
		print_unread(&findings);
	}
	findings_free(&findings);
	return status;
}

static int take(const struct options *options, const struct selection *guests,
		struct host *host, struct snapshot *snapshot)
{
	/* Guests share CPUs with others that are not asked about. */
	static const struct selection everyone;
	const struct snapshot_request request = {
		.selection = &everyone, .all = guests->num, .may_match_none = true,
		/* The threads of its vCPUs tell a guest from others of the same process. */
		.beside = true, .vcpus = !options->env.past,
		.l3 = !options->env.past,
	};
	int status = snapshot_read(&options->env, &request, host, snapshot);

	return status == STATUS_OK ? snapshot_check_selection(guests, snapshot) : status;
}

static struct beginning *begin(const struct options *options,
			       const struct selection *guests,
			       const struct snapshot *snapshot)
{
	struct beginning *v = xcalloc(snapshot->num_guests, sizeof(*v));
	size_t i;

	for (i = 0; i < snapshot->num_guests; i++) {
		if (!selection_matches(guests, &snapshot->guests[i].guest))
			continue;
		v[i].id = snapshot->guests[i].guest.id;
		kvm_counts_read(&options->env, &snapshot->guests[i], &v[i].counts);
	}
	return v;
}

/*
 * A guest that came since has been counted from nothing; but KVM has counted one that is
 * older than the module for longer than the module has.
 */
static void subtract_beginning(struct kvm_counts *counts, const struct guest *guest,
			       const struct beginning *beginnings, size_t num)
{
	struct kvm_counts start;
	const struct kvm_counts *before = &start;
	size_t i;

	if (guest->adopted)
		kvm_counts_unknown(&start, -ESTALE);
	else
		kvm_counts_start(&start);
	for (i = 0; i < num; i++)
		if (beginnings[i].id == guest->id)
			before = &beginnings[i].counts;
	kvm_counts_subtract(counts, before);
}

/* What KVM has counted of each guest since its beginning, or its start. */
static struct kvm_counts *read_counts(const struct options *options,
				      const struct selection *guests,
				      const struct snapshot *snapshot,
				      const struct beginning *beginnings,
				      size_t num)
{
	struct kvm_counts *v = xcalloc(snapshot->num_guests, sizeof(*v));
	size_t i;

	for (i = 0; i < snapshot->num_guests; i++) {
		const struct guest_snapshot *guest = &snapshot->guests[i];

		if (!selection_matches(guests, &guest->guest))
			continue;
		kvm_counts_read(&options->env, guest, &v[i]);
		subtract_beginning(&v[i], &guest->guest, beginnings, num);
	}
	return v;
}

/* From the beginning of an interval until now. */
struct look {
	struct snapshot before, diff;
	struct beginning *beginnings;
	struct activity activity_before, activity;
	struct host host;
	struct kvm_counts *counts;
	struct sample sample;
};

static void forget_now(struct look *look)
{
	free(look->counts);
	look->counts = NULL;
	activity_free(&look->activity);
	snapshot_free(&look->diff);
	look->diff = (struct snapshot){ };
	host_free(&look->host);
	look->host = (struct host){ };
}

static int look_now(const struct options *options,
		    const struct selection *guests, struct look *look)
{
	struct snapshot now = { };
	int status;

	forget_now(look);
	status = take(options, guests, &look->host, &now);
	if (status == STATUS_OK) {
		snapshot_subtract(&look->before, &now, &look->diff);
		look->counts = read_counts(options, guests, &look->diff,
					   look->beginnings, look->before.num_guests);
		activity_read(&options->env, &look->activity);
		activity_subtract(&look->activity, &look->activity_before);
	}
	snapshot_free(&now);
	return status;
}

/*
 * The last quarter is for a sample of what guests access, if the others have
 * shown that it matters, and else is like them: so what exits take is of a
 * time in which no sample made them more expensive.
 */
static int look_until(const struct options *options,
		      const struct selection *guests, struct look *look,
		      uint64_t end)
{
	struct observation seen = {
		.host = &look->host, .snapshot = &look->diff, .guests = guests,
		.activity = &look->activity,
	};
	enum wait_result waited = wait_until(end - options->interval_ns / 4, -1);
	int status = look_now(options, guests, look);

	/* On a signal it reports what it has seen so far. */
	if (status == STATUS_OK && waited != WAIT_END) {
		if (advise_wants_sample(&options->env, &seen)) {
			seen.sample = &look->sample;
			if (sample_start(&look->sample, &options->env, false)) {
				sample_wait(&look->sample, end);
				sample_stop(&look->sample);
			}
		} else {
			wait_until(end, -1);
			status = look_now(options, guests, look);
		}
	}
	seen.counts = look->counts;
	return status == STATUS_OK ? report(options, &seen) : status;
}

static int look_on(const struct options *options, const struct selection *guests)
{
	uint64_t end = monotonic_ns() + options->interval_ns;
	struct look look = { };
	int status;

	wait_catch_signals();
	status = take(options, guests, &look.host, &look.before);
	if (status == STATUS_OK) {
		look.beginnings = begin(options, guests, &look.before);
		activity_read(&options->env, &look.activity_before);
		status = look_until(options, guests, &look, end);
	}
	forget_now(&look);
	free(look.beginnings);
	activity_free(&look.activity_before);
	snapshot_free(&look.before);
	sample_free(&look.sample);
	return status;
}

static int look_back(const struct options *options,
		     const struct selection *guests)
{
	struct snapshot snapshot = { };
	struct kvm_counts *counts = NULL;
	struct host host;
	int status = take(options, guests, &host, &snapshot);

	if (status == STATUS_OK) {
		counts = read_counts(options, guests, &snapshot, NULL, 0);
		status = report(options, &(struct observation){
			.host = &host, .snapshot = &snapshot, .guests = guests,
			.counts = counts,
		});
	}
	free(counts);
	host_free(&host);
	snapshot_free(&snapshot);
	return status;
}

static int run(struct options *options)
{
	struct selection guests;
	int status = selection_parse(options->words, options->num_words, &guests,
				     options->error);

	if (status == STATUS_OK)
		status = env_open(&options->env);
	if (status == STATUS_OK) {
		status = options->since_start ? look_back(options, &guests) :
						look_on(options, &guests);
		env_close(&options->env);
	}
	selection_free(&guests);
	return status;
}

/* A name of a symptom is that of advice on how to find its cause. */
static bool names(size_t i, struct named *named)
{
	size_t n;

	for (n = 0; n < num_symptoms; n++) {
		const struct symptom *symptom = symptoms[n];

		if (i < symptom->num_causes) {
			*named = (struct named){ .name = symptom->causes[i].name,
						 .help = symptom->causes[i].title };
			return true;
		}
		i -= symptom->num_causes;
		if (!i--) {
			*named = (struct named){ .name = symptom->name,
						 .help = symptom->title };
			return true;
		}
	}
	return false;
}

static const struct option_spec own_options[] = {
	OPTION(SECONDS, 'i', "interval", "SEC", interval_ns, "how long to observe; 10 by default"),
	OPTION(FLAG, 0, "since-start", NULL, since_start,
	       "judge what happened since each guest's start instead", .excludes = "interval"),
	{ }
};

const struct command cmd_advise = {
	.name = "advise",
	.synopsis = "[OPTION]... [GUEST]...",
	.summary = "suggest what is worth changing, and the expected gain",
	.about = "Observes guests for 10 seconds and reports what is worth changing, largest gain\n"
		 "first: why, who can change it, how, the expected gain, the risk and the\n"
		 "confidence. Nothing is changed.",
	.run = run,
	.replays = REPLAYS_MACHINE,
	.options = own_options,
	.shared_options = OPTIONS_STATE | OPTIONS_JSON,
	.interval_ns = 10 * NSEC_PER_SEC,
	.words = WORDS_GUESTS,
	.most_words = ANY_NUMBER,
	.names_title = "Causes",
	.names = names,
};
