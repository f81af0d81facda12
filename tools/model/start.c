// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "model/guest-label.h"
#include "model/start.h"

#define MAX_FILE	(1u << 20)

const char *const start_phase_names[NUM_START_PHASES] = {
	[START_SETUP] = "setup",
	[START_ENTRY] = "entry",
	[START_FIRMWARE] = "firmware",
	[START_BOOT] = "boot",
};

static const struct {
	const char *name;
	size_t member;
} after[] = {
	{ "memory_ns", offsetof(struct start, memory_ns) },
	{ "vcpu_ns", offsetof(struct start, vcpu_ns) },
	{ "halt_ns", offsetof(struct start, halt_ns) },
	{ "idle_ns", offsetof(struct start, idle_ns) },
};

static struct start_phase *find_phase(struct start *start, const char *name)
{
	size_t i;

	for (i = 0; i < NUM_START_PHASES; i++)
		if (!strcmp(start_phase_names[i], name))
			return &start->phases[i];
	return NULL;
}

/* "NAME NS [GUEST_NS]"; the phase, or NULL for one of a later module. */
static struct start_phase *parse_phase(struct start *start, const char *rest)
{
	struct start_phase *phase;
	char name[16];
	int len = 0, num;

	if (sscanf(rest, "%15s %n", name, &len) != 1)
		return NULL;
	phase = find_phase(start, name);
	if (!phase)
		return NULL;
	num = sscanf(rest + len, "%" SCNu64 " %" SCNu64, &phase->ns, &phase->guest_ns);
	phase->is_known = num >= 1;
	phase->has_guest = num == 2;
	return phase;
}

/* "LEVEL CODE NAME COUNT kernel_ns=N…" */
static void parse_reason(struct start_phase *phase, char *rest)
{
	struct start_reason reason = { };
	char *word;
	int len = 0;
	size_t i;

	if (sscanf(rest, "%" SCNu32 " %" SCNu32 " %47s %" SCNu64 " %n", &reason.key.level,
		   &reason.key.code, reason.key.reason, &reason.count, &len) != 4)
		return;
	rest += len;
	while ((word = strsep(&rest, " "))) {
		char *value = strchr(word, '=');

		if (!value)
			continue;
		*value = '\0';
		for (i = 0; i < NUM_PARTS; i++)
			if (!strcmp(word, time_part_keys[i]))
				reason.parts_ns[i] = strtoull(value + 1, NULL, 10);
	}
	if (reason.count || start_reason_ns(&reason))
		*GROW(phase->reasons, phase->num_reasons) = reason;
}

static void parse_after(struct start *start, const char *name, const char *rest)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(after); i++)
		if (!strcmp(after[i].name, name))
			*(uint64_t *)((char *)start + after[i].member) = strtoull(rest, NULL, 10);
}

/* Lines are filled up with blanks. */
static size_t len_without_blanks(const char *s)
{
	size_t len = strlen(s);

	while (len && s[len - 1] == ' ')
		len--;
	return len;
}

int start_parse(char *text, struct start *start)
{
	struct start_phase *phase = NULL;
	char *line, *name, *rest, state[16] = "";

	while ((line = strsep(&text, "\n"))) {
		rest = line;
		name = strsep(&rest, " ");
		if (!rest)
			continue;
		if (!strcmp(name, "state"))
			sscanf(rest, "%15s", start->state);
		else if (!strcmp(name, "until"))
			snprintf(start->until, sizeof(start->until), "%.*s",
				 (int)len_without_blanks(rest), rest);
		else if (!strcmp(name, "phase"))
			phase = parse_phase(start, rest);
		else if (!strcmp(name, "reason") && phase)
			parse_reason(phase, rest);
		else if (!strcmp(name, "end"))
			sscanf(rest, "%15s", state);
		else
			parse_after(start, name, rest);
	}
	/* It is read in pieces: the first and the last are of one state. */
	return start->state[0] && !strcmp(start->state, state) ? 0 : -EBADMSG;
}

