// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/util.h"
#include "doctor/doctor.h"
#include "doctor/proof.h"
#include "doctor/seen.h"
#include "doctor/trial.h"

char *proof_missed(const struct env *env)
{
	const struct doctor doctor = { .env = env };
	char *path = xasprintf("%s/kvm", env->dev);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct trial trial;
	unsigned int seen;

	free(path);
	if (fd < 0)
		return NULL;
	trial_run(&doctor, fd, &trial);
	close(fd);
	if (!trial.has_run || !seen_of_guest(env, trial.since_ns, &seen) || seen == SEEN_ALL)
		return NULL;
	return seen_list_missed(seen);
}
