// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: adds_up STATS-FILE SECONDS
 * Reads a vCPU's statistics file again and again and checks what must be true
 * at any moment: the parts of each reason sum to no more than its total, no
 * value decreases, and exits and guest together take all the time that passes
 * on this program's own clock, until the vCPU has ended: from then on nothing
 * changes. Ends early with the guest. Prints what it saw; status 1 if a check
 * failed.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAGE		4096
#define MAX_STATS	4096
#define STATE_NONE	0
/* The two clocks are read one after the other, on a machine that is busy. */
#define CLOCK_SLACK_NS	20000000

struct number {
	char name[256];
	uint32_t offset;
	uint64_t last;
};

static struct kvm_stats_header header;
static struct number stats[MAX_STATS];
static unsigned int nr_stats;
static char data[32 * PAGE];
static uint64_t data_len;
static unsigned int bad;
static bool gone;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* False when the guest has gone. */
static bool read_all(int fd, void *buf, size_t len, off_t at)
{
	while (len) {
		ssize_t n = pread(fd, buf, len, at);

		if (n < 0 && errno == ENODEV)
			return false;
		if (n <= 0)
			err(2, "pread");
		buf = (char *)buf + n;
		at += n;
		len -= n;
	}
	return true;
}

/* Descriptors are only appended, so what was learnt stays. */
static bool learn(int fd)
{
	size_t size = sizeof(struct kvm_stats_desc) + header.name_size;
	char buf[sizeof(struct kvm_stats_desc) + 256];
	struct kvm_stats_desc *desc = (void *)buf;

	if (size > sizeof(buf) || header.num_desc > MAX_STATS)
		errx(2, "a header this program is not made for");
	for (; nr_stats < header.num_desc; nr_stats++) {
		struct number *s = &stats[nr_stats];

		if (!read_all(fd, buf, size, header.desc_offset + nr_stats * size))
			return false;
		snprintf(s->name, sizeof(s->name), "%s", desc->name);
		s->offset = desc->offset;
		if (desc->offset + desc->size * 8ull > data_len)
			data_len = desc->offset + desc->size * 8ull;
	}
	if (data_len > sizeof(data))
		errx(2, "more data than this program is made for");
	return true;
}

static uint64_t value(const struct number *s)
{
	uint64_t v;

	memcpy(&v, data + s->offset, sizeof(v));
	return v;
}

static bool is(const struct number *s, const char *field)
{
	const char *last = strrchr(s->name, '/');

	return !strcmp(last ? last + 1 : s->name, field);
}

static void complain(const struct number *s, const char *what, uint64_t a, uint64_t b)
{
	if (bad++ < 10)
		printf("# %s: %s: %" PRIu64 ", %" PRIu64 "\n", s->name, what, a, b);
}

/* Returns exit time plus guest time, and whether the vCPU has @gone. */
static uint64_t check(void)
{
	uint64_t time_ns = 0, parts_ns = 0, all_ns = 0;
	const struct number *time_stat = NULL;
	unsigned int i;

	for (i = 0; i < nr_stats; i++) {
		struct number *s = &stats[i];
		uint64_t v = value(s);

		if (is(s, "state"))
			gone = v == STATE_NONE;
		if (is(s, "state") || is(s, "state_since_ns") || is(s, "open_level") ||
		    is(s, "open_code") || is(s, "untraced"))
			continue;
		if (v < s->last)
			complain(s, "went back", s->last, v);
		s->last = v;
		if (is(s, "time_ns")) {
			time_stat = s;
			time_ns = v;
			parts_ns = 0;
			all_ns += v;
		} else if (is(s, "kernel_ns") || is(s, "vmm_ns") || is(s, "vmm_sleep_ns") ||
			   is(s, "halted_ns") || is(s, "blocked_ns") || is(s, "runq_ns") ||
			   is(s, "throttled_ns")) {
			parts_ns += v;
			if (time_stat && parts_ns > time_ns)
				complain(time_stat, "parts are more than the whole", parts_ns,
					 time_ns);
		} else if (is(s, "max_ns") && time_stat && parts_ns != time_ns) {
			complain(time_stat, "parts are not the whole", parts_ns, time_ns);
		} else if (is(s, "guest_time_ns")) {
			all_ns += v;
		}
	}
	return all_ns;
}

int main(int argc, char **argv)
{
	uint64_t start, begin, end = 0, first_begin = 0, first_end = 0, first = 0, all, last = 0, reads = 0;
	bool was_gone;
	int fd;

	if (argc != 3)
		errx(2, "usage: adds_up STATS-FILE SECONDS");
	fd = open(argv[1], O_RDONLY);
	if (fd < 0)
		err(2, "%s", argv[1]);

	start = now_ns();
	do {
		if (!read_all(fd, &header, sizeof(header), 0) || !learn(fd))
			break;
		begin = now_ns();
		if (!read_all(fd, data, data_len, header.data_offset))
			break;
		end = now_ns();
		/* The sum would lack the exits of a reason that is new since it was learnt. */
		if (!read_all(fd, &header, sizeof(header), 0))
			break;
		if (header.num_desc != nr_stats)
			continue;
		was_gone = gone;
		all = check();
		if (!reads++) {
			first = last = all;
			first_begin = begin;
			first_end = end;
			continue;
		}
		/* Each number is of its own moment, between begin and end. */
		if (all - first > end - first_begin + CLOCK_SLACK_NS ||
		    (!gone && all - first + CLOCK_SLACK_NS < begin - first_end) ||
		    (was_gone && all != last)) {
			if (bad++ < 10)
				printf("# in %" PRIu64 " ns exits and guest took %" PRIu64 " ns\n",
				       end - first_begin, all - first);
		}
		last = all;
	} while (end - start < strtoull(argv[2], NULL, 0) * 1000000000ull);

	printf("# %s: %" PRIu64 " reads of %u statistics, %u wrong\n", argv[1], reads, nr_stats,
	       bad);
	return bad || !reads;
}
