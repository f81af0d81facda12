// SPDX-License-Identifier: GPL-2.0
/*
 * How VMMs and what starts them name guests: a table of rules, tried from top to
 * bottom. tools/tests/names.json has a command line for each of them.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/util.h"
#include "model/args.h"
#include "model/name-cgroup.h"
#include "model/name-path.h"
#include "model/name.h"

/*
 * VMMs choose what they are called, and it is kept, recorded and shown as often as there are
 * VMs. What people choose is shorter.
 */
#define MOST_BYTES	255
#define HEAD_BYTES	200

/* How a rule gets from an argument to a name. */
enum how {
	/* The option's value. */
	BY_VALUE,
	/* "web,debug-threads=on" or "guest=web": QEMU's lists. The last one counts. */
	BY_LIST,
	/* Only "guest=web": libvirt's way, under whatever name its emulator runs. */
	BY_GUEST,
	/* A file of the guest's own: its name, or its directory's. */
	BY_PATH,
	/* The path itself. */
	BY_FILE,
	/* The directory in a path that follows the marker. */
	BY_MARKER,
	/* What follows the marker in any argument that begins with it. */
	BY_START,
	/* The last argument, of a command line that has the option as a word. */
	BY_LAST,
	/* The argument after that word. */
	BY_NEXT,
	/* The source itself, which runs one guest, if any argument has the marker in it. */
	BY_SOURCE,
};

struct rule {
	/* How the file name of the program begins; NULL for any. */
	const char *program;
	const char *option;
	enum how how;
	const char *source;
	const char *marker;
};

static const struct rule names[] = {
	/* Android's emulator runs as itself or as a QEMU that takes the same options. */
	{ "emulator", "-avd", BY_VALUE, "emulator -avd" },
	{ "emulator", "", BY_START, "emulator @AVD", "@" },
	/* QEMU: by libvirt, Proxmox, Incus, Lima, quickemu, NixOS, Kata, KubeVirt. */
	{ "qemu", "-name", BY_LIST, "qemu -name" },
	{ "kvm", "-name", BY_LIST, "qemu -name" },
	{ "microvm@", "-name", BY_LIST, "qemu -name" },
	/* Multipass has no -name, and several instances may have one image's name. */
	{ "qemu", "-drive", BY_MARKER, "multipass instance", "/vault/instances/" },
	/* Docker Desktop's VM has no name. */
	{ "qemu", "", BY_SOURCE, "docker-desktop", "/.docker/desktop/vms/" },
	/* Tools of libguestfs start a VM of their own, for as long as they take. */
	{ "qemu", "", BY_SOURCE, "libguestfs", "/libguestfs" },
	/* microvm.nix renames the process of any VMM. */
	{ "microvm@", "", BY_START, "microvm@NAME", "microvm@" },
	/* Firecracker, also as Kata and a jailer start it. */
	{ "firecracker", "--id", BY_VALUE, "firecracker --id" },
	{ "firecracker", "--api-sock", BY_PATH, "firecracker --api-sock" },
	{ "firecracker", "--config-file", BY_PATH, "firecracker --config-file" },
	{ "jailer", "--id", BY_VALUE, "jailer --id" },
	/* Cloud Hypervisor, by itself and as Kata starts it. */
	{ "cloud-hypervisor", "--api-socket", BY_PATH, "cloud-hypervisor --api-socket" },
	{ "cloud-hypervisor", "--disk", BY_PATH, "cloud-hypervisor --disk" },
	/* crosvm, ChromeOS' and Cuttlefish's. */
	{ "crosvm", "--name", BY_VALUE, "crosvm --name" },
	{ "crosvm", "--socket", BY_PATH, "crosvm --socket" },
	{ "crosvm", "-s", BY_PATH, "crosvm --socket" },
	/* kvmtool. */
	{ "lkvm", "--name", BY_VALUE, "kvmtool --name" },
	{ "lkvm", "--disk", BY_PATH, "kvmtool --disk" },
	{ "lkvm", "-d", BY_PATH, "kvmtool --disk" },
	/* StratoVirt takes QEMU's options; Kata names its sandboxes so. */
	{ "stratovirt", "-name", BY_LIST, "stratovirt -name" },
	{ "stratovirt", "-qmp", BY_PATH, "stratovirt -qmp" },
	{ "stratovirt", "-api-channel", BY_PATH, "stratovirt -api-channel" },
	/* Dragonball by itself; in Kata the shim is the VMM. */
	{ "dbs-cli", "--api-sock-path", BY_PATH, "dragonball --api-sock-path" },
	{ "dragonball", "--api-sock-path", BY_PATH, "dragonball --api-sock-path" },
	{ "containerd-shim-kata", "-id", BY_VALUE, "kata -id" },
	/* libkrun's. */
	{ "krunvm", "start", BY_NEXT, "krunvm start" },
	/* gVisor on its KVM platform. */
	{ "runsc", "boot", BY_LAST, "gvisor sandbox" },
	/* VirtualBox with KVM as its back end. */
	{ "VBoxHeadless", "--comment", BY_VALUE, "virtualbox --comment" },
	{ "VirtualBoxVM", "--comment", BY_VALUE, "virtualbox --comment" },
	{ "VBoxHeadless", "--startvm", BY_VALUE, "virtualbox --startvm" },
	{ "VBoxHeadless", "-s", BY_VALUE, "virtualbox --startvm" },
	{ "VirtualBoxVM", "--startvm", BY_VALUE, "virtualbox --startvm" },

	/* QEMU without a name, by files that are its own. */
	{ "qemu", "-qmp", BY_PATH, "qemu -qmp" },
	{ "qemu", "-monitor", BY_PATH, "qemu -monitor" },
	{ "qemu", "-pidfile", BY_PATH, "qemu -pidfile" },
	{ "qemu", "-drive", BY_PATH, "qemu -drive" },
	{ "qemu", "-hda", BY_PATH, "qemu -hda" },
	{ "qemu", "-blockdev", BY_PATH, "qemu -blockdev" },
};

