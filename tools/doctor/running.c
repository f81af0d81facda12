// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <unistd.h>

#include "base/util.h"
#include "doctor/running.h"

size_t running_look_at(const struct doctor *doctor,
		       void (*look)(const struct env *env, const struct guest *guest, void *arg),
		       void *arg)
{
	struct env env = *doctor->env;
	size_t num, num_unknown = 0, i;
	struct guest guest;
	const char *file;
	uint64_t *ids;

	if (!doctor->has_module || env_open(&env) != STATUS_OK)
		return 0;
	if (guest_list(&env, &ids, &num))
		num = 0;
	for (i = 0; i < num; i++) {
		int fd = guest_open(&env, ids[i]);

		if (fd < 0)
			continue;
		if (!guest_read(&env, fd, ids[i], &guest, &file)) {
			if (guest.memory_bytes)
				look(&env, &guest, arg);
			guest_free(&guest);
		} else {
			num_unknown++;
		}
		close(fd);
	}
	if (num)
		free(ids);
	env_close(&env);
	return num_unknown;
}

void running_add_unchecked(char **text, size_t num)
{
	if (num)
		append(text, "; %zu more guest%s checked", num, num == 1 ? " was not" : "s were not");
}
