// SPDX-License-Identifier: GPL-2.0
/* What a machine has a fixed number of, and each VMM takes some of. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "doctor/checks.h"

/* Nearly used up from here on, in percent. */
#define NEARLY	90

static const struct {
	const char *what;
	/* Below /proc; of loadavg it is the number behind the slash. */
	const char *used, *most;
	const char *sysctl;
} counts[] = {
	{ "requests of native AIO", "sys/fs/aio-nr", "sys/fs/aio-max-nr", "fs.aio-max-nr" },
	{ "open files", "sys/fs/file-nr", "sys/fs/file-max", "fs.file-max" },
	{ "threads", "loadavg", "sys/kernel/threads-max", "kernel.threads-max" },
	{ "PIDs", "loadavg", "sys/kernel/pid_max", "kernel.pid_max" },
	{ "pseudoterminals", "sys/kernel/pty/nr", "sys/kernel/pty/max", "kernel.pty.max" },
};

static bool read_count(const struct doctor *doctor, const char *name, unsigned long long *count)
{
	const char *slash, *number;
	char text[64], *end;

	if (!machine_file(doctor->env->proc, text, sizeof(text), "%s", name))
		return false;
	slash = strchr(text, '/');
	number = slash ? slash + 1 : text;
	*count = strtoull(number, &end, 10);
	return end != number;
}

void check_room(struct doctor *doctor)
{
	char *list = xstrdup(""), *commands = xstrdup("");
	unsigned long long used, most;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		if (!read_count(doctor, counts[i].used, &used) ||
		    !read_count(doctor, counts[i].most, &most) || used < most / 100.0 * NEARLY)
			continue;
		append(&list, "%s%llu of %llu %s (%s)", *list ? ", " : "", used, most,
		       counts[i].what, counts[i].sysctl);
		append(&commands, "%ssysctl %s=%llu", *commands ? "\n" : "", counts[i].sysctl,
		       2 * most);
	}
	if (*list)
		doctor_add(doctor, "room", DOCTOR_WARNING,
			   xasprintf("this machine has nearly no more of what each VMM needs, so guests may not start, or end: %s. Find out what holds them, or raise the limit, for good in a file in /etc/sysctl.d",
				     list), xstrdup(commands));
	free(list);
	free(commands);
}
