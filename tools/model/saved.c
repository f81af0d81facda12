// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/replace.h"
#include "model/json.h"
#include "model/saved.h"

json_t *saved_machine_to_json(const struct machine *machine)
{
	json_t *json = json_object();

	json_set(json, "kernel", json_text(machine->kernel));
	json_set(json, "microcode", json_text(machine->microcode));
	json_set(json, "vendor", json_text(machine->vendor));
	json_set(json, "instance_type", json_text(machine->product));
	json_set(json, "cpu", json_text(machine->cpu));
	json_set(json, "virtualized", json_boolean(machine->virtualized));
	return json;
}

uint64_t saved_number(const json_t *json, const char *key)
{
	const json_t *value = json_object_get(json, key);

	return json_is_integer(value) && json_integer_value(value) > 0 ?
	       json_integer_value(value) : 0;
}

void saved_text(const json_t *json, const char *key, char *buf, size_t size)
{
	const char *s = json_string_value(json_object_get(json, key));

	snprintf(buf, size, "%s", s ? s : "");
}

void saved_machine_load(const json_t *document, const json_t *machine_json,
			struct machine *machine)
{
	saved_text(document, "boot_id", machine->boot_id, sizeof(machine->boot_id));
	saved_text(machine_json, "kernel", machine->kernel, sizeof(machine->kernel));
	saved_text(machine_json, "microcode", machine->microcode, sizeof(machine->microcode));
	saved_text(machine_json, "vendor", machine->vendor, sizeof(machine->vendor));
	saved_text(machine_json, "instance_type", machine->product, sizeof(machine->product));
	saved_text(machine_json, "cpu", machine->cpu, sizeof(machine->cpu));
	machine->virtualized = json_is_true(json_object_get(machine_json, "virtualized"));
}

/* For all to read. */
static int write_document(const char *path, const json_t *document)
{
	struct replacement replacement;
	int err = replacement_start_own(&replacement, path, 0644);

	if (err)
		return err;
	errno = 0;
	if (json_dumpf(document, replacement.file, JSON_INDENT(1) | JSON_ENSURE_ASCII)) {
		err = errno ? -errno : -EIO;
		replacement_drop(&replacement);
	} else {
		err = replacement_finish(&replacement);
	}
	return err;
}

/* The directory and those above it. */
static void make_directories(const char *path)
{
	char *copy = xstrdup(path), *s = copy;

	while ((s = strchr(s + 1, '/'))) {
		*s = '\0';
		mkdir(copy, 0755);
		*s = '/';
	}
	mkdir(copy, 0755);
	free(copy);
}

int saved_write(const char *state, const char *name, json_t *document)
{
	char *path = xasprintf("%s/%s", state, name);
	int err;

	make_directories(state);
	err = write_document(path, document);
	if (err)
		complain("%s: %s", path, strerror(-err));
	free(path);
	json_decref(document);
	return err == -EACCES || err == -EPERM ? STATUS_NOT_PERMITTED :
	       err ? STATUS_FAILED : STATUS_OK;
}

static bool is_owned_by_root(const char *path)
{
	struct stat st;

	return !lstat(path, &st) && S_ISREG(st.st_mode) && !st.st_uid &&
	       !(st.st_mode & (S_IWGRP | S_IWOTH));
}

enum saved saved_look(const char *state, const char *name, char **path)
{
	*path = xasprintf("%s/%s", state, name);
	if (access(*path, F_OK))
		return SAVED_NONE;
	return is_owned_by_root(*path) ? SAVED_GOOD : SAVED_NOT_ROOTS;
}

enum saved saved_compare(const struct machine *then, const struct machine *now)
{
	if (strcmp(then->boot_id, now->boot_id))
		return SAVED_OTHER_BOOT;
	if (strcmp(then->kernel, now->kernel))
		return SAVED_OTHER_KERNEL;
	if (strcmp(then->microcode, now->microcode))
		return SAVED_OTHER_MICROCODE;
	return strcmp(then->product, now->product) ? SAVED_OTHER_TYPE : SAVED_GOOD;
}