/* Of programs that no rule above is for. */
static const struct rule general_names[] = {
	/* An option like a name's, then a socket, then a disk. */
	{ NULL, "-name", BY_GUEST, "-name guest=" },
	{ NULL, "--name", BY_VALUE, "--name" },
	{ NULL, "--vm-name", BY_VALUE, "--vm-name" },
	{ NULL, "--vm-id", BY_VALUE, "--vm-id" },
	{ NULL, "--sandbox-id", BY_VALUE, "--sandbox-id" },
	{ NULL, "--instance-id", BY_VALUE, "--instance-id" },
	{ NULL, "--id", BY_VALUE, "--id" },
	{ NULL, "--api-socket", BY_PATH, "--api-socket" },
	{ NULL, "--api-sock", BY_PATH, "--api-sock" },
	{ NULL, "--socket-path", BY_PATH, "--socket-path" },
	{ NULL, "--control-socket", BY_PATH, "--control-socket" },
	{ NULL, "--socket", BY_PATH, "--socket" },
	{ NULL, "--config-file", BY_PATH, "--config-file" },
	{ NULL, "--disk", BY_PATH, "--disk" },
	{ NULL, "--rootfs", BY_PATH, "--rootfs" },
};

/* What else lasts, the most certain first: it tells guests of one name apart. */
static const struct rule instances[] = {
	{ NULL, "-uuid", BY_VALUE },
	{ NULL, "--startvm", BY_VALUE },
	{ "kvm", "-id", BY_VALUE },
	/* Two cannot listen on one socket. */
	{ NULL, "--api-socket", BY_FILE },
	{ NULL, "--api-sock", BY_FILE },
	{ NULL, "--api-sock-path", BY_FILE },
	{ NULL, "--socket", BY_FILE },
	{ NULL, "--socket-path", BY_FILE },
	{ "crosvm", "-s", BY_FILE },
	{ NULL, "-qmp", BY_FILE },
	{ NULL, "-monitor", BY_FILE },
	{ NULL, "-pidfile", BY_FILE },
	{ NULL, "-drive", BY_FILE },
	{ NULL, "-hda", BY_FILE },
	{ NULL, "-blockdev", BY_FILE },
	{ NULL, "--disk", BY_FILE },
	{ NULL, "--config-file", BY_FILE },
	{ NULL, "--bundle", BY_FILE },
};

/* One "key=value" of QEMU's option lists; two commas stand for one. */
static const char *next_suboption(const char *s, char *out)
{
	while (*s && (*s != ',' || s[1] == ',')) {
		if (*s == ',')
			s++;
		*out++ = *s++;
	}
	*out = '\0';
	return *s ? s + 1 : NULL;
}

/* "web,debug-threads=on", "guest=web", "debug-threads=on,guest=web" */
static char *name_in_list(const char *value, bool needs_key)
{
	char *part = xcalloc(strlen(value) + 1, 1);
	char *name = NULL;
	bool may_be_plain = !needs_key;

	while (value) {
		const char *guest = NULL;

		value = next_suboption(value, part);
		if (begins_with(part, "guest="))
			guest = part + strlen("guest=");
		else if (may_be_plain && !strchr(part, '='))
			guest = part;
		if (guest) {
			free(name);
			name = xstrdup(guest);
		}
		may_be_plain = false;
	}
	free(part);
	return name;
}

static char *name_by_path(const char *value, const char *marker)
{
	char *path = name_find_path(value), *name = NULL;

	if (path)
		name = marker ? name_after(path, marker) : name_from_path(path);
	free(path);
	return name;
}

static char *name_in_value(const struct rule *rule, const char *value)
{
	switch (rule->how) {
	case BY_LIST:
	case BY_GUEST:
		return name_in_list(value, rule->how == BY_GUEST);
	case BY_FILE:
		return name_find_path(value);
	case BY_PATH:
	case BY_MARKER:
		return name_by_path(value, rule->marker);
	default:
		return xstrdup(value);
	}
}

/* What VMMs and wrappers put where they were given nothing. */
static bool is_no_name(const char *name)
{
	static const char *const defaults[] = { "", "anonymous-instance" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(defaults); i++)
		if (!strcmp(name, defaults[i]))
			return true;
	return false;
}

