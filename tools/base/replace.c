// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/replace.h"
#include "base/util.h"

/* As many as the kernel follows. */
#define MAX_LINKS	40

static int directory_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash - path + 1 : 0;
}

/* What the link at path names; NULL with errno set. */
static char *read_link(const char *path)
{
	char target[4096];
	ssize_t len = readlink(path, target, sizeof(target));
	char *name, *joined;

	if (len < 0)
		return NULL;
	if (len == sizeof(target)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	name = xmemdup0(target, len);
	if (*name == '/')
		return name;
	joined = xasprintf("%.*s%s", directory_len(path), path, name);
	free(name);
	return joined;
}

/*
 * Replaces *path with the file that is meant, so that links stay links. Only
 * links of root and of the caller count: in a directory that others may write
 * to, a link could otherwise have root replace any file.
 */
static int follow_links(char **path)
{
	unsigned int i;
	struct stat st;

	for (i = 0; i < MAX_LINKS; i++) {
		char *target;

		if (lstat(*path, &st))
			return errno == ENOENT ? 0 : -errno;
		if (!S_ISLNK(st.st_mode))
			return S_ISREG(st.st_mode) ? 0 : S_ISDIR(st.st_mode) ? -EISDIR : -ENOTSUP;
		if (st.st_uid && st.st_uid != geteuid())
			return -ELOOP;
		target = read_link(*path);
		if (!target)
			return -errno;
		free(*path);
		*path = target;
	}
	return -ELOOP;
}

static char *beside(const char *path)
{
	int dir_len = directory_len(path);

	return xasprintf("%.*s.%s.XXXXXX", dir_len, path, path + dir_len);
}

/* In a directory that all may write to, another user may have placed the file for us to fill. */
static bool is_planted(const struct stat *file, const char *path)
{
	char *dir = xmemdup0(path, directory_len(path));
	struct stat st;
	bool anyones = !stat(*dir ? dir : ".", &st) && st.st_mode & S_IWOTH;

	free(dir);
	return anyones && file->st_uid != geteuid();
}

/* mkstemp() lets only the owner read. */
static int take_over_mode(int fd, const char *path)
{
	struct stat st;
	mode_t mask;

	if (!stat(path, &st))
		return is_planted(&st, path) ? 0 :
		       fchown(fd, st.st_uid, st.st_gid) ||
		       fchmod(fd, st.st_mode & 0777) ? -errno : 0;
	mask = umask(0);
	umask(mask);
	return fchmod(fd, 0666 & ~mask) ? -errno : 0;
}

static void forget(struct replacement *replacement)
{
	free(replacement->temporary);
	free(replacement->path);
	*replacement = (struct replacement){ };
}

/* As take_over_mode(), or the caller's file with this mode. */
static int start(struct replacement *replacement, const char *path, const mode_t *mode)
{
	int fd, err;

	*replacement = (struct replacement) { .path = xstrdup(path) };
	err = follow_links(&replacement->path);
	if (err) {
		forget(replacement);
		return err;
	}
	replacement->temporary = beside(replacement->path);
	fd = mkstemp(replacement->temporary);
	if (fd < 0) {
		err = -errno;
		forget(replacement);
		return err;
	}
	if (mode)
		err = fchmod(fd, *mode) ? -errno : 0;
	else
		err = take_over_mode(fd, replacement->path);
	if (!err) {
		replacement->file = fdopen(fd, "w");
		err = replacement->file ? 0 : -errno;
	}
	if (err) {
		close(fd);
		unlink(replacement->temporary);
		forget(replacement);
	}
	return err;
}

int replacement_start(struct replacement *replacement, const char *path)
{
	return start(replacement, path, NULL);
}

int replacement_start_own(struct replacement *replacement, const char *path, mode_t mode)
{
	return start(replacement, path, &mode);
}

/* A rename is on the disk when its directory is. */
static int sync_directory(const char *path)
{
	char *dir = xmemdup0(path, directory_len(path));
	int fd = open(*dir ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err = 0;

	free(dir);
	if (fd < 0)
		return -errno;
	/* Some file systems have nothing to sync there. */
	if (fsync(fd) && errno != EINVAL && errno != ENOTSUP)
		err = -errno;
	close(fd);
	return err;
}

/*
 * Without the sync a loss of power can leave a file that has the new name and
 * no content.
 */
int replacement_finish(struct replacement *replacement)
{
	int err = 0;

	errno = 0;
	if (fflush(replacement->file) || ferror(replacement->file) ||
	    fsync(fileno(replacement->file)))
		err = errno ? -errno : -EIO;
	if (fclose(replacement->file) && !err)
		err = errno ? -errno : -EIO;
	if (!err && rename(replacement->temporary, replacement->path))
		err = -errno;
	if (err)
		unlink(replacement->temporary);
	else
		err = sync_directory(replacement->path);
	forget(replacement);
	return err;
}

void replacement_drop(struct replacement *replacement)
{
	fclose(replacement->file);
	unlink(replacement->temporary);
	forget(replacement);
}