int start_parse_last(char *line, struct start *start)
{
	char *word, *value, name[32];
	size_t i;

	*start = (struct start){ .is_gone = true };
	while ((word = strsep(&line, " "))) {
		value = strchr(word, '=');
		if (!value)
			continue;
		*value++ = '\0';
		if (!strcmp(word, "id"))
			start->guest.id = strtoull(value, NULL, 10);
		else if (!strcmp(word, "pid"))
			start->guest.pid = strtoull(value, NULL, 10);
		else if (!strcmp(word, "uid"))
			start->guest.uid = strtoull(value, NULL, 10);
		else if (!strcmp(word, "state"))
			snprintf(start->state, sizeof(start->state), "%s", value);
		else if (!strcmp(word, "comm") && !start->guest.name)
			start->guest.name = xstrdup(value);
		for (i = 0; i < NUM_START_PHASES; i++) {
			snprintf(name, sizeof(name), "%s_ns", start_phase_names[i]);
			if (strcmp(word, name))
				continue;
			start->phases[i].is_known = true;
			start->phases[i].ns = strtoull(value, NULL, 10);
		}
	}
	if (start->guest.id && start->state[0] && start->guest.name) {
		start->guest.label = xstrdup(start->guest.name);
		return 0;
	}
	free(start->guest.name);
	return -EBADMSG;
}

static void free_phases(struct start *start)
{
	size_t i;

	for (i = 0; i < NUM_START_PHASES; i++)
		free(start->phases[i].reasons);
	memset(start->phases, 0, sizeof(start->phases));
}

/* It changes when a phase ends, which it does few times. */
static int read_file(int fd, struct start *start)
{
	int err = -EBADMSG, tries;
	size_t len;
	char *text;

	for (tries = 0; err == -EBADMSG && tries < 2 + NUM_START_PHASES; tries++) {
		free_phases(start);
		text = file_read(fd, "start", MAX_FILE, &len);
		if (!text)
			return -errno;
		err = start_parse(text, start);
		free(text);
	}
	return err;
}

static int read_guest(const struct env *env, uint64_t id, struct start_list *list)
{
	struct start start = { };
	const char *file;
	char path[64];
	int fd = guest_open(env, id), err;

	if (fd < 0)
		return sysfs_is_gone(fd) ? 0 : env_complain(env, "guests", fd);
	err = guest_read(env, fd, id, &start.guest, &file);
	if (!err) {
		file = "start";
		err = read_file(fd, &start);
	}
	close(fd);
	/* VMs without a vCPU are not started: VMMs create them to probe KVM. */
	if (!err && start.guest.vcpus) {
		*GROW(list->v, list->num) = start;
		return 0;
	}
	free_phases(&start);
	guest_free(&start.guest);
	if (!err || sysfs_is_gone(err))
		return 0;
	snprintf(path, sizeof(path), "l2-%" PRIu64 "/%s", id, file);
	return env_complain(env, path, err);
}

static int read_guests(const struct env *env, struct start_list *list)
{
	uint64_t *ids;
	size_t num, i;
	int status = guest_list(env, &ids, &num);

	if (status)
		return env_complain(env, "", status);
	for (i = 0; i < num && !status; i++)
		status = read_guest(env, ids[i], list);
	free(ids);
	return status;
}

static int read_gone(const struct env *env, struct start_list *list)
{
	size_t len;
	char *text = file_read(env->class_fd, "l1/start/last", MAX_FILE, &len), *rest = text, *line;
	struct start start;

	if (!text)
		return env_complain(env, "l1/start/last", -errno);
	while ((line = strsep(&rest, "\n")))
		if (*line && !start_parse_last(line, &start))
			*GROW(list->v, list->num) = start;
	free(text);
	return STATUS_OK;
}

static int compare_ids(const void *a, const void *b)
{
	const struct start *left = a, *right = b;

	return (left->guest.id > right->guest.id) - (left->guest.id < right->guest.id);
}

static void set_labels(struct start_list *list)
{
	struct guest **guests = xcalloc(list->num + 1, sizeof(*guests));
	size_t i, num = 0;

	for (i = 0; i < list->num; i++)
		if (!list->v[i].is_gone)
			guests[num++] = &list->v[i].guest;
	guest_set_labels(guests, num);
	free(guests);
}

