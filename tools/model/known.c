// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/util.h"
#include "model/known.h"

void known_guests_allow_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static ssize_t read_fd(void *ctx, void *buf, size_t size, uint64_t offset)
{
	return pread(*(int *)ctx, buf, size, offset);
}

static void close_stats(struct known_guest *known)
{
	if (known->stats_fd < 0)
		return;
	close(known->stats_fd);
	known->stats_fd = -1;
	exits_plan_free(&known->plan);
	statsfile_free(&known->file);
}

static void forget(struct known_guest *known)
{
	close_stats(known);
	close(known->dir_fd);
	guest_free(&known->guest);
	free(known);
}

static struct known_guest *meet(struct known_guests *guests,
				const struct env *env, uint64_t id,
				const char **file)
{
	struct known_guest *known;
	struct guest guest;
	int fd = guest_open(env, id), err;

	*file = "";
	err = fd < 0 ? fd : guest_read(env, fd, id, &guest, file);
	if (err) {
		if (fd >= 0)
			close(fd);
		errno = -err;
		return NULL;
	}
	known = xcalloc(1, sizeof(*known));
	known->guest = guest;
	known->dir_fd = fd;
	known->stats_fd = -1;
	*GROW(guests->v, guests->num) = known;
	return known;
}

static struct known_guest *find(const struct known_guests *guests, uint64_t id)
{
	size_t i;

	for (i = 0; i < guests->num; i++)
		if (guests->v[i]->guest.id == id)
			return guests->v[i];
	return NULL;
}

struct known_guest *known_guest(struct known_guests *guests,
				const struct env *env, uint64_t id,
				const char **file)
{
	struct known_guest *known = find(guests, id);
	int err;

	if (!known)
		return meet(guests, env, id, file);
	err = guest_refresh(known->dir_fd, &known->guest, file);
	if (!err)
		return known;
	errno = -err;
	return NULL;
}

static int open_stats(struct known_guest *known, const char **why)
{
	struct stats_source source = { read_fd, &known->stats_fd };
	int err;

	known->stats_fd = openat(known->dir_fd, "stats", O_RDONLY | O_CLOEXEC);
	if (known->stats_fd < 0) {
		err = -errno;
		*why = strerror(-err);
		return err;
	}
	err = statsfile_load(&source, &known->file, why);
	return err ? err : exits_plan(&known->file, &known->plan, why);
}

static int reload_stats(struct known_guest *known, const char **why)
{
	struct stats_source source = { read_fd, &known->stats_fd };
	bool is_new;
	int err = statsfile_reload(&source, &known->file, &is_new, why);

	if (err || !is_new)
		return err;
	exits_plan_free(&known->plan);
	return exits_plan(&known->file, &known->plan, why);
}

int known_guest_stats(struct known_guest *known, struct exit_stats *stats,
		      const char **why)
{
	int err = known->stats_fd < 0 ? open_stats(known, why) :
					reload_stats(known, why);

	if (err)
		close_stats(known);
	else
		exits_read(&known->plan, stats);
	return err;
}

static int compare_ids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

void known_guests_keep(struct known_guests *guests, const uint64_t *ids,
		       size_t num)
{
	size_t kept = 0, i;

	for (i = 0; i < guests->num; i++) {
		struct known_guest *known = guests->v[i];

		if (num && bsearch(&known->guest.id, ids, num, sizeof(*ids),
				   compare_ids))
			guests->v[kept++] = known;
		else
			forget(known);
	}
	guests->num = kept;
}

void known_guests_free(struct known_guests *guests)
{
	known_guests_keep(guests, NULL, 0);
	free(guests->v);
	*guests = (struct known_guests){ };
}
