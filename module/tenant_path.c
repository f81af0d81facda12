// SPDX-License-Identifier: GPL-2.0
#include <linux/errno.h>
#include <linux/glob.h>
#include <linux/limits.h>
#include <linux/string.h>

#include "cgroup.h"
#include "lock.h"
#include "tenant_path.h"

/**
 * l1t_path_name_bytes() - length of the name at the beginning of a path
 * @name: its first byte
 *
 * Return: bytes up to the next slash or the end.
 */
size_t l1t_path_name_bytes(const char *name)
{
	return strcspn(name, "/");
}

/**
 * l1t_path_is_pattern() - is a path a pattern of paths
 * @path: from l1t_path_parse()
 *
 * Return: true if it has a wildcard.
 */
bool l1t_path_is_pattern(const char *path)
{
	return strpbrk(path, "*?[");
}

/**
 * l1t_path_literal() - length of a pattern's part without wildcards
 * @pattern: from l1t_path_parse()
 *
 * Return: bytes before the slash of the first name that has a wildcard.
 */
size_t l1t_path_literal(const char *pattern)
{
	size_t bytes = strcspn(pattern, "*?[\\");

	while (bytes && pattern[bytes] != '/')
		bytes--;
	return bytes;
}

/**
 * l1t_path_levels() - number of names in a path
 * @path: from the root; the root has 0
 *
 * Return: the number.
 */
unsigned int l1t_path_levels(const char *path)
{
	unsigned int n = 0;

	if (!path[1])
		return 0;
	for (; *path; path++)
		n += *path == '/';
	return n;
}

/**
 * l1t_path_parse() - parse a path or pattern
 * @text: begins with "/", may end with a newline
 * @path: of L1T_CGROUP_BYTES
 *
 * Return: 0, -EINVAL, or -ENAMETOOLONG if it is deeper or longer than paths of cgroups
 * are read.
 */
int l1t_path_parse(const char *text, char *path)
{
	size_t len = strcspn(text, "\n"), bytes;
	const char *name;

	if (text[len] && text[len + 1])
		return -EINVAL;
	if (len >= L1T_CGROUP_BYTES)
		return -ENAMETOOLONG;
	memcpy(path, text, len);
	path[len] = '\0';
	if (path[0] != '/')
		return -EINVAL;
	if (l1t_path_levels(path) > L1T_CGROUP_LEVELS)
		return -ENAMETOOLONG;
	for (name = path + 1; path[1]; name += bytes + 1) {
		bytes = l1t_path_name_bytes(name);
		if (bytes > NAME_MAX)
			return -ENAMETOOLONG;
		if (!bytes || (bytes <= 3 && !strncmp(name, "...", bytes)))
			return -EINVAL;
		if (!name[bytes])
			break;
	}
	return 0;
}

/* Copies the next name of a path; returns what follows it. */
static const char *next_name(const char *path, char *name)
{
	size_t bytes = l1t_path_name_bytes(++path);

	memcpy(name, path, bytes);
	name[bytes] = '\0';
	return path + bytes;
}

/**
 * l1t_path_matches() - does a path match a pattern
 * @pattern: has as many names as @path
 * @literal: from l1t_path_literal()
 * @path: the path
 *
 * Context: l1t_lock held.
 * Return: true if it does.
 */
bool l1t_path_matches(const char *pattern, size_t literal, const char *path)
{
	/* Too large for the stack. */
	static char wanted[NAME_MAX + 1], name[NAME_MAX + 1];

	lockdep_assert_held(&l1t_lock);
	if (strncmp(pattern, path, literal) || path[literal] != '/')
		return false;
	pattern += literal;
	path += literal;
	while (*pattern) {
		pattern = next_name(pattern, wanted);
		path = next_name(path, name);
		if (!glob_match(wanted, name))
			return false;
	}
	return true;
}