int start_read(const struct env *env, struct start_list *list)
{
	int status;

	*list = (struct start_list){ };
	/* Running guests first: one that ends meanwhile is in both lists, not in neither. */
	status = read_guests(env, list);
	if (status == STATUS_OK)
		status = read_gone(env, list);
	if (list->num)
		qsort(list->v, list->num, sizeof(*list->v), compare_ids);
	set_labels(list);
	return status;
}

void start_free(struct start_list *list)
{
	size_t i;

	for (i = 0; i < list->num; i++) {
		free_phases(&list->v[i]);
		guest_free(&list->v[i].guest);
	}
	free(list->v);
	*list = (struct start_list){ };
}

uint64_t start_total_ns(const struct start *start)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < NUM_START_PHASES; i++)
		sum += start->phases[i].ns;
	return sum;
}

bool start_is_complete(const struct start *start)
{
	return !strcmp(start->state, "started");
}

uint64_t start_reason_ns(const struct start_reason *reason)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < NUM_PARTS; i++)
		sum += reason->parts_ns[i];
	return sum;
}

uint64_t start_exits(const struct start_phase *phase)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < phase->num_reasons; i++)
		sum += phase->reasons[i].count;
	return sum;
}

uint64_t start_faults(const struct start_phase *phase)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < phase->num_reasons; i++) {
		const struct start_reason *reason = &phase->reasons[i];

		if (!strcmp(reason->key.reason, "EPT_VIOLATION") ||
		    !strcmp(reason->key.reason, "npf"))
			sum += reason->count;
	}
	return sum;
}

uint64_t start_part_ns(const struct start_phase *phase, enum time_part part)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < phase->num_reasons; i++)
		sum += phase->reasons[i].parts_ns[part];
	return sum;
}

static void offer(struct start_cost *costs, size_t *num, size_t most, struct start_cost cost)
{
	size_t i;

	if (!cost.ns)
		return;
	if (*num < most)
		(*num)++;
	else if (costs[most - 1].ns >= cost.ns)
		return;
	for (i = *num - 1; i && costs[i - 1].ns < cost.ns; i--)
		costs[i] = costs[i - 1];
	costs[i] = cost;
}

size_t start_costs(const struct start *start, struct start_cost *costs, size_t most)
{
	size_t i, n, num = 0;

	for (i = 0; i < NUM_START_PHASES; i++) {
		const struct start_phase *phase = &start->phases[i];

		if (phase->is_known && !phase->has_guest)
			offer(costs, &num, most, (struct start_cost){ .phase = i, .ns = phase->ns });
		offer(costs, &num, most, (struct start_cost){
			.phase = i, .is_guest = true, .ns = phase->guest_ns });
		for (n = 0; n < phase->num_reasons; n++)
			offer(costs, &num, most, (struct start_cost){
				.phase = i, .reason = &phase->reasons[n],
				.ns = start_reason_ns(&phase->reasons[n]) });
	}
	return num;
}

static int compare_times(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The smallest time that @percent of them do not exceed. */
static uint64_t percentile(const uint64_t *times, size_t num, unsigned int percent)
{
	return times[(num * percent + 99) / 100 - 1];
}

void start_spread_of(const struct start_list *list, const char *name,
		     struct start_spread *spread)
{
	uint64_t *times = NULL;
	size_t i;

	*spread = (struct start_spread){ };
	for (i = 0; i < list->num; i++) {
		const struct start *start = &list->v[i];

		if (strcmp(start->guest.name, name))
			continue;
		spread->num_ended += !strcmp(start->state, "ended");
		if (start_is_complete(start))
			*GROW(times, spread->num) = start_total_ns(start);
	}
	if (!spread->num)
		return;
	qsort(times, spread->num, sizeof(*times), compare_times);
	spread->p50_ns = percentile(times, spread->num, 50);
	spread->p90_ns = percentile(times, spread->num, 90);
	spread->p99_ns = percentile(times, spread->num, 99);
	spread->max_ns = times[spread->num - 1];
	free(times);
}
