// SPDX-License-Identifier: GPL-2.0
/*
 * Where the kernel promises no more memory than it has (vm.overcommit_memory is 2), a guest's
 * memory counts in full from its start, as does what other programs map and never touch.
 */
#include <stdlib.h>
#include <string.h>

#include "base/format.h"
#include "base/util.h"
#include "doctor/checks.h"

static void add_row(struct doctor *doctor, uint64_t left, uint64_t limit, uint64_t available)
{
	char *most = format_bytes(left), *all = format_bytes(limit), *has = format_bytes(available);

	doctor_add(doctor, "overcommit", left < available ? DOCTOR_WARNING : DOCTOR_INFO,
		   xasprintf("off (vm.overcommit_memory is 2): the memory of all guests counts in full from their start, unless it is in hugetlbfs. Of %s that all programs may map %s are left, though %s of memory are available: a larger guest does not start (Cannot allocate memory). 0 lets the kernel promise more; a larger vm.overcommit_ratio or swap raises the limit",
			     all, most, has),
		   xstrdup("grep Commit /proc/meminfo\nsysctl vm.overcommit_memory=0"));
	free(most);
	free(all);
	free(has);
}

void check_overcommit(struct doctor *doctor)
{
	char mode[8], *text;
	uint64_t limit, committed, available;

	if (!machine_file(doctor->env->proc, mode, sizeof(mode), "sys/vm/overcommit_memory") ||
	    strcmp(mode, "2"))
		return;
	text = machine_text(doctor->env->proc, "meminfo");
	if (machine_meminfo(text, "CommitLimit:", &limit) &&
	    machine_meminfo(text, "Committed_AS:", &committed) &&
	    machine_meminfo(text, "MemAvailable:", &available))
		add_row(doctor, sub_clamped(limit, committed), limit, available);
	free(text);
}
