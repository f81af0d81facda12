// SPDX-License-Identifier: GPL-2.0
/*
 * Where a slot is removed or moved KVM forgets all that it has mapped, of other slots, too:
 * what is mapped then has faulted since. A slot that is only added changes the generation
 * as well, and nothing is forgotten.
 */
#include "base/util.h"
#include "explain/fault.h"
#include "explain/slot-changes.h"

/* KVM may map neighbours of the page that faults too: this many pages at most. */
#define PAGES_OF_FAULT	8

/*
 * To remove a slot and to add it again takes three steps, each of one or two; a third more,
 * as a fault may map more than its page.
 */
#define MOST_OF_CHANGE	8

/* By how much the slots' generation has to grow in a second for it to matter. */
#define LEAST_GROWTH	1.0

enum answer drops_with_slots(const struct facts *f, char **seen)
{
	const struct kvm_count *generation = &f->kvm.slot_generation;
	double rate = memory_faults(f).rate, growth, most;
	struct kvm_mapped now, before;
	int err = kvm_counts_mapped(&f->kvm, &now, &before);

	if (!generation->is_known) {
		*seen = xasprintf("whether its memory slots changed is not known: %s",
				  kvm_count_why_not(generation->err));
		return ANSWER_UNKNOWN;
	}
	growth = in_interval(f, generation->value) * NSEC_PER_SEC;
	*seen = xasprintf("the VMM changed its memory slots at most %.1f times per second",
			  growth);
	if (growth < LEAST_GROWTH)
		return ANSWER_NO;
	if (err) {
		append(seen, "; the pages that KVM has mapped are not known: %s", kvm_count_why_not(err));
		return ANSWER_UNKNOWN;
	}
	most = now.pages > before.pages ? now.pages : before.pages;
	if (in_interval(f, now.pages) * NSEC_PER_SEC > PAGES_OF_FAULT * rate) {
		append(seen, ", and most pages stayed mapped");
		return ANSWER_NO;
	}
	append(seen, "; %.0f pages were mapped, and at least %.0f faulted for each change",
	       most, rate / growth);
	return now.pages * growth <= MOST_OF_CHANGE * rate && most * growth >= rate / 4 ?
	       ANSWER_YES : ANSWER_UNKNOWN;
}
