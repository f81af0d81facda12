// SPDX-License-Identifier: GPL-2.0
/* The statistics file: what is right is read, what is wrong is refused. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "image.h"
#include "ktap.h"
#include "model/exits.h"

static struct image image;

static void start(void)
{
	image_start(&image);
	image_add_one(&image, "exits", KVM_STATS_TYPE_CUMULATIVE, 0, 7);
	image_add_cell(&image, "l2/10/CPUID", 5, 5000, 2000, 10);
	image_add_cell(&image, "l3/12/HLT", 2, 900, 500, 9);
}

/* Reads the image as the tool does: 0, or -errno; nothing is left allocated. */
static int load(struct exit_stats *stats, const char **why)
{
	struct stats_source source = image_source(&image);
	struct statsfile file;
	int err = statsfile_load(&source, &file, why);

	if (err)
		return err;
	err = exits_parse(&file, stats, why);
	statsfile_free(&file);
	return err;
}

static const char *why_refused;

static void refused(int expected, const char *name)
{
	struct exit_stats stats;
	const char *why = NULL;
	int err = load(&stats, &why);

	if (!err)
		exits_free(&stats);
	why_refused = why;
	ktap_ok(err == expected && why, "%s: %s", name, why ? why : "accepted");
}

static bool is_as_built(const struct exit_stats *stats)
{
	const struct exit_cell *cpuid = &stats->cells[0];
	const struct exit_cell *hlt = &stats->cells[1];

	return stats->num_cells == 2 && stats->has[STAT_EXITS] &&
	       stats->value[STAT_EXITS] == 7 &&
	       cpuid->key.level == 2 && cpuid->key.code == 10 &&
	       !strcmp(cpuid->key.reason, "CPUID") &&
	       cpuid->value[CELL_COUNT] == 5 &&
	       cpuid->value[CELL_TIME] == 5000 &&
	       cpuid->value[CELL_MAX] == 2000 && cpuid->has[CELL_MAX] &&
	       !cpuid->has[CELL_VMM] && cpuid->num_buckets == 25 &&
	       cpuid->hist[10] == 5 && !cpuid->hist[9] &&
	       hlt->key.level == 3 && hlt->key.code == 12 &&
	       !strcmp(hlt->key.reason, "HLT") && hlt->hist[9] == 2;
}

static void accepted(const char *name)
{
	struct exit_stats stats;
	const char *why = "";
	bool ok = !load(&stats, &why);

	if (ok) {
		ok = is_as_built(&stats);
		exits_free(&stats);
	}
	ktap_ok(ok, "%s%s%s", name, *why ? ": " : "", why);
}

static void test_valid(void)
{
	static const size_t pages[] = { 1, 3, 7, 64, 4096 };
	size_t i;

	start();
	accepted("a file as the module writes it");
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		char name[64];

		start();
		image.page = pages[i];
		snprintf(name, sizeof(name), "reads of at most %zu bytes",
			 pages[i]);
		accepted(name);
	}
	start();
	image_add_one(&image, "something_new", 0xfff, 3, 1);
	image_add_one(&image, "l2/10/CPUID/future_ns", NS_SUM, -9, 1);
	image_add_one(&image, "l4/10/CPUID/count", 0, 0, 1);
	image_add_one(&image, "l2/x/CPUID/count", 0, 0, 1);
	image_add_one(&image, "l2/4294967296/CPUID/count", 0, 0, 1);
	image_add_one(&image, "l2/1/NO+REASON/count", 0, 0, 1);
	image_add_one(&image, "l2/1//count", 0, 0, 1);
	accepted("names that are not known are passed over");
	start();
	image_header(&image)->num_desc = 9;
	image_add_one(&image, "l2/1/LATER/count", 0, 0, 1);
	image_header(&image)->num_desc = 9;
	accepted("descriptors beyond num_desc are not read");
}

