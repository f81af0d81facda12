// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/util.h"
#include "model/guest-cache.h"

void guest_cache_allow_files(void)
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

static void close_stats(struct cached_guest *cached)
{
	if (cached->stats_fd < 0)
		return;
	close(cached->stats_fd);
	cached->stats_fd = -1;
	exits_plan_free(&cached->plan);
	statsfile_free(&cached->file);
}

static void forget(struct cached_guest *cached)
{
	close_stats(cached);
	guest_files_close(&cached->files);
	close(cached->dir_fd);
	guest_free(&cached->guest);
	free(cached);
}

static struct cached_guest *insert(struct guest_cache *guests,
				   const struct env *env, uint64_t id,
				   const char **file)
{
	struct cached_guest *cached;
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
	cached = xcalloc(1, sizeof(*cached));
	cached->guest = guest;
	cached->dir_fd = fd;
	cached->stats_fd = -1;
	*GROW(guests->v, guests->num) = cached;
	return cached;
}

static struct cached_guest *find(const struct guest_cache *guests, uint64_t id)
{
	size_t i;

	for (i = 0; i < guests->num; i++)
		if (guests->v[i]->guest.id == id)
			return guests->v[i];
	return NULL;
}

struct cached_guest *guest_cache_get(struct guest_cache *guests,
				     const struct env *env, uint64_t id,
				     const char **file)
{
	struct cached_guest *cached = find(guests, id);
	int err;

	if (!cached)
		return insert(guests, env, id, file);
	err = guest_refresh(env, cached->dir_fd, &cached->files, &cached->guest, file);
	if (!err)
		return cached;
	errno = -err;
	return NULL;
}

static int open_stats(struct cached_guest *cached, const char **why)
{
	struct stats_source source = { read_fd, &cached->stats_fd };
	int err;

	cached->stats_fd = openat(cached->dir_fd, "stats", O_RDONLY | O_CLOEXEC);
	if (cached->stats_fd < 0) {
		err = -errno;
		*why = strerror(-err);
		return err;
	}
	err = statsfile_load(&source, &cached->file, why);
	return err ? err : exits_plan(&cached->file, &cached->plan, why);
}

static int reload_stats(struct cached_guest *cached, const char **why)
{
	struct stats_source source = { read_fd, &cached->stats_fd };
	bool is_new;
	int err = statsfile_reload(&source, &cached->file, &is_new, why);

	if (err || !is_new)
		return err;
	exits_plan_free(&cached->plan);
	return exits_plan(&cached->file, &cached->plan, why);
}

int cached_guest_stats(struct cached_guest *cached, struct exit_stats *stats,
		       const char **why)
{
	int err = cached->stats_fd < 0 ? open_stats(cached, why) :
					reload_stats(cached, why);

	if (err)
		close_stats(cached);
	else
		exits_read(&cached->plan, stats);
	return err;
}

static int compare_ids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

void guest_cache_keep(struct guest_cache *guests, const uint64_t *ids,
		      size_t num)
{
	size_t kept = 0, i;

	for (i = 0; i < guests->num; i++) {
		struct cached_guest *cached = guests->v[i];

		if (num && bsearch(&cached->guest.id, ids, num, sizeof(*ids),
				   compare_ids))
			guests->v[kept++] = cached;
		else
			forget(cached);
	}
	guests->num = kept;
}

void guest_cache_free(struct guest_cache *guests)
{
	guest_cache_keep(guests, NULL, 0);
	beside_free(&guests->beside);
	free(guests->v);
	*guests = (struct guest_cache){ };
}
