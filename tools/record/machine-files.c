// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "record/machine-files.h"

/* /proc/cpuinfo of hundreds of CPUs. */
#define FILE_MAX_BYTES	(1 << 20)
#define OPEN_MOST	16

/* A name that ends with a slash is a directory of files. */
static const struct {
	const char *root, *name;
} sources[] = {
	{ "sys", "kernel/mm/transparent_hugepage/enabled" },
	{ "sys", "kernel/mm/transparent_hugepage/shmem_enabled" },
	{ "sys", "kernel/mm/transparent_hugepage/hugepages-2048kB/enabled" },
	{ "sys", "kernel/mm/transparent_hugepage/hugepages-2048kB/shmem_enabled" },
	{ "sys", "kernel/mm/ksm/run" },
	{ "sys", "devices/system/cpu/vulnerabilities/itlb_multihit" },
	{ "sys", "class/dmi/id/sys_vendor" },
	{ "sys", "class/dmi/id/product_name" },
	{ "sys", "class/l1tune/l1/vmx/" },
	{ "sys", "class/l1tune/l1/svm/" },
	{ "sys", "module/kvm/parameters/" },
	{ "sys", "module/kvm_intel/parameters/" },
	{ "sys", "module/kvm_amd/parameters/" },
	{ "sys", "module/kvm/initstate" },
	{ "sys", "module/kvm_intel/initstate" },
	{ "sys", "module/kvm_amd/initstate" },
	{ "proc", "cpuinfo" },
	{ "proc", "sys/kernel/numa_balancing" },
	{ "proc", "sys/kernel/split_lock_mitigate" },
	{ "proc", "sys/kernel/osrelease" },
	{ "proc", "sys/kernel/random/boot_id" },
	{ "state", "bench.json" },
	{ "state", "probe.json" },
};

struct search {
	struct machine_files *files;
	const char *root, *directory;
};

static void add_file(struct machine_files *files, int dir_fd, const char *root,
		     const char *directory, const char *name)
{
	size_t len;
	char *text = file_read(dir_fd, name, FILE_MAX_BYTES, &len);

	/* Strings are kept, so of a file with a NUL in it nothing is. */
	if (text && strlen(text) == len)
		*GROW(files->v, files->num) = (struct machine_file) {
			.path = xasprintf("%s/%s%s", root, directory, name),
			.text = xstrdup(text),
		};
	free(text);
}

static int add_entry(int fd, const char *name, void *arg)
{
	const struct search *search = arg;

	add_file(search->files, fd, search->root, search->directory, name);
	return 0;
}

static void read_source(int root_fd, size_t i, struct machine_files *files)
{
	const char *name = sources[i].name;
	struct search search = { files, sources[i].root, name };

	if (name[strlen(name) - 1] == '/')
		sysfs_for_each(root_fd, name, add_entry, &search);
	else
		add_file(files, root_fd, sources[i].root, "", name);
}

static int compare(const void *a, const void *b)
{
	const struct machine_file *x = a, *y = b;

	return strcmp(x->path, y->path);
}

/* In an order that stays, as each is compared with that of the record before. */
void machine_files_read(const struct env *env, struct machine_files *files)
{
	size_t i;

	*files = (struct machine_files){ };
	for (i = 0; i < ARRAY_SIZE(sources); i++) {
		const char *root = !strcmp(sources[i].root, "sys") ? env->sysfs :
				   !strcmp(sources[i].root, "proc") ? env->proc : env->state;
		int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0)
			continue;
		read_source(fd, i, files);
		close(fd);
	}
	if (files->num)
		qsort(files->v, files->num, sizeof(*files->v), compare);
}

void machine_files_free(struct machine_files *files)
{
	size_t i;

	for (i = 0; i < files->num; i++) {
		free(files->v[i].path);
		free(files->v[i].text);
	}
	free(files->v);
	*files = (struct machine_files){ };
}

void machine_files_code(struct codec *codec, struct machine_files *files,
			const struct machine_files *before)
{
	static const struct machine_file none;
	size_t i;

	files->v = codec_array(codec, files->v, &files->num, before->num, sizeof(*files->v));
	for (i = 0; i < files->num; i++) {
		const struct machine_file *base = i < before->num ? &before->v[i] : &none;

		codec_string(codec, &files->v[i].path, base->path);
		codec_string(codec, &files->v[i].text, base->text);
	}
}

/* Makes the directories above a path. */
static int make_parents(char *path)
{
	char *slash = path;

	while ((slash = strchr(slash + 1, '/'))) {
		int err;

		*slash = '\0';
		err = mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
		*slash = '/';
		if (err)
			return err;
	}
	return 0;
}

static int write_file(const char *directory, const struct machine_file *machine_file)
{
	char *path = xasprintf("%s/%s", directory, machine_file->path);
	int err = make_parents(path);
	FILE *file = err ? NULL : fopen(path, "wxe");

	if (!file && !err)
		err = -errno;
	if (file) {
		fputs(machine_file->text, file);
		err = ferror(file) ? -EIO : 0;
		if (fclose(file))
			err = -errno;
	}
	free(path);
	return err;
}

/* A record has a checksum, and still nothing in it may lead out of the directory. */
static bool is_inside(const struct machine_file *file)
{
	return file->path && file->text && *file->path != '/' && !strstr(file->path, "..");
}

char *machine_files_enter(const struct machine_files *files, struct env *env)
{
	const char *tmp = getenv("TMPDIR");
	char *directory = xasprintf("%s/l1tune-replay-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	int err = mkdtemp(directory) ? 0 : -errno;
	bool is_made = !err;
	size_t i;

	for (i = 0; i < files->num && !err; i++)
		if (is_inside(&files->v[i]))
			err = write_file(directory, &files->v[i]);
	if (!err) {
		env->sysfs = xasprintf("%s/sys", directory);
		env->proc = xasprintf("%s/proc", directory);
		env->state = xasprintf("%s/state", directory);
		return directory;
	}
	if (is_made)
		machine_files_remove(directory);
	else
		free(directory);
	errno = -err;
	return NULL;
}

static int remove_entry(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
	(void)stat;
	(void)type;
	(void)ftw;
	return remove(path);
}

void machine_files_remove(char *directory)
{
	nftw(directory, remove_entry, OPEN_MOST, FTW_DEPTH | FTW_PHYS);
	free(directory);
}
