// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "model/machine.h"

#define MAX_FILE	(4 << 20)

/* "ROOT/NAME", to free. */
static char *path_below(const char *root, const char *name, va_list ap)
{
	char *rest = xvasprintf(name, ap);
	char *path = xasprintf("%s/%s", root, rest);

	free(rest);
	return path;
}

bool machine_file(const char *root, char *buf, size_t size, const char *name, ...)
{
	va_list ap;
	char *path;
	int len;

	va_start(ap, name);
	path = path_below(root, name, ap);
	va_end(ap);
	len = sysfs_read(AT_FDCWD, path, buf, size);
	free(path);
	if (len < 0)
		buf[0] = '\0';
	return len >= 0;
}

char *machine_text(const char *root, const char *name)
{
	char *path = xasprintf("%s/%s", root, name), *text;
	size_t len;

	text = file_read(AT_FDCWD, path, MAX_FILE, &len);
	free(path);
	return text;
}

bool machine_has(const char *root, const char *name, ...)
{
	va_list ap;
	char *path;
	bool has;

	va_start(ap, name);
	path = path_below(root, name, ap);
	va_end(ap);
	has = !access(path, F_OK);
	free(path);
	return has;
}

bool machine_is_built_in(const char *root, const char *module)
{
	return machine_has(root, "module/%s", module) &&
	       !machine_has(root, "module/%s/initstate", module);
}

bool machine_has_word(const char *line, const char *word)
{
	size_t len = strlen(word);
	const char *s = line;

	while ((s = strstr(s, word))) {
		if ((s == line || s[-1] == ' ') && (!s[len] || s[len] == ' '))
			return true;
		s += len;
	}
	return false;
}

bool machine_param_on(const struct env *env, const char *module, const char *param)
{
	char value[16];

	return machine_file(env->sysfs, value, sizeof(value), "module/%s/parameters/%s",
			    module, param) && (value[0] == 'Y' || value[0] == '1');
}

/* The value of the first "key : value" of /proc/cpuinfo; to free. */
static char *cpuinfo_value(const char *text, const char *key)
{
	size_t len = strlen(key);

	while (text && *text) {
		const char *end = text + strcspn(text, "\n"), *value;

		if (!strncmp(text, key, len) &&
		    (text[len] == '\t' || text[len] == ' ' || text[len] == ':')) {
			value = memchr(text, ':', end - text);
			if (value && value + 1 < end)
				return xmemdup0(value + 2, end - value - 2);
			return NULL;
		}
		text = *end ? end + 1 : end;
	}
	return NULL;
}

bool machine_meminfo(const char *text, const char *key, uint64_t *bytes)
{
	const char *line = text ? strstr(text, key) : NULL;

	if (!line)
		return false;
	*bytes = strtoull(line + strlen(key), NULL, 10) << 10;
	return true;
}

char *machine_cpuinfo(const struct env *env, const char *key)
{
	char *text = machine_text(env->proc, "cpuinfo"), *value = cpuinfo_value(text, key);

	free(text);
	return value;
}

static void take(char *buf, size_t size, char *value)
{
	snprintf(buf, size, "%s", value ? value : "");
	free(value);
}

static void read_cpuinfo(const struct env *env, struct machine *machine)
{
	char *text = machine_text(env->proc, "cpuinfo"), *flags, *vendor, *s;

	flags = cpuinfo_value(text, "flags");
	vendor = cpuinfo_value(text, "vendor_id");
	machine->is_cpu_known = flags;
	if (flags) {
		machine->virtualized = machine_has_word(flags, "hypervisor");
		machine->vmx = machine_has_word(flags, "vmx");
		machine->svm = machine_has_word(flags, "svm");
	}
	machine->amd = vendor && (!strcmp(vendor, "AuthenticAMD") ||
				  !strcmp(vendor, "HygonGenuine"));
	take(machine->microcode, sizeof(machine->microcode),
	     cpuinfo_value(text, "microcode"));
	take(machine->cpu, sizeof(machine->cpu), cpuinfo_value(text, "model name"));
	for (s = text; s && (s = strstr(s, "processor\t")); s++)
		machine->num_cpus += s == text || s[-1] == '\n';
	free(flags);
	free(vendor);
	free(text);
}

/* /proc may lack the file: mounted with subset=pid, or where lxcfs provides it and has ended. */
static void guess_cpu(const struct env *env, struct machine *machine)
{
	char virtualized[8];

	machine->amd = machine_has(env->sysfs, "module/kvm_amd");
	machine->virtualized = machine_file(env->sysfs, virtualized, sizeof(virtualized),
					    "class/l1tune/l1/virtualized") && !strcmp(virtualized, "1");
}

void machine_read(const struct env *env, struct machine *machine)
{
	*machine = (struct machine){ };
	read_cpuinfo(env, machine);
	if (!machine->is_cpu_known)
		guess_cpu(env, machine);
	machine_file(env->proc, machine->kernel, sizeof(machine->kernel), "sys/kernel/osrelease");
	machine_file(env->proc, machine->boot_id, sizeof(machine->boot_id), "sys/kernel/random/boot_id");
	machine_file(env->sysfs, machine->vendor, sizeof(machine->vendor), "class/dmi/id/sys_vendor");
	machine_file(env->sysfs, machine->product, sizeof(machine->product), "class/dmi/id/product_name");
}
