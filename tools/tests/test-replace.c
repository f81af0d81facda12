// SPDX-License-Identifier: GPL-2.0
/*
 * A file that replaces another: what is on the disk when, and where links lead.
 * fsync() and rename() of this program are called instead of libc's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/replace.h"
#include "ktap.h"

static char calls[256];
static int fsync_error;

static void note(const char *call)
{
	strncat(calls, call, sizeof(calls) - strlen(calls) - 1);
}

int fsync(int fd)
{
	struct stat st = { };
	char call[64];

	fstat(fd, &st);
	if (S_ISDIR(st.st_mode))
		note("sync-directory ");
	else if (snprintf(call, sizeof(call), "sync-%lld-bytes ",
			  (long long)st.st_size) > 0)
		note(call);
	if (fsync_error) {
		errno = fsync_error;
		return -1;
	}
	return syscall(SYS_fsync, fd);
}

int rename(const char *old, const char *new)
{
	note("rename ");
	return syscall(SYS_renameat2, AT_FDCWD, old, AT_FDCWD, new, 0);
}

static int replace(const char *path, const char *text)
{
	struct replacement replacement;
	int err = replacement_start(&replacement, path);

	*calls = '\0';
	if (err)
		return err;
	fputs(text, replacement.file);
	return replacement_finish(&replacement);
}

static const char *content(const char *path)
{
	static char text[64];
	FILE *file = fopen(path, "r");
	size_t len = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

	text[len] = '\0';
	if (file)
		fclose(file);
	return text;
}

static bool is_link(const char *path)
{
	struct stat st;

	return !lstat(path, &st) && S_ISLNK(st.st_mode);
}

static void test_sync(void)
{
	int err;

	ktap_ok(!replace("file", "one\n"), "a file is written");
	ktap_equal(calls, "sync-4-bytes rename sync-directory ",
		   "its content is synced before it gets its name, and its directory after that");
	fsync_error = EIO;
	err = replace("file", "two\n");
	ktap_ok(err == -EIO && !strcmp(content("file"), "one\n"),
		"a file that cannot be synced does not replace the old one");
	fsync_error = 0;
	ktap_ok(!system("[ \"$(ls -A)\" = file ]"), "nothing is left beside it");
}

static void test_links(void)
{
	struct stat st = { };

	mkdir("target", 0755);
	ktap_ok(!symlink("target/file", "link") && !replace("link", "new\n"),
		"a link to a file that is not there is written through");
	ktap_ok(is_link("link") && !strcmp(content("target/file"), "new\n"),
		"the link stays and the file is where it leads");
	ktap_ok(!symlink("link", "second") && !replace("second", "newer\n") &&
		is_link("second") && is_link("link") &&
		!strcmp(content("target/file"), "newer\n"),
		"a link to a link is followed to the file");
	chmod("target/file", 06751);
	ktap_ok(!replace("link", "x") && !stat("target/file", &st) &&
		(st.st_mode & 07777) == 0751,
		"permissions of the old file are kept, set-user-ID and set-group-ID are not");
	ktap_ok(!symlink("loop", "loop") && replace("loop", "x") == -ELOOP,
		"a link to itself is an error");
	mkfifo("fifo", 0644);
	ktap_ok(replace("fifo", "x") == -ENOTSUP && !stat("fifo", &st) &&
		S_ISFIFO(st.st_mode), "what is not a file is not replaced");
	if (geteuid()) {
		ktap_ok(true, "a link of another user is not followed # SKIP needs root");
		return;
	}
	ktap_ok(!symlink("target/file", "foreign") &&
		!lchown("foreign", 65534, 65534) &&
		replace("foreign", "bad\n") == -ELOOP &&
		!strcmp(content("target/file"), "x"),
		"a link of another user is not followed");
}

static int replace_own(const char *path, mode_t mode)
{
	struct replacement replacement;
	int err = replacement_start_own(&replacement, path, mode);

	return err ? err : replacement_finish(&replacement);
}

static bool is_owned(const char *path, uid_t uid, mode_t mode)
{
	struct stat st;

	return !stat(path, &st) && st.st_uid == uid && (st.st_mode & 07777) == mode;
}

static void test_owner(void)
{
	mkdir("anyones", 0755);
	chmod("anyones", 01777);
	if (geteuid()) {
		ktap_ok(true, "owners # SKIP needs root");
		return;
	}
	ktap_ok(!replace("anyones/own", "x") && !chmod("anyones/own", 0640) &&
		!replace("anyones/own", "y") && is_owned("anyones/own", 0, 0640),
		"permissions of an own file are kept in a directory of everybody");
	ktap_ok(!replace("anyones/file", "x") && !chown("anyones/file", 65534, 65534) &&
		!replace("anyones/file", "secret") && is_owned("anyones/file", 0, 0600),
		"a file that another user put there is not given back to that user");
	ktap_ok(!replace("target/theirs", "x") && !chown("target/theirs", 65534, 65534) &&
		!chmod("target/theirs", 0644) && !replace("target/theirs", "y") &&
		is_owned("target/theirs", 65534, 0644), "elsewhere the owner is kept");
	ktap_ok(!replace_own("target/theirs", 0600) && is_owned("target/theirs", 0, 0600),
		"a file that is to be the caller's is, whoever's it was");
}

int main(void)
{
	char dir[] = "/tmp/l1tune-test-XXXXXX";
	char *command;

	ktap_start();
	if (!mkdtemp(dir) || chdir(dir))
		return 1;
	test_sync();
	test_links();
	test_owner();
	command = xasprintf("rm -rf %s", dir);
	ktap_ok(!chdir("/") && !system(command), "the scratch directory is removed");
	free(command);
	return ktap_end();
}
