// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/file.h"
#include "base/util.h"
#include "model/l3.h"

#define MAX_FILE	(1u << 20)

/* Lines are padded with blanks. */
static void trim(char *line)
{
	size_t len = strlen(line);

	while (len && line[len - 1] == ' ')
		line[--len] = '\0';
}

static int parse_number(const char *text, uint64_t *number)
{
	return parse_u64(text, number) ? -EBADMSG : 0;
}

static int parse_word(const char *text, char *word, size_t size)
{
	return *text && strlen(text) < size ? (strcpy(word, text), 0) : -EBADMSG;
}

static int parse_offer(const char *text, enum l3_offer *offer)
{
	static const char *const names[] = {
		[L3_OFFER_UNKNOWN] = "unknown", [L3_OFFER_NO] = "no", [L3_OFFER_YES] = "yes",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(names[i], text))
			continue;
		*offer = i;
		return 0;
	}
	return -EBADMSG;
}

static int parse_in_l3(const char *text, struct l3_vcpu *l3)
{
	l3->is_in_l3 = strcmp(text, "none") != 0;
	l3->has_in_l3_ns = l3->is_in_l3 && strcmp(text, "unknown") != 0;
	return l3->has_in_l3_ns ? parse_number(text, &l3->in_l3_ns) : 0;
}

static int parse_failed_count(const char *text, struct l3_counts *counts)
{
	counts->is_failed_known = strcmp(text, "unknown") != 0;
	return counts->is_failed_known ? parse_number(text, &counts->failed) : 0;
}

/* "REASON COUNT REFLECTED TRIPS TRIP_NS TRIP_EXITS" */
static int parse_exits(const char *text, struct l3_counts *counts)
{
	struct l3_exits exits = { };

	if (sscanf(text, "%47s %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
		   exits.reason, &exits.count, &exits.reflected, &exits.trips, &exits.trip_ns,
		   &exits.trip_exits) != 6)
		return -EBADMSG;
	*GROW(counts->exits, counts->num_exits) = exits;
	return 0;
}

/* Lines of a later module are passed over. */
static int parse_line(struct l3_vcpu *l3, const char *name, const char *rest)
{
	if (!strcmp(name, "offered"))
		return parse_offer(rest, &l3->offer);
	if (!strcmp(name, "state"))
		return parse_word(rest, l3->state, sizeof(l3->state));
	if (!strcmp(name, "in_l3_ns"))
		return parse_in_l3(rest, l3);
	if (!strcmp(name, "entries"))
		return parse_number(rest, &l3->counts.entries);
	if (!strcmp(name, "paging"))
		return parse_word(rest, l3->paging, sizeof(l3->paging));
	if (!strcmp(name, "failed"))
		return parse_failed_count(rest, &l3->counts);
	if (!strcmp(name, "unkept"))
		return parse_number(rest, &l3->counts.unkept);
	if (!strcmp(name, "exits"))
		return parse_exits(rest, &l3->counts);
	return 0;
}

int l3_parse(char *text, struct l3_vcpu *l3)
{
	char *line, *name;
	int err = 0;

	while (!err && (line = strsep(&text, "\n"))) {
		trim(line);
		name = strsep(&line, " ");
		if (line)
			err = parse_line(l3, name, line);
	}
	l3->is_known = l3->state[0] && l3->paging[0];
	return err ? err : l3->is_known ? 0 : -EBADMSG;
}

/* "COUNT ERROR MESSAGE", or "COUNT - other" */
static int parse_failure(char *line, struct l3_counts *counts)
{
	const char *count = strsep(&line, " ");
	const char *error = line ? strsep(&line, " ") : NULL;
	struct l3_failure failure = { };

	if (!line || parse_u64(count, &failure.count))
		return -EBADMSG;
	if (strcmp(error, "-")) {
		if (parse_u64(error, &failure.error))
			return -EBADMSG;
		failure.message = xstrdup(line);
	}
	*GROW(counts->failures, counts->num_failures) = failure;
	return 0;
}

int l3_parse_failed(char *text, struct l3_counts *counts)
{
	char *line;
	int err = 0;

	while (!err && (line = strsep(&text, "\n"))) {
		trim(line);
		if (*line)
			err = parse_failure(line, counts);
	}
	counts->are_failures_known = !err;
	return err;
}

/* "NUMBER COUNT" for each, or "unknown" */
int l3_parse_vmfail(char *text, struct l3_counts *counts)
{
	uint64_t number, count;
	char *line, *word;

	while ((line = strsep(&text, "\n"))) {
		trim(line);
		if (!*line || !strcmp(line, "unknown"))
			continue;
		word = strsep(&line, " ");
		if (!line || parse_u64(word, &number) || parse_u64(line, &count))
			return -EBADMSG;
		if (number < VMX_ERRORS)
			counts->vmx_errors[number] = count;
		counts->are_vmx_errors_known = true;
	}
	return 0;
}

