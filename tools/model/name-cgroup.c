// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "model/name-cgroup.h"

#define MIN_CONTAINER_ID	32

/* Cuts an end off, if it is there. */
static bool cut_end(char *s, const char *end)
{
	size_t len = strlen(s), n = strlen(end);

	if (len <= n || strcmp(s + len - n, end))
		return false;
	s[len - n] = '\0';
	return true;
}

/* systemd's "\x2d". */
static void unescape(char *s)
{
	char *out = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] == 'x' && isxdigit((unsigned char)s[2]) &&
		    isxdigit((unsigned char)s[3])) {
			char digits[3] = { s[2], s[3], '\0' };
			char c = strtoul(digits, NULL, 16);

			if (c) {
				*out++ = c;
				s += 3;
				continue;
			}
		}
		*out++ = *s;
	}
	*out = '\0';
}

/* "docker-ID.scope", "cri-containerd-ID.scope", "libpod-ID", "ID". */
static char *container_id(const char *part)
{
	size_t len;

	for (; *part; part += len + !!part[len]) {
		len = strspn(part, "0123456789abcdef");
		if (len >= MIN_CONTAINER_ID && !isalnum((unsigned char)part[len]))
			return xmemdup0(part, len);
		len = strcspn(part, "-_.:");
	}
	return NULL;
}

/* "qemu-7-web", by a driver of libvirt's: the number counts up with every start. */
static char *libvirt_name(const char *machine)
{
	static const char *const drivers[] = { "qemu-", "ch-", "lxc-" };
	size_t i, digits;

	for (i = 0; i < ARRAY_SIZE(drivers); i++)
		if (begins_with(machine, drivers[i])) {
			machine += strlen(drivers[i]);
			digits = strspn(machine, "0123456789");
			return digits && machine[digits] == '-' && machine[digits + 1] ?
			       xstrdup(machine + digits + 1) : NULL;
		}
	return NULL;
}

static char *machine_name(char *part, const char **source)
{
	char *name;

	*source = "libvirt cgroup";
	cut_end(part, ".libvirt-qemu");
	name = libvirt_name(begins_with(part, "machine-") ?
			    part + strlen("machine-") : part);
	if (name)
		return name;
	*source = "machine scope";
	return begins_with(part, "machine-") ? xstrdup(part + strlen("machine-")) : NULL;
}

/* "kitty-4711-0", "podman-4711": the number is a PID's. */
static bool is_numbered(const char *unit, const char *start)
{
	return begins_with(unit, start) && !unit[strlen(start) + strspn(unit + strlen(start), "0123456789-")];
}

/* Named by systemd, a desktop or a terminal for one start, or for a login. */
static bool is_transient(const char *unit)
{
	static const char *const starts[] = {
		"run-", "session-", "user@", "session@", "app-", "snap.", "dbus-", "tab(",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(starts); i++)
		if (begins_with(unit, starts[i]))
			return true;
	/* "vte-spawn-ID", "tmux-spawn-ID" */
	return !strcmp(unit, "init") || strstr(unit, "-spawn-") ||
	       is_numbered(unit, "kitty-") || is_numbered(unit, "podman-");
}

/* "firecracker@web" and, of snap, "snap.multipass.multipassd". */
static char *unit_name(char *unit, const char **source)
{
	char *at = strchr(unit, '@');

	if (begins_with(unit, "snap.") && !strchr(unit, '-')) {
		*source = "unit";
		return xstrdup(strrchr(unit, '.') + 1);
	}
	if (is_transient(unit))
		return NULL;
	*source = at && at[1] ? "unit's instance" : "unit";
	return at && at[1] ? xstrdup(at + 1) : xstrdup(unit);
}

/* Names that libvirt, LXC, a supervisor or crun gives to directories of every guest. */
static bool is_generic(const char *part)
{
	static const char *const names[] = {
		"emulator", "libvirt", "payload", "supervisor", "init", "init.scope",
		"vcpu", "iothread", "kata_overhead", "sandbox_overhead", "docker", "lxc",
		"kubepods", "burstable", "..", "besteffort", "machine", "firecracker",
		"jailer", "user", "system", "vmm", "container", "ns",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		size_t len = strlen(names[i]);

		if (begins_with(part, names[i]) &&
		    !part[len + strspn(part + len, "0123456789")])
			return true;
	}
	return false;
}

static char *container_name(const char *part, const char **source)
{
	*source = "LXC cgroup";
	if (begins_with(part, "lxc.payload.") || begins_with(part, "lxc.monitor."))
		return xstrdup(part + strlen("lxc.payload."));
	*source = "container id";
	return container_id(part);
}

/* The guest's name in one directory of the path; NULL to look in the one above. */
static char *part_name(char *part, const char **source)
{
	char *name = container_name(part, source);

	if (name || cut_end(part, ".slice"))
		return name;
	unescape(part);
	if (cut_end(part, ".scope")) {
		name = machine_name(part, source);
		*source = name ? *source : "scope";
		return name || is_transient(part) ? name : xstrdup(part);
	}
	if (cut_end(part, ".service"))
		return unit_name(part, source);
	if (strstr(part, ".libvirt-qemu"))
		return machine_name(part, source);
	*source = "cgroup";
	return *part && !is_generic(part) ? xstrdup(part) : NULL;
}

/* The directories above a login or a transient unit are the user's, or a container's. */
static bool is_end(const char *part)
{
	size_t len = strlen(part);

	return (len > 6 && !strcmp(part + len - 6, ".scope")) ||
	       (len > 8 && !strcmp(part + len - 8, ".service"));
}

char *name_from_cgroup(const char *path, const char **source)
{
	char *copy = xstrdup(path), *slash, *name = NULL;
	bool is_past_end = false, is_at_end;

	while (!name && (slash = strrchr(copy, '/'))) {
		is_at_end = is_end(slash + 1);
		name = is_past_end ? container_name(slash + 1, source) :
				     part_name(slash + 1, source);
		is_past_end |= is_at_end;
		*slash = '\0';
	}
	free(copy);
	return name;
}
