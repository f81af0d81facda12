// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/replace.h"
#include "base/util.h"

static char *beside(const char *path)
{
	const char *slash = strrchr(path, '/');
	int dir_len = slash ? slash - path + 1 : 0;

	return xasprintf("%.*s.%s.XXXXXX", dir_len, path, path + dir_len);
}

/* mkstemp() lets only the owner read. */
static int take_over_mode(int fd, const char *path)
{
	struct stat st;
	mode_t mask;

	if (!stat(path, &st))
		return fchown(fd, st.st_uid, st.st_gid) ||
		       fchmod(fd, st.st_mode & 07777) ? -errno : 0;
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

int replacement_start(struct replacement *replacement, const char *path)
{
	int fd, err;

	*replacement = (struct replacement) {
		.path = xstrdup(path), .temporary = beside(path),
	};
	fd = mkstemp(replacement->temporary);
	if (fd < 0) {
		err = -errno;
		forget(replacement);
		return err;
	}
	err = take_over_mode(fd, path);
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

int replacement_finish(struct replacement *replacement)
{
	bool is_bad = ferror(replacement->file);
	int err = 0;

	errno = 0;
	if (fclose(replacement->file) || is_bad)
		err = errno ? -errno : -EIO;
	if (!err && rename(replacement->temporary, replacement->path))
		err = -errno;
	if (err)
		unlink(replacement->temporary);
	forget(replacement);
	return err;
}

void replacement_drop(struct replacement *replacement)
{
	fclose(replacement->file);
	unlink(replacement->temporary);
	forget(replacement);
}
