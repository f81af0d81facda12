// SPDX-License-Identifier: GPL-2.0
/*
 * Huge pages that are reserved, of each size that this CPU has: /proc/meminfo counts
 * those of the default size only, and guests are often given the others.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/format.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "doctor/hugetlb.h"

struct pages {
	/* "512 of 2M (200 available)" of each size. */
	char *list;
	bool any_available, any_unknown;
};

static bool read_count(int fd, const char *size, const char *name, uint64_t *count)
{
	char *path = xasprintf("%s/%s", size, name);
	int err = sysfs_read_u64(fd, path, count);

	free(path);
	return !err;
}

/* How many more the kernel makes when they are asked for, as far as it finds memory for them. */
static uint64_t read_on_demand(int fd, const char *size)
{
	uint64_t most, made;

	if (!read_count(fd, size, "nr_overcommit_hugepages", &most) ||
	    !read_count(fd, size, "surplus_hugepages", &made))
		return 0;
	return sub_clamped(most, made);
}

/* "200 available"; to free. */
static char *availability(int fd, const char *name, struct pages *pages)
{
	uint64_t unused, reserved, on_demand = read_on_demand(fd, name), available;

	if (!read_count(fd, name, "free_hugepages", &unused) ||
	    !read_count(fd, name, "resv_hugepages", &reserved)) {
		pages->any_unknown = true;
		return xstrdup("how many are available is unknown");
	}
	/* Reserved pages count as free until they are used. */
	available = sub_clamped(unused, reserved);
	pages->any_available |= available || on_demand;
	return on_demand ? xasprintf("%llu available, %llu more on demand", (unsigned long long)available,
				     (unsigned long long)on_demand) :
			   xasprintf("%llu available", (unsigned long long)available);
}

static int add_size(int fd, const char *name, void *arg)
{
	struct pages *pages = arg;
	uint64_t total, kb;
	char *size, *available;

	if (!read_count(fd, name, "nr_hugepages", &total) || !total ||
	    sscanf(name, "hugepages-%" SCNu64 "kB", &kb) != 1)
		return 0;
	available = availability(fd, name, pages);
	size = format_bytes(kb << 10);
	append(&pages->list, "%s%llu of %s (%s)", *pages->list ? ", " : "",
	       (unsigned long long)total, size, available);
	free(size);
	free(available);
	return 0;
}

bool hugetlb_add_row(struct doctor *doctor)
{
	char *dir = xasprintf("%s/kernel/mm/hugepages", doctor->env->sysfs);
	struct pages pages = { .list = xstrdup("") };

	sysfs_for_each(AT_FDCWD, dir, add_size, &pages);
	if (pages.any_available)
		doctor_add(doctor, "hugetlbfs", DOCTOR_OK,
			   xasprintf("huge pages are reserved for guests whose VMM, or other processes, ask for them: %s",
				     pages.list), NULL);
	else if (*pages.list)
		doctor_add(doctor, "hugetlbfs", DOCTOR_INFO,
			   xasprintf("huge pages are reserved for guests whose VMM, or other processes, ask for them: %s%s",
				     pages.list, pages.any_unknown ? "" :
				     "; another guest with hugetlbfs does not start, or gets SIGBUS"),
			   xstrdup("grep . /sys/kernel/mm/hugepages/*/*_hugepages"));
	free(pages.list);
	free(dir);
	return pages.any_available;
}
