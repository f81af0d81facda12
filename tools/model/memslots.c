// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/util.h"
#include "model/guest.h"
#include "model/memslots.h"

/* The module lists 1024 slots, in lines of about 100 bytes. */
#define MAX_SIZE	(1 << 18)
#define MAX_TRIES	5

/* Two spaces on x86; what does not fit is not understood. */
#define MAX_SPACES	8

#define LOGS_DIRTY_PAGES	1
/* KVM_MEM_GUEST_MEMFD */
#define HAS_GUEST_MEMFD		4

/* KVM_MEMSLOT_GEN_UPDATE_IN_PROGRESS */
#define IS_CHANGING		(1ULL << 63)

/* Each space has the generation of its first line. */
struct generations {
	bool is_known[MAX_SPACES];
	uint64_t v[MAX_SPACES];
};

static int check_generation(struct generations *all, uint64_t space,
			    uint64_t generation)
{
	if (space >= MAX_SPACES)
		return -EBADMSG;
	if (!all->is_known[space]) {
		all->is_known[space] = true;
		all->v[space] = generation;
	}
	return all->v[space] == generation ? 0 : -EAGAIN;
}

/* "SPACE NUMBER GPA BYTES HVA FLAGS GENERATION" */
static int parse_line(const char *line, struct generations *generations,
		      struct memslots *slots)
{
	unsigned long long space, number, gpa, bytes, hva, flags, generation;
	int end = 0;

	if (!strncmp(line, "more", 4)) {
		slots->has_more = true;
		return 0;
	}
	if (sscanf(line, "%llu %llu %llx %llu %llx %llx %llu %n", &space, &number,
		   &gpa, &bytes, &hva, &flags, &generation, &end) != 7 ||
	    line[end] || gpa + bytes < gpa || hva + bytes < hva)
		return -EBADMSG;
	*GROW(slots->v, slots->num) = (struct memslot){
		.space = space, .number = number, .gpa = gpa, .bytes = bytes,
		.hva = hva, .is_logged = flags & LOGS_DIRTY_PAGES,
		.is_private = flags & HAS_GUEST_MEMFD,
	};
	return check_generation(generations, space, generation);
}

static int parse(char *text, struct memslots *slots)
{
	struct generations generations = { };
	char *line, *save = NULL;
	int err = 0;

	for (line = strtok_r(text, "\n", &save); line && !err;
	     line = strtok_r(NULL, "\n", &save))
		err = parse_line(line, &generations, slots);
	slots->is_generation_known = generations.is_known[0];
	slots->generation = generations.v[0] & ~IS_CHANGING;
	return err;
}

int memslots_read(const struct env *env, uint64_t guest_id, struct memslots *slots)
{
	int fd = guest_open(env, guest_id), tries = 0, err;
	size_t len;
	char *text;

	*slots = (struct memslots){ };
	if (fd < 0)
		return fd;
	do {
		*slots = (struct memslots){ };
		text = file_read(fd, "memslots", MAX_SIZE, &len);
		err = text ? parse(text, slots) : -errno;
		free(text);
		if (err)
			memslots_free(slots);
	} while (err == -EAGAIN && ++tries < MAX_TRIES);
	close(fd);
	return err;
}

void memslots_free(struct memslots *slots)
{
	free(slots->v);
	*slots = (struct memslots){ };
}

bool memslot_is_misaligned(const struct memslot *slot)
{
	return (slot->gpa ^ slot->hva) & (HUGE_BYTES - 1);
}
