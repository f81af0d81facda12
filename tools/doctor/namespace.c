// SPDX-License-Identifier: GPL-2.0
#include "base/util.h"
#include "doctor/checks.h"
#include "model/proc.h"

/* Its /proc lacks VMMs, and a process in it may have a VMM's PID by chance. */
void check_namespace(struct doctor *doctor)
{
	if (!doctor->has_module || proc_is_in_first_namespace() ||
	    !proc_has_own_pids(doctor->env->proc))
		return;
	doctor_add(doctor, "namespace", DOCTOR_WARNING,
		   xstrdup("l1tune runs in a PID namespace of its own, as in a container, in which the processes of VMMs are not seen: names, memory, cgroups and helper threads of guests are unknown here, or those of another process. Run it on the host, in the host's namespace, or with the host's /proc"),
		   xstrdup("docker run --pid=host ...   # or podman; Kubernetes: hostPID: true\n"
			   "l1tune list --proc /host/proc   # with -v /proc:/host/proc:ro"));
}
