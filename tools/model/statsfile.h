/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_STATSFILE_H
#define L1TUNE_STATSFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* One statistic: its descriptor, checked, and its values. */
struct stats_item {
	const char *name;
	const uint64_t *values;
	uint32_t flags;
	int16_t exponent;
	uint16_t size;
};

struct statsfile {
	char *id;
	struct stats_item *items;
	size_t num_items;
	char *names;
	uint64_t *data;
	size_t data_size;
	/* The header that the items were made from. */
	unsigned char header[24];
};

/*
 * Where the bytes come from. read_at() may return less than asked for and
 * returns 0 at the end of the file, -1 with errno on failure.
 */
struct stats_source {
	ssize_t (*read_at)(void *ctx, void *buf, size_t size, uint64_t offset);
	void *ctx;
};

/*
 * 0, or -errno with *why saying what is wrong; -EBADMSG when the contents are.
 * Nothing in the file is trusted. Free with statsfile_free() after success.
 */
int statsfile_load(const struct stats_source *source, struct statsfile *file,
		   const char **why);

/*
 * The values as they are now; the descriptors only if the header has changed,
 * and then *is_new is true. After an error the file is as it was, but for its
 * values.
 */
int statsfile_reload(const struct stats_source *source, struct statsfile *file,
		     bool *is_new, const char **why);
int statsfile_load_at(int dirfd, const char *name, struct statsfile *file,
		      const char **why);
void statsfile_free(struct statsfile *file);

#endif
