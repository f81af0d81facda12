// SPDX-License-Identifier: GPL-2.0
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "model/name.h"

struct args {
	char **argv;
	size_t argc;
};

static bool has_prefix(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

/* The last argument counts even if a writer of its own cmdline left it open. */
static char *split_args(const char *cmdline, size_t len, struct args *args)
{
	char *copy = xmemdup0(cmdline, len);
	size_t pos;

	for (pos = 0; pos < len; pos += strlen(copy + pos) + 1)
		*GROW(args->argv, args->argc) = copy + pos;
	return copy;
}

/*
 * The value of "--id X" or "--id=X". What follows "--" is not for the program
 * itself.
 */
static const char *long_option(const struct args *args, const char *option)
{
	size_t len = strlen(option), i;

	for (i = 1; i < args->argc && strcmp(args->argv[i], "--"); i++) {
		const char *arg = args->argv[i];

		if (strncmp(arg, option, len))
			continue;
		if (arg[len] == '=')
			return arg + len + 1;
		if (!arg[len])
			return i + 1 < args->argc ? args->argv[i + 1] : NULL;
	}
	return NULL;
}

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
static char *qemu_guest(const char *value)
{
	char *part = xcalloc(strlen(value) + 1, 1);
	char *name = NULL;
	bool first = true;

	while (value) {
		const char *guest = NULL;

		value = next_suboption(value, part);
		if (has_prefix(part, "guest="))
			guest = part + strlen("guest=");
		else if (first && !strchr(part, '='))
			guest = part;
		if (guest) {
			free(name);
			name = xstrdup(guest);
		}
		first = false;
	}
	free(part);
	return name;
}

static char *qemu_name(const struct args *args, const char **source)
{
	char *name = NULL;
	size_t i;

	*source = "qemu -name";
	for (i = 1; i + 1 < args->argc; i++) {
		char *guest;

		if (strcmp(args->argv[i], "-name") &&
		    strcmp(args->argv[i], "--name"))
			continue;
		guest = qemu_guest(args->argv[++i]);
		if (guest) {
			free(name);
			name = guest;
		}
	}
	return name;
}

static char *option_name(const struct args *args, const char *option)
{
	const char *value = long_option(args, option);

	return value ? xstrdup(value) : NULL;
}

static char *firecracker_name(const struct args *args, const char **source)
{
	*source = "firecracker --id";
	return option_name(args, "--id");
}

static char *jailer_name(const struct args *args, const char **source)
{
	*source = "jailer --id";
	return option_name(args, "--id");
}

static char *crosvm_name(const struct args *args, const char **source)
{
	*source = "crosvm --name";
	return option_name(args, "--name");
}

/* The emulator runs as itself or as a QEMU that takes the same options. */
static char *android_name(const struct args *args, const char **source)
{
	size_t i;

	*source = "emulator -avd";
	for (i = 1; i < args->argc; i++) {
		if (!strcmp(args->argv[i], "-avd") && i + 1 < args->argc)
			return xstrdup(args->argv[i + 1]);
		if (args->argv[i][0] == '@' && args->argv[i][1])
			return xstrdup(args->argv[i] + 1);
	}
	return NULL;
}

static const struct {
	const char *program;
	char *(*name)(const struct args *args, const char **source);
} vmms[] = {
	{ "emulator", android_name },
	{ "qemu-system-", qemu_name },
	{ "qemu-kvm", qemu_name },
	{ "qemu", qemu_name },
	{ "kvm", qemu_name },
	{ "firecracker", firecracker_name },
	{ "jailer", jailer_name },
	{ "crosvm", crosvm_name },
};

static bool is_program(const char *base, const char *program)
{
	size_t len = strlen(program);

	/* firecracker-v1.7, emulator64-x86; but kvmtool is not kvm. */
	return has_prefix(base, program) &&
	       (program[len - 1] == '-' || !base[len] || base[len] == '-' ||
		(base[len] >= '0' && base[len] <= '9'));
}

/* libvirt's way, under whatever name its emulator goes. */
static char *other_name(const struct args *args, const char **source)
{
	size_t i;

	*source = "-name guest=";
	for (i = 1; i + 1 < args->argc; i++)
		if (!strcmp(args->argv[i], "-name") &&
		    has_prefix(args->argv[i + 1], "guest="))
			return qemu_guest(args->argv[i + 1]);
	return NULL;
}

static char *find_name(const struct args *args, const char **source)
{
	const char *path = args->argv[0];
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	size_t i;

	if (strstr(path, "/emulator/"))
		return android_name(args, source);
	for (i = 0; i < ARRAY_SIZE(vmms); i++)
		if (is_program(base, vmms[i].program))
			return vmms[i].name(args, source);
	return other_name(args, source);
}

char *name_from_cmdline(const char *cmdline, size_t len, const char **source)
{
	struct args args = {};
	char *copy = split_args(cmdline, len, &args);
	char *name = args.argc ? find_name(&args, source) : NULL;

	if (name && !*name) {
		free(name);
		name = NULL;
	}
	free(args.argv);
	free(copy);
	return name;
}
