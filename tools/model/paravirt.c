// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "model/paravirt.h"

#define MAX_FILE	4096

static const char *const uses[NUM_PARAVIRT_USES] = {
	[PARAVIRT_KVMCLOCK] = "kvmclock",
	[PARAVIRT_ASYNC_PF] = "async_pf",
	[PARAVIRT_STEAL_TIME] = "steal_time",
	[PARAVIRT_PV_EOI] = "pv_eoi",
	[PARAVIRT_HOST_POLL] = "host_poll",
};

static int parse_offered(const char *word, struct paravirt *paravirt)
{
	unsigned long value;
	char *end;

	if (!strcmp(word, "unknown"))
		return 0;
	if (!begins_with(word, "0x") || !word[2])
		return -EBADMSG;
	value = strtoul(word, &end, 16);
	if (*end || value > UINT32_MAX)
		return -EBADMSG;
	paravirt->offered = value;
	paravirt->is_offered_known = true;
	return 0;
}

/* What is used that is not known here is passed over. */
static int parse_line(char *line, struct paravirt *paravirt, size_t *num)
{
	const char *name = strsep(&line, " "), *word = strsep(&line, " ");
	size_t i;

	if (!word)
		return *name ? -EBADMSG : 0;
	if (!strcmp(name, "offered"))
		return parse_offered(word, paravirt);
	if (strcmp(word, "0") && strcmp(word, "1"))
		return -EBADMSG;
	for (i = 0; i < NUM_PARAVIRT_USES; i++) {
		if (strcmp(uses[i], name))
			continue;
		paravirt->used[i] = *word == '1';
		++*num;
	}
	return 0;
}

static int read_vcpu(int guest_fd, uint64_t vcpu, struct paravirt *paravirt)
{
	char *path = xasprintf("vcpu%llu/paravirt", (unsigned long long)vcpu);
	char *text, *rest, *line;
	size_t len, num = 0;
	int err = 0;

	*paravirt = (struct paravirt){ };
	text = file_read(guest_fd, path, MAX_FILE, &len);
	if (!text)
		err = -errno;
	free(path);
	rest = text;
	while (!err && (line = strsep(&rest, "\n")))
		err = parse_line(line, paravirt, &num);
	free(text);
	paravirt->is_used_known = num == NUM_PARAVIRT_USES;
	return err;
}

int guest_paravirt_read(const struct env *env, const struct guest_snapshot *guest,
			struct guest_paravirt *paravirt)
{
	int fd = guest_open(env, guest->guest.id), err = fd < 0 ? fd : 0;
	size_t i;

	*paravirt = (struct guest_paravirt){ xcalloc(guest->num_vcpus, sizeof(*paravirt->v)) };
	for (i = 0; i < guest->num_vcpus && !err; i++) {
		err = read_vcpu(fd, guest->vcpus[i].id, &paravirt->v[paravirt->num]);
		if (!err)
			paravirt->num++;
		paravirt->is_older |= err == -ENOENT;
		if (sysfs_is_gone(err))
			err = 0;
	}
	if (fd >= 0)
		close(fd);
	return sysfs_is_gone(err) ? 0 : err;
}