static void test_truncated(void)
{
	struct exit_stats stats;
	bool all_refused = true;
	const char *why;
	size_t whole;

	start();
	whole = image.size;
	for (image.size = 0; image.size < whole; image.size++) {
		int err = load(&stats, &why);

		if (!err)
			exits_free(&stats);
		all_refused &= err == -EBADMSG;
	}
	ktap_ok(all_refused, "truncated at each of %zu lengths", whole);
}

static void test_header(void)
{
	static const uint32_t offsets[] = { 0, 1, 23, 1 << 30, UINT32_MAX };
	size_t i;

	start();
	image_header(&image)->flags = 1;
	refused(-EBADMSG, "unknown flags");
	start();
	image_header(&image)->name_size = 0;
	refused(-EBADMSG, "name_size 0");
	start();
	image_header(&image)->name_size = 1 << 20;
	refused(-EBADMSG, "name_size of a megabyte");
	start();
	image_header(&image)->name_size = 40;
	refused(-EBADMSG, "name_size that is not the file's");
	start();
	image_header(&image)->num_desc = UINT32_MAX;
	refused(-EBADMSG, "num_desc of four thousand million");
	start();
	image_header(&image)->num_desc++;
	refused(-EBADMSG, "num_desc one too many");
	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		start();
		image_header(&image)->id_offset = offsets[i];
		refused(-EBADMSG, "id_offset elsewhere");
		start();
		image_header(&image)->desc_offset = offsets[i];
		refused(-EBADMSG, "desc_offset elsewhere");
		start();
		image_header(&image)->data_offset = offsets[i];
		refused(-EBADMSG, "data_offset elsewhere");
	}
	start();
	memset(image.bytes + sizeof(struct kvm_stats_header), 'a',
	       IMAGE_NAME_SIZE);
	refused(-EBADMSG, "id without an end");
}

static void test_descriptors(void)
{
	start();
	image_desc(&image, 1)->offset = 1 << 20;
	refused(-EBADMSG, "values behind the end of the file");
	start();
	image_desc(&image, 1)->offset = UINT32_MAX - 7;
	refused(-EBADMSG, "offset that overflows");
	ktap_ok(why_refused && strstr(why_refused, "out of range"),
		"it is refused before memory of that size is taken");
	start();
	image_desc(&image, 1)->offset = 4;
	refused(-EBADMSG, "offset in the middle of a value");
	start();
	image_desc(&image, 4)->size = 0;
	refused(-EBADMSG, "histogram without buckets");
	start();
	image_desc(&image, 1)->size = 2;
	refused(-EBADMSG, "count of two values");
	start();
	image_desc(&image, 4)->size = 65;
	refused(-EBADMSG, "histogram of 65 buckets");
	start();
	image_desc(&image, 4)->size = UINT16_MAX;
	refused(-EBADMSG, "histogram of 65535 buckets");
	start();
	memset(image_desc(&image, 1)->name, 'a', IMAGE_NAME_SIZE);
	refused(-EBADMSG, "name without an end");
	start();
	image_desc(&image, 1)->name[0] = '\0';
	refused(-EBADMSG, "empty name");
	start();
	image_desc(&image, 1)->name[6] = '\033';
	refused(-EBADMSG, "name with an escape");
	start();
	image_desc(&image, 2)->exponent = -6;
	refused(-EBADMSG, "time that is not in nanoseconds");
	start();
	image_desc(&image, 2)->flags = NS_PEAK;
	refused(-EBADMSG, "sum that is a peak");
}

static void test_duplicates(void)
{
	start();
	image_add_one(&image, "exits", 0, 0, 8);
	refused(-EBADMSG, "fixed statistic twice");
	start();
	image_add_one(&image, "l2/10/CPUID/count", 0, 0, 8);
	refused(-EBADMSG, "field of a cell twice");
	start();
	image_add_one(&image, "l3/12/HLT/halted_ns", NS_SUM, -9, 8);
	accepted("field of a cell later than its others");
}

/* Grows the file while its second block is read, as a running guest does. */
static ssize_t read_growing(void *ctx, void *buf, size_t size, uint64_t offset)
{
	struct stats_source source = image_source(ctx);

	if (offset == IMAGE_DESCS && image_header(ctx)->num_desc == 9)
		image_add_one(ctx, "l2/1/LATER/count", 0, 0, 1);
	return source.read_at(ctx, buf, size, offset);
}

