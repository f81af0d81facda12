// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <stdlib.h>

#include "base/sysfs.h"
#include "base/util.h"
#include "explain/starved-threads.h"
#include "model/task.h"

/* A thread that has just ended is left out. */
static bool add_thread(int procfd, const char *dir, uint64_t *waited_ns)
{
	uint64_t ns;

	if (task_read_run_delay_ns(procfd, dir, &ns))
		return false;
	*waited_ns = add_saturated(*waited_ns, ns);
	return true;
}

bool starved_threads_read(const struct facts *f, uint64_t *waited_ns)
{
	char *name = xasprintf("%llu/task", (unsigned long long)f->guest->guest.pid);
	DIR *dir = sysfs_list_dir(f->env->proc_fd, name);
	struct dirent *entry;
	bool is_known = false;
	uint64_t tid;

	*waited_ns = 0;
	while (dir && (entry = readdir(dir))) {
		char *thread;

		if (parse_u64(entry->d_name, &tid) || snapshot_is_thread(f->guest, tid))
			continue;
		thread = xasprintf("%s/%llu", name, (unsigned long long)tid);
		is_known |= add_thread(f->env->proc_fd, thread, waited_ns);
		free(thread);
	}
	if (dir)
		closedir(dir);
	free(name);
	return is_known;
}