/* Without the file, but not without the vCPU, the module is older: an error of 0. */
static char *read_file(int dirfd, uint64_t vcpu, const char *name, char file[64], int *err)
{
	char stats[64], *text;
	size_t len;

	snprintf(file, 64, "vcpu%" PRIu64 "/%s", vcpu, name);
	text = file_read(dirfd, file, MAX_FILE, &len);
	*err = text ? 0 : -errno;
	snprintf(stats, sizeof(stats), "vcpu%" PRIu64 "/stats", vcpu);
	if (*err == -ENOENT && !faccessat(dirfd, stats, F_OK, 0))
		*err = 0;
	return text;
}

int l3_read(int dirfd, uint64_t vcpu, struct l3_vcpu *l3, char file[64])
{
	char *text;
	int err;

	text = read_file(dirfd, vcpu, "nested", file, &err);
	if (text)
		err = l3_parse(text, l3);
	free(text);
	if (err || !l3->is_known)
		return err;
	text = read_file(dirfd, vcpu, "nested_failed", file, &err);
	if (text)
		err = l3_parse_failed(text, &l3->counts);
	free(text);
	if (err)
		return err;
	text = read_file(dirfd, vcpu, "nested_vmfail", file, &err);
	if (text)
		err = l3_parse_vmfail(text, &l3->counts);
	free(text);
	return err;
}

void l3_counts_free(struct l3_counts *counts)
{
	size_t i;

	for (i = 0; i < counts->num_failures; i++)
		free(counts->failures[i].message);
	free(counts->failures);
	free(counts->exits);
	*counts = (struct l3_counts){ };
}

void l3_free(struct l3_vcpu *l3)
{
	l3_counts_free(&l3->counts);
	*l3 = (struct l3_vcpu){ };
}

static struct l3_exits *find_exits(const struct l3_counts *counts, const char *reason)
{
	size_t i;

	for (i = 0; i < counts->num_exits; i++)
		if (!strcmp(counts->exits[i].reason, reason))
			return &counts->exits[i];
	return NULL;
}

static bool is_same_kind(const struct l3_failure *a, const struct l3_failure *b)
{
	if (!a->message || !b->message)
		return !a->message && !b->message;
	return a->error == b->error && !strcmp(a->message, b->message);
}

static struct l3_failure *find_failure(const struct l3_counts *counts,
				       const struct l3_failure *failure)
{
	size_t i;

	for (i = 0; i < counts->num_failures; i++)
		if (is_same_kind(&counts->failures[i], failure))
			return &counts->failures[i];
	return NULL;
}

static void subtract_exits(const struct l3_counts *before, const struct l3_exits *after,
			   struct l3_counts *diff)
{
	const struct l3_exits *old = find_exits(before, after->reason);
	static const struct l3_exits none;
	struct l3_exits *exits = GROW(diff->exits, diff->num_exits);

	if (!old)
		old = &none;
	*exits = (struct l3_exits) {
		.count = sub_clamped(after->count, old->count),
		.reflected = sub_clamped(after->reflected, old->reflected),
		.trips = sub_clamped(after->trips, old->trips),
		.trip_ns = sub_clamped(after->trip_ns, old->trip_ns),
		.trip_exits = sub_clamped(after->trip_exits, old->trip_exits),
	};
	strcpy(exits->reason, after->reason);
	/* A trip of an exit before the interval may have ended in it. */
	if (!exits->count && !exits->trips)
		diff->num_exits--;
}

static void subtract_failure(const struct l3_counts *before, const struct l3_failure *after,
			     struct l3_counts *diff)
{
	const struct l3_failure *old = find_failure(before, after);
	uint64_t count = sub_clamped(after->count, old ? old->count : 0);

	if (count)
		*GROW(diff->failures, diff->num_failures) = (struct l3_failure) {
			.message = after->message ? xstrdup(after->message) : NULL,
			.error = after->error, .count = count,
		};
}

void l3_subtract(const struct l3_vcpu *before, const struct l3_vcpu *after,
		 struct l3_vcpu *diff)
{
	const struct l3_counts *old = &before->counts, *new = &after->counts;
	struct l3_counts *counts = &diff->counts;
	size_t i;

