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
	bool any_available;
};

static uint64_t read_count(int fd, const char *size, const char *name)
{
	char *path = xasprintf("%s/%s", size, name);
	uint64_t count;

	if (sysfs_read_u64(fd, path, &count))
		count = 0;
	free(path);
	return count;
}

static int add_size(int fd, const char *name, void *arg)
{
	struct pages *pages = arg;
	uint64_t total = read_count(fd, name, "nr_hugepages"), available, kb;
	char *size;

	if (!total || sscanf(name, "hugepages-%" SCNu64 "kB", &kb) != 1)
		return 0;
	/* Reserved pages count as free until they are used. */
	available = sub_clamped(read_count(fd, name, "free_hugepages"),
				read_count(fd, name, "resv_hugepages"));
	size = format_bytes(kb << 10);
	append(&pages->list, "%s%llu of %s (%llu available)", *pages->list ? ", " : "",
	       (unsigned long long)total, size, (unsigned long long)available);
	pages->any_available |= available;
	free(size);
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
			   xasprintf("huge pages are reserved for guests whose VMM, or other processes, ask for them: %s; another guest with hugetlbfs does not start, or gets SIGBUS",
				     pages.list),
			   xstrdup("grep . /sys/kernel/mm/hugepages/*/*_hugepages"));
	free(pages.list);
	free(dir);
	return pages.any_available;
}
