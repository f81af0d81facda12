// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/env.h"
#include "base/error.h"
#include "base/file.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "model/gone.h"
#include "model/past.h"

#define MAX_RECORD	(4u << 20)

/* The numbers of a record that stand alone in their lines: where, and to which base. */
struct number_line {
	const char *name;
	size_t member;
};

#define GONE_NUMBER(_name, _member)	{ _name, offsetof(struct gone, _member) }
#define VCPU_NUMBER(_name)		{ #_name, offsetof(struct gone_vcpu, _name) }

static const struct number_line gone_numbers[] = {
	GONE_NUMBER("id", id),
	GONE_NUMBER("pid", pid),
	GONE_NUMBER("uid", uid),
	GONE_NUMBER("memory_bytes", memory_bytes),
	GONE_NUMBER("vcpus", num_vcpus_had),
	GONE_NUMBER("exits", exits),
};

static const struct number_line gone_maybes[] = {
	GONE_NUMBER("created_ns", created_ns),
	GONE_NUMBER("ended_ns", ended_ns),
	GONE_NUMBER("first_exit_ns", first_exit_ns),
};

/* In hexadecimal. */
static const struct number_line vcpu_maybes[] = {
	VCPU_NUMBER(rip), VCPU_NUMBER(rsp), VCPU_NUMBER(rflags), VCPU_NUMBER(cr0),
	VCPU_NUMBER(cr3), VCPU_NUMBER(cr4), VCPU_NUMBER(efer), VCPU_NUMBER(info1),
	VCPU_NUMBER(info2), VCPU_NUMBER(int_info), VCPU_NUMBER(exception),
	VCPU_NUMBER(exception_queued), VCPU_NUMBER(mp_state),
};

static const struct number_line *find_line(const struct number_line *lines, size_t num,
					   const char *name)
{
	size_t i;

	for (i = 0; i < num; i++)
		if (!strcmp(lines[i].name, name))
			return &lines[i];
	return NULL;
}

static void parse_maybe(const char *rest, int base, struct maybe *maybe)
{
	char *end;

	maybe->value = strtoull(rest, &end, base);
	maybe->is_known = end != rest;
}

/* Parses a line about the whole guest; false for any other line. */
static bool parse_guest_line(struct gone *gone, const char *name, const char *rest)
{
	const struct number_line *line;
	int oom = 0;

	line = find_line(gone_numbers, ARRAY_SIZE(gone_numbers), name);
	if (line) {
		*(uint64_t *)((char *)gone + line->member) = strtoull(rest, NULL, 10);
		return true;
	}
	line = find_line(gone_maybes, ARRAY_SIZE(gone_maybes), name);
	if (line) {
		parse_maybe(rest, 10, (struct maybe *)((char *)gone + line->member));
		return true;
	}
	if (!strcmp(name, "comm"))
		sscanf(rest, "%95s", gone->comm);
	else if (!strcmp(name, "end"))
		sscanf(rest, "%31s", gone->end);
	else if (!strcmp(name, "denied"))
		sscanf(rest, "%47s", gone->denied);
	else if (!strcmp(name, "vmm"))
		sscanf(rest, "%15s %d %d", gone->vmm, &gone->vmm_code, &oom);
	else
		return false;
	gone->is_oom_victim |= oom;
	return true;
}

/* "LEVEL CODE NAME": how many characters that is, or 0. */
static int parse_key(const char *rest, struct exit_key *key)
{
	int len = 0;

	if (sscanf(rest, "%" SCNu32 " %" SCNu32 " %47s %n", &key->level, &key->code,
		   key->reason, &len) < 3)
		return 0;
	return len;
}

static void parse_exit(struct gone_vcpu *vcpu, const char *rest, bool is_open)
{
	struct gone_exit e = { .is_open = is_open };
	int len = parse_key(rest, &e.key);

	if (!len || sscanf(rest + len, "%" SCNu64 " %" SCNu64, &e.since_ns, &e.time_ns) != 2)
		return;
	*GROW(vcpu->exits, vcpu->num_exits) = e;
}

static void parse_refused(struct gone_refused *refused, const char *rest)
{
	struct gone_refused r = { };
	int len = parse_key(rest, &r.key);

	if (len && sscanf(rest + len, "%" SCNu64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64
			  " %" SCNu64, &r.vector, &r.error_code, &r.ecx, &r.eax, &r.edx,
			  &r.since_ns) == 6)
		*refused = r;
}

static void parse_run(struct gone_run *run, const char *rest)
{
	char error[16];
	int is_final;

	if (sscanf(rest, "%" SCNu64 " %15s %d", &run->reason, error, &is_final) != 3)
		return;
	run->is_known = true;
	run->is_final = is_final;
	run->has_error = strcmp(error, "-") != 0;
	run->error = run->has_error ? -atoi(error) : 0;
}

static void parse_port(struct gone_port *port, const char *rest)
{
	char direction[8];

	port->is_known = sscanf(rest, "%" SCNx64 " %" SCNu64 " %7s %" SCNx64, &port->port,
				&port->size, direction, &port->value) == 4;
	port->is_in = port->is_known && !strcmp(direction, "in");
}

