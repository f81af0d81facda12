// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "image.h"

#define HIST_SIZE	25

struct kvm_stats_header *image_header(struct image *image)
{
	return (struct kvm_stats_header *)image->bytes;
}

struct kvm_stats_desc *image_desc(struct image *image, unsigned int n)
{
	return (struct kvm_stats_desc *)(image->bytes + IMAGE_DESCS +
		n * (sizeof(struct kvm_stats_desc) + IMAGE_NAME_SIZE));
}

void image_start(struct image *image)
{
	memset(image, 0, sizeof(*image));
	*image_header(image) = (struct kvm_stats_header) {
		.name_size = IMAGE_NAME_SIZE,
		.id_offset = sizeof(struct kvm_stats_header),
		.data_offset = IMAGE_DATA,
		.desc_offset = IMAGE_DESCS,
	};
	strcpy((char *)image->bytes + sizeof(struct kvm_stats_header),
	       "l1tune-1");
	image->size = IMAGE_DESCS;
	image->page = 4096;
	image->fail_at = SIZE_MAX;
}

struct kvm_stats_desc *image_add(struct image *image, const char *name,
				 uint32_t flags, int exponent,
				 const uint64_t *values, unsigned int num)
{
	unsigned int n = image_header(image)->num_desc++;
	struct kvm_stats_desc *desc = image_desc(image, n);

	*desc = (struct kvm_stats_desc) {
		.flags = flags, .exponent = exponent, .size = num,
		.offset = image->data_used,
	};
	strncpy(desc->name, name, IMAGE_NAME_SIZE);
	memcpy(image->bytes + IMAGE_DATA + image->data_used, values,
	       num * sizeof(*values));
	image->data_used += num * sizeof(*values);
	image->size = (unsigned char *)image_desc(image, n + 1) - image->bytes;
	return desc;
}

struct kvm_stats_desc *image_add_one(struct image *image, const char *name,
				     uint32_t flags, int exponent,
				     uint64_t value)
{
	return image_add(image, name, flags, exponent, &value, 1);
}

void image_add_cell(struct image *image, const char *prefix, uint64_t count,
		    uint64_t time_ns, uint64_t max_ns, unsigned int bucket)
{
	uint64_t hist[HIST_SIZE] = { [0] = 0 };
	char name[IMAGE_NAME_SIZE];

	hist[bucket] = count;
	snprintf(name, sizeof(name), "%s/count", prefix);
	image_add_one(image, name, KVM_STATS_TYPE_CUMULATIVE, 0, count);
	snprintf(name, sizeof(name), "%s/time_ns", prefix);
	image_add_one(image, name, NS_SUM, -9, time_ns);
	snprintf(name, sizeof(name), "%s/max_ns", prefix);
	image_add_one(image, name, NS_PEAK, -9, max_ns);
	snprintf(name, sizeof(name), "%s/hist_ns", prefix);
	image_add(image, name, NS_HIST, -9, hist, HIST_SIZE);
}

static ssize_t read_image(void *ctx, void *buf, size_t size, uint64_t offset)
{
	struct image *image = ctx;
	size_t left;

	if (offset >= image->fail_at) {
		errno = image->fail_errno;
		return -1;
	}
	if (offset >= image->size)
		return 0;
	left = image->size - offset;
	if (left > image->page - offset % image->page)
		left = image->page - offset % image->page;
	if (left > size)
		left = size;
	memcpy(buf, image->bytes + offset, left);
	return left;
}

struct stats_source image_source(struct image *image)
{
	return (struct stats_source){ .read_at = read_image, .ctx = image };
}
