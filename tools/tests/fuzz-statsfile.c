// SPDX-License-Identifier: GPL-2.0
/*
 * Feeds damaged statistics files to the parser. LLVMFuzzerTestOneInput() is
 * libFuzzer's; main() is for where there is none: it damages a good file in
 * ways that a seed repeats exactly, for so many rounds or so many seconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/util.h"
#include "image.h"
#include "model/cell.h"
#include "model/nested.h"
#include "model/vcpu.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Everything that is done with a file is done with this one. */
static void use(struct exit_stats *stats)
{
	const struct exit_cell **cells = exits_by_busy(stats);
	static const struct exit_stats none;
	struct exit_stats diff, sum = { };
	size_t i;

	for (i = 0; i < stats->num_cells; i++) {
		cell_avg_ns(cells[i]);
		cell_percentile(cells[i], 50);
		cell_percentile(cells[i], 99);
	}
	free(cells);
	vcpu_now(stats, UINT64_MAX);
	nested_exits(stats);
	exits_add(&sum, stats);
	exits_add(&sum, stats);
	if (sum.num_cells != stats->num_cells)
		abort();
	exits_free(&sum);
	exits_subtract(&none, stats, &diff);
	exits_free(&diff);
	exits_subtract(stats, stats, &diff);
	for (i = 0; i < diff.num_cells; i++)
		if (diff.cells[i].value[CELL_COUNT])
			abort();
	exits_free(&diff);
}

static bool parse(struct image *image)
{
	struct stats_source source = image_source(image);
	struct exit_stats stats;
	struct statsfile file;
	const char *why = NULL;
	int err;

	if (statsfile_load(&source, &file, &why)) {
		if (!why)
			abort();
		return false;
	}
	err = exits_parse(&file, &stats, &why);
	statsfile_free(&file);
	if (err)
		return false;
	use(&stats);
	exits_free(&stats);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct image image;

	if (size > sizeof(image.bytes))
		return 0;
	memcpy(image.bytes, data, size);
	image.size = size;
	image.page = 4096;
	image.fail_at = SIZE_MAX;
	parse(&image);
	return 0;
}

#ifndef LIBFUZZER
static uint64_t state;

/* xorshift64: the same numbers everywhere. */
static uint32_t below(uint32_t limit)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 16) % limit;
}

static void damage(struct image *image)
{
	static const uint32_t odd[] = {
		0, 1, 7, 8, 24, 64, 255, 4096, 65535, 1 << 20, 1 << 31, ~0U,
	};
	uint32_t at, word;

	/* Most of a file is holes: aim at the header and the descriptors. */
	at = below(3) ? IMAGE_DESCS + below(image->size - IMAGE_DESCS) :
	     below(2) ? below(72) : below(image->size);
	switch (below(5)) {
	case 0:
		image->bytes[at] ^= 1 << below(8);
		break;
	case 1:
		image->bytes[at] = below(256);
		break;
	case 2:
		at &= ~3U;
		word = odd[below(ARRAY_SIZE(odd))];
		memcpy(image->bytes + at, &word, sizeof(word));
		break;
	case 3:
		image->size = below(8) ? image->size : below(image->size) + 1;
		break;
	case 4:
		/* One descriptor over another. */
		memcpy(image_desc(image, below(9)), image_desc(image, below(9)),
		       sizeof(struct kvm_stats_desc) + below(49));
		break;
	}
}

int main(int argc, char *argv[])
{
	uint64_t rounds = argc > 1 ? strtoull(argv[1], NULL, 10) : 200000;
	uint64_t seconds = argc > 2 ? strtoull(argv[2], NULL, 10) : 20;
	static struct image good, image;
	uint64_t accepted = 0, i;
	time_t end = time(NULL) + seconds;

	image_start(&good);
	image_add_one(&good, "exits", KVM_STATS_TYPE_CUMULATIVE, 0, 7);
	image_add_cell(&good, "l2/10/CPUID", 5, 5000, 2000, 10);
	image_add_cell(&good, "l3/12/HLT", 2, 900, 500, 9);
	for (i = 0; i < rounds && (i % 1024 || time(NULL) < end); i++) {
		unsigned int times;

		state = 0x9e3779b97f4a7c15ULL * (i + 1);
		image = good;
		image.page = below(2) ? 4096 : 1 + below(200);
		for (times = 1 + below(4); times; times--)
			if (image.size > IMAGE_DESCS)
				damage(&image);
		accepted += parse(&image);
	}
	printf("KTAP version 1\n1..1\n");
	printf("# %llu rounds, %llu accepted\n", (unsigned long long)i,
	       (unsigned long long)accepted);
	/* All or none accepted would say that nothing was really tried. */
	printf("%sok 1 - damaged statistics files do no harm\n",
	       accepted && accepted < i ? "" : "not ");
	return accepted && accepted < i ? 0 : 1;
}
#endif
