// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/sysfs.h"
#include "base/util.h"
#include "record/segment.h"

/* Higher ones take more time than they save. */
#define COMPRESSION_LEVEL	3

const struct tier_kind tier_kinds[NUM_TIERS] = {
	[TIER_FINE] = { "fine-", 0, 50 },
	[TIER_MINUTE] = { "minute-", 60 * NSEC_PER_SEC, 25 },
	[TIER_TEN_MINUTES] = { "ten-minutes-", 600 * NSEC_PER_SEC, 25 },
};

struct segment_list {
	int dir_fd;
	struct segment *v;
	size_t num;
};

/* "fine-12" */
static int add_segment(int fd, const char *name, void *arg)
{
	struct segment_list *list = arg;
	struct segment segment = { };
	struct stat stat;
	size_t len;

	(void)fd;
	for (; segment.tier < NUM_TIERS; segment.tier++) {
		const char *prefix = tier_kinds[segment.tier].prefix;

		len = strlen(prefix);
		if (strncmp(name, prefix, len) ||
		    parse_u64(name + len, &segment.number) ||
		    fstatat(list->dir_fd, name, &stat, AT_SYMLINK_NOFOLLOW) ||
		    !S_ISREG(stat.st_mode))
			continue;
		segment.bytes = stat.st_size;
		*GROW(list->v, list->num) = segment;
		break;
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

int segments_list(int dir_fd, struct segment **segments, size_t *num)
{
	struct segment_list list = { .dir_fd = dir_fd };
	int err = sysfs_for_each(dir_fd, ".", add_segment, &list);

	if (list.num)
		qsort(list.v, list.num, sizeof(*list.v), compare);
	*segments = list.v;
	*num = list.num;
	return err;
}

static void name_of(const struct segment *segment, char *name, size_t size)
{
	snprintf(name, size, "%s%llu", tier_kinds[segment->tier].prefix,
		 (unsigned long long)segment->number);
}

int segment_open(int dir_fd, const struct segment *segment, int flags)
{
	char name[64];
	int fd;

	name_of(segment, name, sizeof(name));
	fd = openat(dir_fd, name, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? -errno : fd;
}

int segment_unlink(int dir_fd, const struct segment *segment)
{
	char name[64];

	name_of(segment, name, sizeof(name));
	return unlinkat(dir_fd, name, 0) ? -errno : 0;
}

/* Kept, as its tables take longer to set up than a record to compress. */
static ZSTD_CCtx *get_compressor(void)
{
	static ZSTD_CCtx *context;

	if (context)
		return context;
	context = ZSTD_createCCtx();
	if (!context)
		return NULL;
	ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, COMPRESSION_LEVEL);
	ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
	return context;
}

static size_t compress(void *to, size_t size, const void *raw, size_t len)
{
	ZSTD_CCtx *context = get_compressor();
	size_t bytes = context ? ZSTD_compress2(context, to, size, raw, len) : 0;

	return ZSTD_isError(bytes) ? 0 : bytes;
}

void *record_encode(const struct moment *moment, const struct moment *before,
		    size_t *bytes)
{
	struct codec codec = codec_writer();
	struct record_header header = {
		.magic = RECORD_MAGIC, .flags = before ? 0 : RECORD_IS_KEY,
		.time_ns = moment_time_ns(moment),
	};
	size_t bound, stored;
	char *record;

	/* The cast is safe: a writing codec does not change the moment. */
	moment_code(&codec, (struct moment *)moment, before);
	bound = ZSTD_compressBound(codec.len);
	record = xmallocarray(sizeof(header) + bound, 1);
	stored = codec.len > RECORD_MAX_BYTES ? 0 :
		 compress(record + sizeof(header), bound, codec.buf, codec.len);
	header.stored_bytes = stored;
	header.raw_bytes = codec.len;
	codec_free(&codec);
	if (!stored) {
		free(record);
		return NULL;
	}
	memcpy(record, &header, sizeof(header));
	*bytes = sizeof(header) + stored;
	return record;
}

/* All of it or false. */
static bool read_at(int fd, void *buf, size_t size, uint64_t offset)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pread(fd, (char *)buf + done, size - done, offset + done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += n;
	}
	return true;
}

bool record_read_header(int fd, uint64_t offset, struct record_header *header)
{
	return read_at(fd, header, sizeof(*header), offset) &&
	       !memcmp(header->magic, RECORD_MAGIC, sizeof(header->magic)) &&
	       !(header->flags & ~RECORD_IS_KEY) &&
	       header->stored_bytes <= RECORD_MAX_BYTES &&
	       header->raw_bytes <= RECORD_MAX_BYTES;
}

/* A copy of the payload, NULL if it is damaged. */
static void *read_payload(int fd, uint64_t offset, const struct record_header *header)
{
	void *stored = xmallocarray(header->stored_bytes, 1), *raw = NULL;

	if (read_at(fd, stored, header->stored_bytes, offset + sizeof(*header))) {
		raw = xmallocarray(header->raw_bytes, 1);
		if (ZSTD_decompress(raw, header->raw_bytes, stored,
				    header->stored_bytes) != header->raw_bytes) {
			free(raw);
			raw = NULL;
		}
	}
	free(stored);
	return raw;
}

bool record_decode_events(int fd, uint64_t offset, const struct record_header *header,
			  struct moment *moment)
{
	void *raw = read_payload(fd, offset, header);
	struct codec codec;

	*moment = (struct moment){ };
	if (!raw)
		return false;
	codec = codec_reader(raw, header->raw_bytes);
	moment_code_events(&codec, moment);
	free(raw);
	if (codec.is_bad)
		moment_free(moment);
	return !codec.is_bad;
}

bool record_decode(int fd, uint64_t offset, const struct record_header *header,
		   const struct moment *before, struct moment *moment)
{
	bool is_key = header->flags & RECORD_IS_KEY, is_good;
	struct codec codec;
	void *raw;

	*moment = (struct moment){ };
	raw = is_key || before ? read_payload(fd, offset, header) : NULL;
	if (!raw)
		return false;
	codec = codec_reader(raw, header->raw_bytes);
	moment_code(&codec, moment, is_key ? NULL : before);
	is_good = codec_is_complete(&codec) && moment_time_ns(moment) == header->time_ns;
	free(raw);
	if (!is_good)
		moment_free(moment);
	return is_good;
}