static void take(char **name, char *other)
{
	if (!other || is_no_name(other)) {
		free(other);
		return;
	}
	free(*name);
	*name = other;
}

static char *name_of_option(const struct args *args, const struct rule *rule)
{
	const char *value;
	char *name = NULL;
	size_t i = 1;

	while ((value = args_next_value(args, rule->option, &i)) &&
	       (!name || rule->how == BY_LIST))
		take(&name, name_in_value(rule, value));
	return name;
}

static char *name_by_start(const struct args *args, const char *start)
{
	size_t len = strlen(start), i;

	for (i = 0; i < args->argc; i++) {
		const char *arg = i ? args->argv[i] : args_program(args);

		if (!strncmp(arg, start, len) && arg[len])
			return xstrdup(arg + len);
	}
	return NULL;
}

static bool has_marker(const struct args *args, const char *marker)
{
	size_t i;

	for (i = 1; i < args->argc; i++)
		if (strstr(args->argv[i], marker))
			return true;
	return false;
}

/* NULL if it is an option. */
static char *argument_after(const struct args *args, const struct rule *rule)
{
	const char *arg;
	size_t i;

	for (i = 1; i + 1 < args->argc; i++)
		if (!strcmp(args->argv[i], rule->option)) {
			arg = args->argv[rule->how == BY_LAST ? args->argc - 1 : i + 1];
			return *arg == '-' ? NULL : xstrdup(arg);
		}
	return NULL;
}

/* firecracker-v1.7, emulator64-x86, qemu-system-x86_64; but kvmtool is not kvm. */
static bool is_program(const char *name, const char *program)
{
	size_t len = strlen(program);

	return !strncmp(name, program, len) &&
	       (!isalpha((unsigned char)name[len]) ||
		!isalnum((unsigned char)program[len - 1]));
}

static bool is_for(const struct rule *rule, const struct args *args)
{
	if (!rule->program)
		return true;
	/* A QEMU of Android's in its own directory. */
	if (!strcmp(rule->program, "emulator") && strstr(args->argv[0], "/emulator/"))
		return true;
	return is_program(args_program(args), rule->program);
}

static char *apply(const struct args *args, const struct rule *rule)
{
	char *name = NULL;

	if (!is_for(rule, args))
		return NULL;
	switch (rule->how) {
	case BY_START:
		take(&name, name_by_start(args, rule->marker));
		break;
	case BY_LAST:
	case BY_NEXT:
		take(&name, argument_after(args, rule));
		break;
	case BY_SOURCE:
		if (has_marker(args, rule->marker))
			name = xstrdup(rule->source);
		break;
	default:
		name = name_of_option(args, rule);
	}
	return name;
}

static char *first_of(const struct args *args, const struct rule *rules, size_t num,
		      const struct rule **rule)
{
	char *name = NULL;
	size_t i;

	for (i = 0; args->argc && i < num && !name; i++) {
		*rule = &rules[i];
		name = apply(args, *rule);
	}
	return name;
}

static bool is_known(const struct args *args)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (is_for(&names[i], args))
			return true;
	return false;
}

/* A relative path is unique in one cgroup at most: others have the same below their directories. */
static void find_in_cgroup(const char *cgroup, bool is_file, struct identity *identity)
{
	const char *none;
	char *name;

	if (!identity->name)
		identity->name = name_from_cgroup(cgroup, &identity->name_source);
	if (identity->instance && (!is_file || *identity->instance == '/'))
		return;
	name = name_from_cgroup(cgroup, &none);
	if (name && identity->instance)
		append(&name, "/%s", identity->instance);
	take(&identity->instance, name);
}

static void find(const char *cmdline, size_t len, const char *cgroup,
		 struct identity *identity)
{
	const struct rule *rule = NULL;
	struct args args;

	*identity = (struct identity){ };
	args_split(cmdline, len, &args);
	if (args.argc && is_known(&args))
		identity->name = first_of(&args, names, ARRAY_SIZE(names), &rule);
	else
		identity->name = first_of(&args, general_names, ARRAY_SIZE(general_names), &rule);
	identity->name_source = rule ? rule->source : NULL;
	identity->instance = first_of(&args, instances, ARRAY_SIZE(instances), &rule);
	args_free(&args);
	if (cgroup)
		find_in_cgroup(cgroup, rule && rule->how == BY_FILE, identity);
}

/* Cuts the middle out of a name that is too long. */
static void shorten(char **name)
{
	char *whole = *name;

	if (!whole || strlen(whole) <= MOST_BYTES)
		return;
	*name = xasprintf("%.*s...%s", (int)utf8_head(whole, HEAD_BYTES), whole,
			  utf8_tail(whole, MOST_BYTES - HEAD_BYTES - strlen("...")));
	free(whole);
}

void identity_find(const char *cmdline, size_t len, const char *cgroup,
		   struct identity *identity)
{
	find(cmdline, len, cgroup, identity);
	shorten(&identity->name);
	shorten(&identity->instance);
}

void identity_free(struct identity *identity)
{
	free(identity->name);
	free(identity->instance);
	*identity = (struct identity){ };
}
