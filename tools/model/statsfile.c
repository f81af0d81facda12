// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/kvm.h>

#include "base/util.h"
#include "model/statsfile.h"

/*
 * Far above what every reason of both ISAs at both levels needs, and low
 * enough that a damaged header cannot make the tool allocate gigabytes.
 */
#define MAX_NAME_SIZE	256
#define MAX_DESCS	32768
#define MAX_DATA_SIZE	(16U << 20)

static int bad(const char **why, const char *what)
{
	*why = what;
	return -EBADMSG;
}

/* The module ends each read at a page; a cell never crosses one. */
static int read_block(const struct stats_source *source, void *buf, size_t size,
		      uint64_t offset, const char **why)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = source->read_at(source->ctx, (char *)buf + done,
					    size - done, offset + done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int err = -errno;

			*why = strerror(-err);
			return err;
		}
		if (!n)
			return bad(why, "the file ends too early");
		done += n;
	}
	return 0;
}

static int check_header(const struct kvm_stats_header *header, const char **why)
{
	if (header->flags)
		return bad(why, "header with unknown flags");
	if (!header->name_size || header->name_size > MAX_NAME_SIZE)
		return bad(why, "header with an impossible name_size");
	if (header->num_desc > MAX_DESCS)
		return bad(why, "header with an impossible num_desc");
	if (header->id_offset < sizeof(*header) ||
	    header->desc_offset < sizeof(*header) ||
	    header->data_offset < sizeof(*header))
		return bad(why, "header with a block that overlaps it");
	return 0;
}

/* A string that ends within its field and can do no harm where it is shown. */
static int check_string(const char *s, size_t size)
{
	size_t i;

	for (i = 0; i < size && s[i]; i++)
		if (s[i] <= ' ' || s[i] > '~')
			return -EBADMSG;
	return i && i < size ? 0 : -EBADMSG;
}

/* Checks one descriptor and takes it over. */
static int parse_desc(const char *raw, size_t name_size,
		      struct stats_item *item, char *name, uint64_t *offset,
		      const char **why)
{
	struct kvm_stats_desc desc;

	memcpy(&desc, raw, sizeof(desc));
	memcpy(name, raw + sizeof(desc), name_size);
	if (check_string(name, name_size))
		return bad(why, "descriptor with a name that is not one");
	if (!desc.size)
		return bad(why, "descriptor without values");
	if (desc.offset % sizeof(uint64_t))
		return bad(why, "descriptor with an unaligned offset");
	*offset = desc.offset;
	if (*offset + desc.size * sizeof(uint64_t) > MAX_DATA_SIZE)
		return bad(why, "descriptor with an offset out of range");
	item->name = name;
	item->flags = desc.flags;
	item->exponent = desc.exponent;
	item->size = desc.size;
	return 0;
}

static int load_items(const struct stats_source *source,
		      const struct kvm_stats_header *header,
		      struct statsfile *file, const char **why)
{
	size_t desc_size = sizeof(struct kvm_stats_desc) + header->name_size;
	size_t num = header->num_desc, i;
	uint64_t *offsets = xcalloc(num, sizeof(*offsets));
	char *raw = xcalloc(num, desc_size);
	uint64_t data_size = 0;
	int err;

	file->items = xcalloc(num, sizeof(*file->items));
	file->names = xcalloc(num, header->name_size);
	err = read_block(source, raw, num * desc_size, header->desc_offset, why);
	for (i = 0; i < num && !err; i++) {
		struct stats_item *item = &file->items[i];
		uint64_t end;

		err = parse_desc(raw + i * desc_size, header->name_size, item,
				 file->names + i * header->name_size,
				 &offsets[i], why);
		end = offsets[i] + item->size * sizeof(uint64_t);
		if (!err && end > data_size)
			data_size = end;
	}
	if (!err) {
		file->data = xcalloc(1, data_size);
		file->data_size = data_size;
		err = read_block(source, file->data, data_size,
				 header->data_offset, why);
	}
	for (i = 0; i < num && !err; i++)
		file->items[i].values = file->data + offsets[i] / sizeof(uint64_t);
	file->num_items = num;
	free(raw);
	free(offsets);
	return err;
}

static int read_header(const struct stats_source *source,
		       struct kvm_stats_header *header, const char **why)
{
	int err = read_block(source, header, sizeof(*header), 0, why);

	return err ? err : check_header(header, why);
}

static int load(const struct stats_source *source,
		const struct kvm_stats_header *header, struct statsfile *file,
		const char **why)
{
	int err;

	memset(file, 0, sizeof(*file));
	_Static_assert(sizeof(file->header) == sizeof(*header), "header");
	memcpy(file->header, header, sizeof(*header));
	file->id = xcalloc(1, header->name_size);
	err = read_block(source, file->id, header->name_size, header->id_offset,
			 why);
	if (!err && check_string(file->id, header->name_size))
		err = bad(why, "id that is not a string");
	if (!err)
		err = load_items(source, header, file, why);
	if (err)
		statsfile_free(file);
	return err;
}

int statsfile_load(const struct stats_source *source, struct statsfile *file,
		   const char **why)
{
	struct kvm_stats_header header;
	int err = read_header(source, &header, why);

	memset(file, 0, sizeof(*file));
	return err ? err : load(source, &header, file, why);
}

int statsfile_reload(const struct stats_source *source, struct statsfile *file,
		     bool *is_new, const char **why)
{
	struct kvm_stats_header header;
	struct statsfile other;
	int err = read_header(source, &header, why);

	*is_new = false;
	if (err)
		return err;
	if (!memcmp(file->header, &header, sizeof(header)))
		return read_block(source, file->data, file->data_size,
				  header.data_offset, why);
	err = load(source, &header, &other, why);
	if (err)
		return err;
	statsfile_free(file);
	*file = other;
	*is_new = true;
	return 0;
}

static ssize_t read_fd(void *ctx, void *buf, size_t size, uint64_t offset)
{
	return pread(*(int *)ctx, buf, size, offset);
}

int statsfile_load_at(int dirfd, const char *name, struct statsfile *file,
		      const char **why)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	struct stats_source source = { .read_at = read_fd, .ctx = &fd };
	int err;

	if (fd < 0) {
		err = -errno;
		*why = strerror(-err);
		return err;
	}
	err = statsfile_load(&source, file, why);
	close(fd);
	return err;
}

void statsfile_free(struct statsfile *file)
{
	free(file->id);
	free(file->items);
	free(file->names);
	free(file->data);
	memset(file, 0, sizeof(*file));
}
