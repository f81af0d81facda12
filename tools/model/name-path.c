// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "model/name-path.h"

/* Words that say what a file or directory holds, not whose it is. */
static const char *const generic_words[] = {
	"api", "base", "basedisk", "boot", "ch", "clh", "cloud", "config",
	"configs", "console", "control", "crosvm", "ctl", "data",
	"diffdisk", "disk", "disks", "domain", "drive", "emulator", "fc",
	"firecracker", "guest", "guests", "hd", "hda", "home", "hypervisor", "image",
	"images", "img", "instance", "instances", "internal", "jailer", "json",
	"kvm", "lib", "lkvm", "machine", "machines", "main", "mapper", "media", "mnt", "mon",
	"monitor", "opt", "os", "overlay", "persist", "pid", "private", "qcow2",
	"qemu", "qmp", "raid", "raw", "root", "rootfs", "run", "runtime", "sandboxes",
	"sda", "serial", "shared", "shm", "snapshot", "snapshots", "sock", "socket",
	"sockets", "srv", "state", "stratovirt", "system", "tmp", "usr", "var",
	"vc", "vda", "vm", "vmm", "vms", "volumes", "vz",
};

/* Files and directories that all copies of OSX-KVM have, also in containers. */
static const char *const common_names[] = {
	"BaseSystem", "mac_hdd_ng", "OpenCore", "OpenCore-nopicker", "OSX-KVM",
};

static int compare_words(const void *key, const void *word)
{
	return strcasecmp(key, *(const char *const *)word);
}

/* A number at its end only counts: "disk0", "root1". */
static bool is_generic_word(char *word)
{
	size_t len = strlen(word);

	while (len && isdigit((unsigned char)word[len - 1]))
		word[--len] = '\0';
	return !len || bsearch(word, generic_words, ARRAY_SIZE(generic_words),
			       sizeof(*generic_words), compare_words);
}

/* "clh-api", "vda1", ".lima", but "100" alone is the name of a VM. */
static bool is_generic(const char *name)
{
	bool is = name[strspn(name, "0123456789")];
	char *copy, *word, *save = NULL;
	size_t i;

	if (*name == '.' || !*name)
		return true;
	for (i = 0; i < ARRAY_SIZE(common_names); i++)
		if (!strcmp(name, common_names[i]))
			return true;
	copy = xstrdup(name);
	for (word = strtok_r(copy, "-_. ", &save); word && is;
	     word = strtok_r(NULL, "-_. ", &save))
		is = is_generic_word(word);
	free(copy);
	return is;
}

/* Also libvirt's "web-socket" of Cloud Hypervisor. */
static void cut_extension(char *file)
{
	static const char *const extensions[] = {
		".sock", ".socket", "-socket", ".img", ".qcow2", ".raw", ".ext4", ".json",
		".toml", ".yaml", ".vmdk", ".squashfs", ".pid", ".qmp", ".monitor",
		".cfg", ".conf", ".vhd", ".vhdx", ".vdi",
	};
	size_t len = strlen(file), i;

	for (i = 0; i < ARRAY_SIZE(extensions); i++) {
		size_t end = strlen(extensions[i]);

		if (len > end && !strcmp(file + len - end, extensions[i])) {
			file[len - end] = '\0';
			return;
		}
	}
}

/* "qmp_podman-machine-default": what the file is for, then whose it is. */
static const char *skip_purpose(const char *name)
{
	return begins_with(name, "qmp_") || begins_with(name, "qmp-") ? name + strlen("qmp_") : name;
}

/* "/dev/sdb", "/dev/dm-3": the kernel's number of a disk. Below it are names: "/dev/vg0/web". */
static bool is_numbered_disk(const char *path)
{
	return begins_with(path, "/dev/") && !strchr(path + strlen("/dev/"), '/');
}

/* By mktemp, Python's tempfile and libguestfs: another one at each start. */
static bool is_temporary(const char *name)
{
	size_t len = strlen(name);

	return begins_with(name, "tmp.") ||
	       (begins_with(name, "tmp") && len == strlen("tmp12345678")) ||
	       (begins_with(name, "libguestfs") && len == strlen("libguestfs123456"));
}

/* "rbd:pool/image:id=admin": what follows the image is how to reach it. */
static void cut_options(char *path)
{
	char *colon = begins_with(path, "rbd:") ? strchr(path + strlen("rbd:"), ':') : NULL;

	if (colon)
		*colon = '\0';
}

/* A descriptor, firmware of a package, or no file at all. */
static bool is_no_file(const char *path)
{
	return begins_with(path, "/proc/") || begins_with(path, "/dev/fd/") ||
	       begins_with(path, "/usr/share/") || !strcmp(path, "/dev/null") || !strcmp(path, "none") ||
	       !strcmp(path, "stdio");
}

char *name_from_path(const char *path)
{
	char *copy = xstrdup(path), *slash, *last, *name = NULL;
	bool is_top = false;
	size_t len;

	cut_options(copy);
	slash = strrchr(copy, '/');
	cut_extension(slash ? slash + 1 : copy);
	if (is_no_file(path) || is_numbered_disk(path))
		*copy = '\0';
	len = strlen(copy);
	/* A home directory names its user, /dev nothing. */
	while (len && !name && !is_top) {
		slash = memrchr(copy, '/', len);
		last = slash ? slash + 1 : copy;
		if (slash) {
			*slash = '\0';
			len = slash - copy;
		}
		is_top = slash && (!strcmp(copy, "/home") || (!*copy && !strcmp(last, "dev")));
		if (!is_top && !is_generic(last) && !is_temporary(last))
			name = xstrdup(skip_purpose(last));
		if (!slash)
			break;
	}
	free(copy);
	return name;
}

char *name_after(const char *path, const char *marker)
{
	const char *part = strstr(path, marker);
	size_t len;

	if (!part)
		return NULL;
	part += strlen(marker);
	len = strcspn(part, "/");
	return len && part[len] ? xmemdup0(part, len) : NULL;
}

/* "{"driver":"file","filename":"/a/b.img"}" */
static char *json_path(const char *value)
{
	const char *key = strstr(value, "\"filename\":\""), *path;

	if (!key)
		return NULL;
	path = key + strlen("\"filename\":\"");
	return xmemdup0(path, strcspn(path, "\""));
}

/* One "key=value" of a list with commas: its value, if the key is a file's. */
static const char *part_path(const char *part, bool is_first)
{
	static const char *const keys[] = {
		"path=", "file=", "file.filename=", "filename=", "unix:", "file:",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(keys); i++)
		if (begins_with(part, keys[i]))
			return part + strlen(keys[i]);
	return is_first && !strchr(part, '=') && !strchr(part, ':') ? part : NULL;
}

/* Firmware, and disks that several guests may share. */
static bool is_shared(const char *value)
{
	return strstr(value, "if=pflash") || strstr(value, "media=cdrom") ||
	       strstr(value, "readonly=on") || strstr(value, "snapshot=on") ||
	       strstr(value, "\"read-only\":true");
}

char *name_find_path(const char *value)
{
	char *copy, *part, *save = NULL, *found = NULL;

	/* No file has a longer path: users may have longer arguments, and many VMs. */
	if (strlen(value) >= PATH_MAX || is_shared(value))
		return NULL;
	if (*value == '{' || strstr(value, "json:{"))
		return json_path(value);
	copy = xstrdup(value);
	for (part = strtok_r(copy, ",", &save); part && !found;
	     part = strtok_r(NULL, ",", &save)) {
		const char *path = part_path(part, part == copy);

		if (path && *path && !is_no_file(path))
			found = xstrdup(path);
	}
	free(copy);
	return found;
}
