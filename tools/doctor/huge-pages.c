// SPDX-License-Identifier: GPL-2.0
/*
 * Huge pages, by the backing of the memory of each running VMM: the setting for
 * anonymous memory does not apply to memory from a memfd or a file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "doctor/checks.h"
#include "doctor/hugetlb.h"
#include "doctor/running.h"
#include "model/huge-setting.h"
#include "model/memory.h"

#define ECHO(word)	"echo " word " > /sys/" HUGE_SETTINGS "%s"
#define NO_THP	"this kernel has no transparent huge pages: use hugetlbfs"

/* What keeps a guest's memory in small pages, and the command against it: copies. */
struct verdict {
	/* NULL: nothing does. */
	char *why;
	/* NULL if no command does. */
	char *command;
};

static const struct verdict fine;

static struct verdict verdict(const char *command, const char *why)
{
	return (struct verdict){ xstrdup(why), command ? xstrdup(command) : NULL };
}

static struct verdict look_at_anonymous(const struct doctor *doctor, const struct mapping *mapping)
{
	struct huge_setting setting;

	huge_setting_read(doctor->env->sysfs, "enabled", &setting);
	if (!*setting.word)
		return verdict(NULL, NO_THP);
	if (huge_setting_allows(&setting, mapping->is_advised))
		return fine;
	if (strcmp(setting.word, "madvise"))
		return (struct verdict){
			xasprintf("%s is %s", setting.file, setting.word),
			xasprintf(ECHO("madvise"), setting.file),
		};
	return (struct verdict){
		xasprintf("%s is madvise, and its VMM did not ask for huge pages", setting.file),
		xasprintf(ECHO("always"), setting.file),
	};
}

static struct verdict look_at_shmem(const struct doctor *doctor, const struct mapping *mapping)
{
	struct huge_setting setting;

	huge_setting_read(doctor->env->sysfs, "shmem_enabled", &setting);
	if (!*setting.word)
		return verdict(NULL, NO_THP);
	if (huge_setting_allows(&setting, mapping->is_advised))
		return fine;
	if (strcmp(setting.word, "advise"))
		return (struct verdict){
			xasprintf("memfd memory follows %s, which is %s: advise suffices where the VMM asks, always where it does not",
				  setting.file, setting.word),
			xasprintf(ECHO("advise"), setting.file),
		};
	return (struct verdict){
		xasprintf("memfd memory follows %s, which is advise, and its VMM did not ask", setting.file),
		xasprintf(ECHO("always"), setting.file),
	};
}

static struct verdict look_at_private_file(const struct mapping *mapping)
{
	return verdict(NULL, mapping->backing == BACKING_FILE ?
		       "its memory is a file that is mapped privately, a snapshot for example: it has no huge pages, and hugetlbfs cannot be mapped that way; let the VMM copy it into memory, or use a userfaultfd handler" :
		       "its memory is a file in tmpfs, or a memfd, that is mapped privately: what is written is copied in 4K, whatever huge= or shmem_enabled says; let the VMM map it shared (QEMU: share=on), or, if it is a snapshot, copy it into memory or use a userfaultfd handler");
}

static struct verdict look_at_memory(const struct doctor *doctor, const struct guest_memory *memory)
{
	if (memory->mapping.backing == BACKING_HUGETLB)
		return fine;
	if (memory->is_disabled)
		return verdict(NULL, "its VMM, or what started it, has switched huge pages off for the process (PR_SET_THP_DISABLE)");
	if (memory->mapping.is_refused)
		return verdict(NULL, "its VMM refused huge pages (MADV_NOHUGEPAGE)");
	if (mapping_is_private_file(&memory->mapping))
		return look_at_private_file(&memory->mapping);
	switch (memory->mapping.backing) {
	case BACKING_ANONYMOUS:
		return look_at_anonymous(doctor, &memory->mapping);
	case BACKING_SHMEM:
		return look_at_shmem(doctor, &memory->mapping);
	case BACKING_TMPFS:
		return verdict("findmnt -t tmpfs -o TARGET,OPTIONS",
			       "its memory is a file in a tmpfs, which has huge pages only if mounted with huge=: check that");
	case BACKING_FILE:
		return verdict(NULL, "its memory is a file on a disk, which has no huge pages: use memfd or hugetlbfs");
	case BACKING_GUEST_MEMFD:
		return verdict(NULL, "its memory is in a guest_memfd, which has pages of 4K whatever the settings say, unless a newer kernel has larger ones for it");
	case BACKING_HUGETLB:
	case NUM_BACKINGS:
		break;
	}
	return fine;
}

