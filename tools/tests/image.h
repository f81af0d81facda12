/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_IMAGE_H
#define L1TUNE_IMAGE_H

#include <stddef.h>
#include <stdint.h>
#include <linux/kvm.h>

#include "model/statsfile.h"

#define IMAGE_SIZE	(3 * 4096)
#define IMAGE_DATA	128
#define IMAGE_DESCS	8192
#define IMAGE_NAME_SIZE	48

#define NS_SUM		(KVM_STATS_TYPE_CUMULATIVE | KVM_STATS_UNIT_SECONDS)
#define NS_PEAK		(KVM_STATS_TYPE_PEAK | KVM_STATS_UNIT_SECONDS)
#define NS_HIST		(KVM_STATS_TYPE_LOG_HIST | KVM_STATS_UNIT_SECONDS)

/* A statistics file in memory: data before descriptors, as the module's. */
struct image {
	unsigned char bytes[IMAGE_SIZE];
	size_t size;
	size_t data_used;
	/* How much one read returns at most: up to the next multiple. */
	size_t page;
	/* A read that begins at or after it fails with this errno. */
	size_t fail_at;
	int fail_errno;
};

void image_start(struct image *image);
struct kvm_stats_header *image_header(struct image *image);
struct kvm_stats_desc *image_desc(struct image *image, unsigned int n);
struct kvm_stats_desc *image_add(struct image *image, const char *name,
				 uint32_t flags, int exponent,
				 const uint64_t *values, unsigned int num);
struct kvm_stats_desc *image_add_one(struct image *image, const char *name,
				     uint32_t flags, int exponent,
				     uint64_t value);
/* count, time_ns, max_ns and a hist_ns of 25 with all in one bucket */
void image_add_cell(struct image *image, const char *prefix, uint64_t count,
		    uint64_t time_ns, uint64_t max_ns, unsigned int bucket);

struct stats_source image_source(struct image *image);

#endif
