// SPDX-License-Identifier: GPL-2.0
/* Memory that a VMM takes from its guest: a balloon, free page reporting. */
#include <string.h>

#include "base/util.h"
#include "explain/balloon.h"
#include "explain/load.h"

/* 4 MB in a second: less is what any guest gives and takes. */
#define MIN_PAGES_PER_SEC	1024

static bool has_word(const struct facts *f, const char *word)
{
	return memmem(f->cmdline, f->cmdline_len, word, strlen(word));
}

enum answer takes_back_memory(const struct facts *f, char **seen)
{
	/* Of QEMU, of cloud-hypervisor, and of crosvm. */
	static const char *const words[] = {
		"free-page-reporting=on", "free_page_reporting=on",
		"--balloon-page-reporting",
	};
	size_t i;

	if (!f->cmdline) {
		*seen = xstrdup("the VMM's command line cannot be read");
		return ANSWER_UNKNOWN;
	}
	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (has_word(f, words[i])) {
			*seen = xasprintf("the VMM takes back freed guest memory (%s)",
					  words[i]);
			return ANSWER_YES;
		}
	/* Others get devices by a socket or a file, or have a balloon that nothing names. */
	if (is_qemu(f) && !has_word(f, "balloon")) {
		*seen = xstrdup("QEMU's command line has no balloon");
		return ANSWER_NO;
	}
	*seen = xstrdup("the VMM's command line does not say whether a balloon takes memory back");
	return ANSWER_UNKNOWN;
}

enum answer loses_memory(const struct facts *f, char **seen)
{
	struct kvm_mapped now, before;
	int err = kvm_counts_mapped(&f->kvm, &now, &before);
	double rate;

	if (err) {
		*seen = xasprintf("pages_4k cannot be read: %s", kvm_count_why_not(err));
		return ANSWER_UNKNOWN;
	}
	rate = in_interval(f, sub_clamped(before.all, now.all)) * NSEC_PER_SEC;
	*seen = xasprintf("%.0f pages of its memory are unmapped per second", rate);
	return rate >= MIN_PAGES_PER_SEC ? ANSWER_YES : ANSWER_NO;
}
