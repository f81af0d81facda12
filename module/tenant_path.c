// SPDX-License-Identifier: GPL-2.0
#include <linux/errno.h>
#include <linux/glob.h>
#include <linux/limits.h>
#include <linux/string.h>

#include "cgroup.h"
#include "lock.h"
#include "tenant_path.h"

/**
 * l1t_path_name_bytes() - how long the name is that a path goes on with
 * @name: its first byte
 */
size_t l1t_path_name_bytes(const char *name)
{
	return strcspn(name, "/");
}

/**
 * l1t_path_is_pattern() - is a path a pattern of paths
 * @path: from l1t_path_parse()
 */
bool l1t_path_is_pattern(const char *path)
{
	return strpbrk(path, "*?[");
}

/**
 * l1t_path_literal() - how much of a pattern is plain
 * @pattern: from l1t_path_parse()
 *
 * Return: bytes before the slash of the first name with a wildcard.
 */
size_t l1t_path_literal(const char *pattern)
{
	size_t bytes = strcspn(pattern, "*?[\\");

	while (bytes && pattern[bytes] != '/')
		bytes--;
	return bytes;
}

/**
 * l1t_path_levels() - how many names a path has
 * @path: from the root; 0 for that
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
 * l1t_path_parse() - a path or pattern as people write it
 * @text: begins with "/", may end with a newline
 * @path: of L1T_CGROUP_BYTES
 *
 * Return: 0, -EINVAL, or -ENAMETOOLONG if no cgroup is looked at that is so deep.
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

/* Copies the next name of a path; returns what is behind it. */
static const char *next_name(const char *path, char *name)
{
	size_t bytes = l1t_path_name_bytes(++path);

	memcpy(name, path, bytes);
	name[bytes] = '\0';
	return path + bytes;
}

/**
 * l1t_path_matches() - is a path one of a pattern's
 * @pattern: which has as many names
 * @literal: from l1t_path_literal()
 * @path: the path
 *
 * Context: l1t_lock held.
 */
bool l1t_path_matches(const char *pattern, size_t literal, const char *path)
{
	/* Too large for a stack. */
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