/* What was found about the guests that run. */
struct findings {
	const struct doctor *doctor;
	char *text, *commands;
	size_t num_guests, num_small, num_unknown, num_left_out;
	/* They have huge pages, or may have them. */
	size_t num_fine;
};

static void add_command(struct findings *found, const char *command)
{
	if (command && !strstr(found->commands, command))
		append(&found->commands, "%s%s", *found->commands ? "\n" : "", command);
}

static void look_at_guest(const struct env *env, const struct guest *guest, void *arg)
{
	struct findings *found = arg;
	struct guest_memory memory;
	struct verdict verdict;

	if (found->num_guests++ >= RUNNING_MAX_MAPS) {
		found->num_left_out++;
		return;
	}
	guest_memory_read(env, guest, &memory);
	if (memory.err) {
		found->num_unknown++;
		return;
	}
	verdict = look_at_memory(found->doctor, &memory);
	if (!verdict.why) {
		found->num_fine++;
		return;
	}
	append(&found->text, "%s%s (l2-%llu): %s", found->num_small++ ? "; " : "", guest->name,
	       (unsigned long long)guest->id, verdict.why);
	add_command(found, verdict.command);
	free(verdict.command);
	free(verdict.why);
}

static void add_guests(struct doctor *doctor)
{
	struct findings found = {
		.doctor = doctor, .text = xstrdup(""), .commands = xstrdup(""),
	};

	found.num_unknown += running_look_at(doctor, look_at_guest, &found);
	running_add_unchecked(&found.text, found.num_left_out);
	if (found.num_unknown)
		append(&found.text, "%s unknown for %zu: their VMMs' memory cannot be read",
		       *found.text ? ";" : "", found.num_unknown);
	if (found.num_small)
		doctor_add(doctor, "guest memory", DOCTOR_WARNING,
			   xasprintf("small pages, so each 2 MB takes up to 512 exits: %s", found.text),
			   *found.commands ? xstrdup(found.commands) : NULL);
	else if (found.num_guests && found.num_fine)
		doctor_add(doctor, "guest memory", DOCTOR_OK,
			   xasprintf("%zu guest%s can have huge pages%s%s", found.num_fine,
				     plural(found.num_fine), *found.text ? ";" : "",
				     found.text), NULL);
	else if (found.num_unknown)
		doctor_add(doctor, "guest memory", DOCTOR_INFO,
			   xasprintf("not known for %zu guest%s: only root can read the maps of their VMMs", found.num_unknown,
				     plural(found.num_unknown)), NULL);
	free(found.text);
	free(found.commands);
}

/* Huge pages without a reservation. @has_others: hugetlbfs has some for VMMs that use it. */
static void add_transparent(struct doctor *doctor, bool has_others)
{
	struct huge_setting enabled, shmem;
	char *memfd;

	huge_setting_read(doctor->env->sysfs, "enabled", &enabled);
	huge_setting_read(doctor->env->sysfs, "shmem_enabled", &shmem);
	memfd = *shmem.word ? xasprintf("; memfd memory follows %s, which is %s", shmem.file, shmem.word) :
			      xstrdup("");
	if (!strcmp(enabled.word, "always"))
		doctor_add(doctor, "huge pages", DOCTOR_OK,
			   xasprintf("transparent ones are on (always)%s", memfd), NULL);
	else if (!strcmp(enabled.word, "madvise"))
		doctor_add(doctor, "huge pages", DOCTOR_INFO,
			   xasprintf("transparent ones only for VMMs that ask for them (madvise): QEMU does, Firecracker, kvmtool and others do not by default%s",
				     memfd),
			   xasprintf(ECHO("always"), enabled.file));
	else if (!strcmp(enabled.word, "never"))
		doctor_add(doctor, "huge pages", has_others ? DOCTOR_INFO : DOCTOR_WARNING,
			   xasprintf("transparent ones are off: a guest %sthat touches 2 MB for the first time takes 512 exits instead of one%s",
				     has_others ? "without hugetlbfs " : "", memfd),
			   xasprintf(ECHO("madvise"), enabled.file));
	else
		doctor_add(doctor, "huge pages", DOCTOR_INFO, xstrdup("this kernel has no transparent ones"), NULL);
	free(memfd);
}

void check_huge_pages(struct doctor *doctor)
{
	add_transparent(doctor, hugetlb_add_row(doctor));
	add_guests(doctor);
}
