// SPDX-License-Identifier: GPL-2.0
/*
 * Where a vCPU is that runs without exits: the RIPs at which a timer of its thread finds
 * it. That timer's interrupt is an exit, of which perf asks KVM for the guest's RIP.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/util.h"
#include "base/wait.h"
#include "explain/guest-rip.h"
#include "model/json.h"

#define PERIOD_NS	(NSEC_PER_SEC / 1000)
#define DURATION_NS	(NSEC_PER_SEC / 10)
/* With 16 bytes a sample there is room for many times as many. */
#define DATA_PAGES	4
/* What lies closer together is one loop; a page has more than that. */
#define LOOP_BYTES	256
#define SHOWN		3

struct sample {
	struct perf_event_header header;
	uint64_t ip;
};

static void add(struct guest_rips *rips, uint64_t rip, bool is_user)
{
	size_t i;

	rips->num_samples++;
	for (i = 0; i < rips->num; i++)
		if (rips->v[i].rip == rip && rips->v[i].is_user == is_user)
			break;
	if (i == rips->num) {
		if (rips->num == GUEST_RIPS_MOST)
			return;
		rips->v[rips->num++] = (struct guest_rip){ rip, is_user, 0 };
	}
	rips->v[i].count++;
}

/* What the ring has, of which none was overwritten. */
static void take_samples(const struct perf_event_mmap_page *page, struct guest_rips *rips)
{
	const char *data = (const char *)page + page->data_offset;
	uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE), at = 0;
	struct sample sample;

	while (at + sizeof(sample) <= head && head <= page->data_size) {
		unsigned int mode;

		memcpy(&sample, data + at, sizeof(sample));
		if (!sample.header.size)
			break;
		at += sample.header.size;
		mode = sample.header.misc & PERF_RECORD_MISC_CPUMODE_MASK;
		if (sample.header.type == PERF_RECORD_SAMPLE &&
		    (mode == PERF_RECORD_MISC_GUEST_KERNEL || mode == PERF_RECORD_MISC_GUEST_USER))
			add(rips, sample.ip, mode == PERF_RECORD_MISC_GUEST_USER);
	}
}

static int compare_counts(const void *a, const void *b)
{
	const struct guest_rip *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return x->rip < y->rip ? -1 : x->rip > y->rip;
}

static int open_clock(uint64_t tid)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = PERIOD_NS,
		.sample_type = PERF_SAMPLE_IP,
	};

	return syscall(__NR_perf_event_open, &attr, (pid_t)tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

void guest_rips_sample(uint64_t tid, struct guest_rips *rips)
{
	size_t bytes = (1 + DATA_PAGES) * sysconf(_SC_PAGESIZE);
	int fd = open_clock(tid);
	void *page;

	*rips = (struct guest_rips){ };
	if (fd < 0) {
		rips->err = -errno;
		return;
	}
	page = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED) {
		rips->err = -errno;
	} else {
		wait_until(monotonic_ns() + DURATION_NS, -1);
		take_samples(page, rips);
		munmap(page, bytes);
	}
	close(fd);
	qsort(rips->v, rips->num, sizeof(*rips->v), compare_counts);
}

/* From the lowest to the highest RIP. */
static uint64_t span_bytes(const struct guest_rips *rips, uint64_t *lowest)
{
	uint64_t highest = 0;
	size_t i;

	*lowest = UINT64_MAX;
	for (i = 0; i < rips->num; i++) {
		if (rips->v[i].rip < *lowest)
			*lowest = rips->v[i].rip;
		if (rips->v[i].rip > highest)
			highest = rips->v[i].rip;
	}
	return highest - *lowest;
}

static const char *mode_name(const struct guest_rip *rip)
{
	return rip->is_user ? "user" : "kernel";
}

char *guest_rips_text(const struct guest_rips *rips)
{
	unsigned long long num = rips->num_samples;
	uint64_t lowest, span;
	char *text;
	size_t i;

	if (rips->err)
		return xasprintf("not known where: %s", rips->err == -EACCES || rips->err == -EPERM ?
				 "only root may sample it" : strerror(-rips->err));
	if (!rips->num)
		return xstrdup("not known where: no sample found it in the guest");
	span = span_bytes(rips, &lowest);
	if (rips->num == 1)
		return xasprintf("at RIP 0x%llx (%s) in all of %llu samples",
				 (unsigned long long)lowest, mode_name(&rips->v[0]), num);
	if (rips->num < GUEST_RIPS_MOST && span < LOOP_BYTES)
		return xasprintf("within %llu bytes from RIP 0x%llx on (%s) in all of %llu samples: a loop",
				 (unsigned long long)span + 1, (unsigned long long)lowest,
				 mode_name(&rips->v[0]), num);
	text = xasprintf("RIP of %llu samples:", num);
	for (i = 0; i < rips->num && i < SHOWN; i++)
		append(&text, "%s 0x%llx (%s) in %llu", i ? "," : "", (unsigned long long)rips->v[i].rip,
		       mode_name(&rips->v[i]), (unsigned long long)rips->v[i].count);
	return text;
}

json_t *guest_rips_json(const struct guest_rips *rips)
{
	json_t *array = json_array();
	size_t i;

	if (rips->err) {
		json_decref(array);
		return json_null();
	}
	for (i = 0; i < rips->num; i++) {
		json_t *one = json_object();

		json_set(one, "rip", json_number(rips->v[i].rip));
		json_set(one, "user", json_boolean(rips->v[i].is_user));
		json_set(one, "count", json_number(rips->v[i].count));
		json_array_append_new(array, one);
	}
	return array;
}