static void test_growing(void)
{
	struct stats_source source = { read_growing, &image };
	struct exit_stats stats;
	struct statsfile file;
	const char *why;

	start();
	if (statsfile_load(&source, &file, &why) ||
	    exits_parse(&file, &stats, &why)) {
		ktap_ok(false, "grows meanwhile: %s", why);
		return;
	}
	ktap_ok(is_as_built(&stats), "grows meanwhile: as it was before");
	exits_free(&stats);
	statsfile_free(&file);
	if (statsfile_load(&source, &file, &why) ||
	    exits_parse(&file, &stats, &why)) {
		ktap_ok(false, "grew before: %s", why);
		return;
	}
	ktap_ok(stats.num_cells == 3 && stats.cells[0].key.code == 1,
		"grew before: the new cell is there");
	exits_free(&stats);
	statsfile_free(&file);
}

/* A file that is kept open: values anew, descriptors when there are more. */
static void test_reload(void)
{
	struct stats_source source = image_source(&image);
	struct exit_stats stats;
	struct statsfile file;
	struct exits_plan plan;
	const char *why;
	bool is_new;

	start();
	image_add_one(&image, "state", KVM_STATS_TYPE_INSTANT, 0, 4);
	if (statsfile_load(&source, &file, &why) ||
	    exits_plan(&file, &plan, &why)) {
		ktap_ok(false, "reload: %s", why);
		return;
	}
	/* Its first value is that of "exits", the second one CPUID's count. */
	((uint64_t *)(image.bytes + IMAGE_DATA))[0] = 8;
	((uint64_t *)(image.bytes + IMAGE_DATA))[1] = 6;
	image_desc(&image, 2)->exponent = 0;
	ktap_ok(!statsfile_reload(&source, &file, &is_new, &why) && !is_new,
		"reload: descriptors are not read again");
	exits_read(&plan, &stats);
	ktap_ok(stats.value[STAT_EXITS] == 8 && stats.num_cells == 2 &&
		stats.cells[0].value[CELL_COUNT] == 6 &&
		stats.cells[1].value[CELL_COUNT] == 2 &&
		stats.value[STAT_STATE] == 4, "reload: the values are new");
	exits_free(&stats);
	image.fail_at = IMAGE_DATA;
	image.fail_errno = ENODEV;
	ktap_ok(statsfile_reload(&source, &file, &is_new, &why) == -ENODEV,
		"reload: the guest vanishes");
	image.fail_at = SIZE_MAX;
	image_desc(&image, 2)->exponent = -9;
	image_add_one(&image, "l2/1/LATER/count", 0, 0, 3);
	ktap_ok(!statsfile_reload(&source, &file, &is_new, &why) && is_new,
		"reload: there are more descriptors");
	exits_plan_free(&plan);
	ktap_ok(!exits_plan(&file, &plan, &why), "reload: and a new plan");
	exits_read(&plan, &stats);
	ktap_ok(stats.num_cells == 3 && stats.cells[0].value[CELL_COUNT] == 3,
		"reload: with the new cell");
	exits_free(&stats);
	image_header(&image)->num_desc = UINT32_MAX;
	ktap_ok(statsfile_reload(&source, &file, &is_new, &why) == -EBADMSG,
		"reload: a damaged header");
	exits_plan_free(&plan);
	statsfile_free(&file);
}

static void test_errors(void)
{
	static const size_t places[] = { 0, 24, IMAGE_DATA, IMAGE_DESCS };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		start();
		image.fail_at = places[i];
		image.fail_errno = ENODEV;
		refused(-ENODEV, "the guest vanishes");
	}
}

int main(void)
{
	ktap_start();
	test_valid();
	test_truncated();
	test_header();
	test_descriptors();
	test_duplicates();
	test_growing();
	test_reload();
	test_errors();
	return ktap_end();
}