/* Up to this many numbers, in lines of several each. */
static void parse_words(const char *rest, uint64_t *words, size_t most, size_t *num)
{
	char *end;

	while (*num < most) {
		uint64_t word = strtoull(rest, &end, 16);

		if (end == rest)
			return;
		words[(*num)++] = word;
		rest = end;
	}
}

static void parse_vcpu_line(struct gone_vcpu *vcpu, size_t *num_words, const char *name,
			    const char *rest)
{
	const struct number_line *line = find_line(vcpu_maybes, ARRAY_SIZE(vcpu_maybes), name);

	if (line)
		parse_maybe(rest, strcmp(name, "mp_state") ? 16 : 10,
			    (struct maybe *)((char *)vcpu + line->member));
	else if (!strcmp(name, "run"))
		parse_run(&vcpu->run, rest);
	else if (!strcmp(name, "words"))
		parse_words(rest, vcpu->run.words, GONE_WORDS, num_words);
	else if (!strcmp(name, "gprs"))
		parse_words(rest, vcpu->gprs, GONE_GPRS, &vcpu->num_gprs);
	else if (!strcmp(name, "refused"))
		parse_refused(&vcpu->refused, rest);
	else if (!strcmp(name, "port"))
		parse_port(&vcpu->port, rest);
	else if (!strcmp(name, "exit") || !strcmp(name, "open"))
		parse_exit(vcpu, rest, name[0] == 'o');
}

static void free_one(struct gone *gone)
{
	size_t i;

	for (i = 0; i < gone->num_vcpus; i++)
		free(gone->vcpus[i].exits);
	free(gone->vcpus);
}

int gone_parse(char *text, struct gone *gone)
{
	struct gone_vcpu *vcpu = NULL;
	char *line, *name, *rest;
	size_t num_words = 0;

	*gone = (struct gone){ .denied = "-" };
	while ((line = strsep(&text, "\n"))) {
		rest = line;
		name = strsep(&rest, " ");
		if (!rest)
			continue;
		if (!strcmp(name, "vcpu")) {
			vcpu = GROW(gone->vcpus, gone->num_vcpus);
			*vcpu = (struct gone_vcpu){ .id = strtoull(rest, NULL, 10) };
			num_words = 0;
		} else if (vcpu) {
			parse_vcpu_line(vcpu, &num_words, name, rest);
		} else {
			parse_guest_line(gone, name, rest);
		}
	}
	if (gone->id && gone->end[0] && gone->ended_ns.is_known)
		return 0;
	free_one(gone);
	return -EBADMSG;
}

static void leave_out(struct gone_list *list, const char *name, int err)
{
	complain("l1/gone/%s: %s: this guest is left out", name,
		 err == -EBADMSG ? "unexpected value" : strerror(-err));
	list->has_unread = true;
}

static int read_one(int fd, const char *name, void *arg)
{
	struct gone_list *list = arg;
	struct gone gone;
	uint64_t id;
	size_t len;
	char *text;
	int err;

	if (parse_u64(name, &id))
		return 0;
	text = file_read(fd, name, MAX_RECORD, &len);
	err = text ? gone_parse(text, &gone) : -errno;
	free(text);
	if (!err)
		*GROW(list->v, list->num) = gone;
	/* It may have been pushed out meanwhile. */
	else if (!sysfs_is_gone(err))
		leave_out(list, name, err);
	return 0;
}

static int take_past(char *text, void *arg)
{
	struct gone_list *list = arg;
	struct gone gone;

	if (!gone_parse(text, &gone))
		*GROW(list->v, list->num) = gone;
	return STATUS_OK;
}

static int compare_ids(const void *a, const void *b)
{
	const struct gone *left = a, *right = b;

	return (left->id > right->id) - (left->id < right->id);
}

static int complain_none(const struct env *env, int err)
{
	if (err != -ENOENT || faccessat(env->class_fd, "l1", F_OK, 0))
		return env_complain(env, "l1/gone", err);
	complain("the loaded module has no l1/gone: " LOAD_OURS);
	return STATUS_FAILED;
}

int gone_read(const struct env *env, struct gone_list *list)
{
	int err, status = STATUS_OK;

	*list = (struct gone_list){ };
	if (env->past) {
		status = env->past->gone(env->past, take_past, list);
	} else {
		err = sysfs_for_each(env->class_fd, "l1/gone", read_one, list);
		status = err ? complain_none(env, err) :
			 list->has_unread ? STATUS_FAILED : STATUS_OK;
	}
	if (list->num)
		qsort(list->v, list->num, sizeof(*list->v), compare_ids);
	return status;
}

void gone_free(struct gone_list *list)
{
	size_t i;

	for (i = 0; i < list->num; i++)
		free_one(&list->v[i]);
	free(list->v);
	*list = (struct gone_list){ };
}

uint64_t gone_lived_ns(const struct gone *gone)
{
	const struct maybe *from = gone->first_exit_ns.is_known ? &gone->first_exit_ns :
								  &gone->created_ns;

	return sub_clamped(gone->ended_ns.value, from->value);
}

const struct gone_exit *gone_last_exit(const struct gone_vcpu *vcpu, size_t n)
{
	return n < vcpu->num_exits ? &vcpu->exits[vcpu->num_exits - 1 - n] : NULL;
}