	*diff = *after;
	*counts = (struct l3_counts) {
		.entries = sub_clamped(new->entries, old->entries),
		.is_failed_known = new->is_failed_known,
		.failed = sub_clamped(new->failed, old->failed),
		.unkept = sub_clamped(new->unkept, old->unkept),
		.are_failures_known = new->are_failures_known,
		.are_vmx_errors_known = new->are_vmx_errors_known,
	};
	for (i = 0; i < VMX_ERRORS; i++)
		counts->vmx_errors[i] = sub_clamped(new->vmx_errors[i], old->vmx_errors[i]);
	for (i = 0; i < new->num_exits; i++)
		subtract_exits(old, &new->exits[i], counts);
	for (i = 0; i < new->num_failures; i++)
		subtract_failure(old, &new->failures[i], counts);
}

static void add_exits(struct l3_exits *sum, const struct l3_exits *exits)
{
	sum->count = add_saturated(sum->count, exits->count);
	sum->reflected = add_saturated(sum->reflected, exits->reflected);
	sum->trips = add_saturated(sum->trips, exits->trips);
	sum->trip_ns = add_saturated(sum->trip_ns, exits->trip_ns);
	sum->trip_exits = add_saturated(sum->trip_exits, exits->trip_exits);
}

static void add_failure(struct l3_counts *sum, const struct l3_failure *failure)
{
	struct l3_failure *found = find_failure(sum, failure);

	if (!found) {
		found = GROW(sum->failures, sum->num_failures);
		*found = (struct l3_failure) {
			.message = failure->message ? xstrdup(failure->message) : NULL,
			.error = failure->error,
		};
	}
	found->count = add_saturated(found->count, failure->count);
}

void l3_counts_add(struct l3_counts *sum, const struct l3_counts *counts)
{
	size_t i;

	sum->entries = add_saturated(sum->entries, counts->entries);
	sum->is_failed_known &= counts->is_failed_known;
	sum->failed = add_saturated(sum->failed, counts->failed);
	sum->unkept = add_saturated(sum->unkept, counts->unkept);
	for (i = 0; i < counts->num_exits; i++) {
		struct l3_exits *found = find_exits(sum, counts->exits[i].reason);

		if (!found) {
			found = GROW(sum->exits, sum->num_exits);
			*found = (struct l3_exits){ };
			strcpy(found->reason, counts->exits[i].reason);
		}
		add_exits(found, &counts->exits[i]);
	}
	sum->are_vmx_errors_known &= counts->are_vmx_errors_known;
	for (i = 0; i < VMX_ERRORS; i++)
		sum->vmx_errors[i] = add_saturated(sum->vmx_errors[i], counts->vmx_errors[i]);
	sum->are_failures_known &= counts->are_failures_known;
	for (i = 0; i < counts->num_failures; i++)
		add_failure(sum, &counts->failures[i]);
}

bool l3_is_user(const struct l3_vcpu *l3)
{
	return l3->is_known && (l3->offer == L3_OFFER_YES || strcmp(l3->state, "off") ||
				l3->counts.entries || l3->counts.failed);
}

void l3_counts_total(const struct l3_counts *counts, struct l3_exits *total)
{
	size_t i;

	*total = (struct l3_exits){ };
	for (i = 0; i < counts->num_exits; i++)
		add_exits(total, &counts->exits[i]);
	total->reflected = add_saturated(total->reflected, counts->unkept);
}

uint64_t l3_handled(const struct l3_exits *exits)
{
	return sub_clamped(exits->count, exits->reflected);
}

bool l3_is_halt(const struct l3_exits *exits)
{
	return !strcasecmp(reason_kind(exits->reason), "HLT");
}

uint64_t l3_busy_ns(const struct l3_counts *counts)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < counts->num_exits; i++)
		if (!l3_is_halt(&counts->exits[i]))
			sum = add_saturated(sum, counts->exits[i].trip_ns);
	return sum;
}

static int compare_times(const void *a, const void *b)
{
	const struct l3_exits *x = *(const struct l3_exits *const *)a;
	const struct l3_exits *y = *(const struct l3_exits *const *)b;

	if (l3_is_halt(x) != l3_is_halt(y))
		return l3_is_halt(x) ? 1 : -1;
	if (x->trip_ns != y->trip_ns)
		return x->trip_ns < y->trip_ns ? 1 : -1;
	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return strcmp(x->reason, y->reason);
}

const struct l3_exits **l3_by_time(const struct l3_counts *counts)
{
	const struct l3_exits **exits = xcalloc(counts->num_exits + 1, sizeof(*exits));
	size_t i;

	for (i = 0; i < counts->num_exits; i++)
		exits[i] = &counts->exits[i];
	qsort(exits, counts->num_exits, sizeof(*exits), compare_times);
	return exits;
}
