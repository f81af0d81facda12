// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/format.h"
#include "base/util.h"
#include "explain/l3.h"
#include "model/vcpu.h"

/* What is rarer, or takes a smaller part, does not stand out. */
#define LEAST_EXITS		100
#define LEAST_SHARE		0.25
#define MOST_REASONS		3
#define LEAST_FACTOR		4

/* L2's own timer interrupts end a stay in L3 much sooner. */
#define LONG_STAY_NS		(10 * NSEC_PER_SEC)

struct view {
	const struct guest_snapshot *guest;
	bool is_interval;
	struct l3_counts counts;
	struct l3_exits total;
	uint64_t busy_ns;
	struct sentences *findings;
};

/* What a reflected exit with this reason means, by the names of both ISAs. */
static const struct {
	const char *reasons[12];
	const char *meaning;
} meanings[] = {
	{ { "CPUID" }, "CPUID always exits on VMX" },
	{ { "cpuid" }, "its hypervisor intercepts CPUID" },
	{ { "IO_INSTRUCTION", "io" },
	  "port I/O to a device that its hypervisor or VMM emulates" },
	{ { "EPT_VIOLATION", "npf" },
	  "memory that its hypervisor has not mapped, or MMIO of a device that it emulates" },
	{ { "EPT_MISCONFIG" }, "MMIO of a device that it emulates" },
	{ { "EXTERNAL_INTERRUPT", "interrupt", "nmi" }, "interrupts for L2 that arrived while L3 ran" },
	{ { "PREEMPTION_TIMER" }, "a timer that its hypervisor runs on the VMX-preemption timer" },
	{ { "INTERRUPT_WINDOW", "vintr" }, "its hypervisor waits until it can inject an interrupt" },
	{ { "APIC_ACCESS", "APIC_WRITE", "EOI_INDUCED" },
	  "its hypervisor emulates L3's local APIC" },
	{ { "VMCALL", "hypercall" }, "hypercalls of L3" },
	{ { "PAUSE_INSTRUCTION", "pause" }, "L3 spins, as on a lock" },
	{ { "VMLAUNCH", "VMRESUME", "VMREAD", "VMWRITE", "VMPTRLD", "VMCLEAR", "vmrun", "vmload",
	    "vmsave", "stgi", "clgi" }, "L3 runs guests of its own" },
};

/* What changes of page tables cost without EPT or NPT. EXCEPTION_NMI has page faults. */
static const char *const of_page_tables[] = {
	"EXCEPTION_NMI", "CR_ACCESS", "INVLPG", "INVPCID", "PF_excp", "write_cr0", "write_cr3",
	"write_cr4", "invlpg", "invpcid", NULL
};

static const char *const of_msrs[] = { "MSR_READ", "MSR_WRITE", "msr", NULL };

/* Exits of L2 that the CPU can save it, and by what caps calls that. */
static const struct {
	const char *reasons[3];
	const char *names, *feature;
} savings[] = {
	{ { "VMREAD", "VMWRITE" }, "VMREAD and VMWRITE", "vmcs_shadowing" },
	{ { "vmload", "vmsave" }, "VMLOAD and VMSAVE", "virtual_vmload_vmsave" },
	{ { "stgi", "clgi" }, "STGI and CLGI", "virtual_gif" },
};

static bool is_one_of(const char *reason, const char *const *names)
{
	for (; *names; names++)
		if (!strcmp(reason_kind(reason), *names))
			return true;
	return false;
}

static int compare_failures(const void *a, const void *b)
{
	const struct l3_failure *x = a, *y = b;

	if (!x->message != !y->message)
		return x->message ? -1 : 1;
	return (x->count < y->count) - (x->count > y->count);
}

void l3_sum(const struct guest_snapshot *guest, struct l3_counts *sum)
{
	size_t i;

	*sum = (struct l3_counts){
		.is_failed_known = true, .are_failures_known = true, .are_vmx_errors_known = true,
	};
	for (i = 0; i < guest->num_vcpus; i++)
		if (guest->vcpus[i].l3.is_known)
			l3_counts_add(sum, &guest->vcpus[i].l3.counts);
	if (sum->num_failures)
		qsort(sum->failures, sum->num_failures, sizeof(*sum->failures), compare_failures);
}

static size_t count_offers(const struct guest_snapshot *guest, enum l3_offer offer)
{
	size_t num = 0, i;

	for (i = 0; i < guest->num_vcpus; i++)
		num += guest->vcpus[i].l3.is_known && guest->vcpus[i].l3.offer == offer;
	return num;
}

static bool is_any_user(const struct guest_snapshot *guest)
{
	size_t i;

	for (i = 0; i < guest->num_vcpus; i++)
		if (l3_is_user(&guest->vcpus[i].l3))
			return true;
	return false;
}

static void explain_offer(const struct view *v)
{
	size_t unknown = count_offers(v->guest, L3_OFFER_UNKNOWN);

	if (unknown)
		sentences_add(v->findings, "whether %zu of its %zu vCPUs are offered VMX or SVM is unknown: no exit of theirs was seen yet",
			      unknown, v->guest->num_vcpus);
	else if (!is_any_user(v->guest) && count_offers(v->guest, L3_OFFER_NO))
		sentences_add(v->findings, "its CPUID offers neither VMX nor SVM, so it cannot run guests");
}

/* On, and in no L3 now. */
static bool is_only_on(const struct guest_snapshot *guest)
{
	bool is_on = false;
	size_t i;

	for (i = 0; i < guest->num_vcpus; i++) {
		if (guest->vcpus[i].l3.is_in_l3)
			return false;
		is_on |= !strcmp(guest->vcpus[i].l3.state, "on");
	}
	return is_on;
}

static void explain_idle(const struct view *v)
{
	if (is_only_on(v->guest) && !v->counts.entries && !v->counts.failed && !v->total.count)
		sentences_add(v->findings, v->is_interval ?
			      "it has not entered a guest of its own in the interval" :
			      "it has turned on VMX or SVM, and was not seen to enter a guest of its own");
}

static void explain_failures(const struct view *v)
{
	const struct l3_counts *counts = &v->counts;
	const struct l3_failure *most = counts->failures;
	uint64_t unknown = counts->failed;
	char *text;
	size_t i;

	if (!counts->failed)
		return;
	for (i = 0; i < counts->num_failures; i++)
		if (counts->failures[i].message)
			unknown = sub_clamped(unknown, counts->failures[i].count);
	text = xasprintf("KVM refused %" PRIu64 " of %" PRIu64 " entries", counts->failed,
			 add_saturated(counts->entries, counts->failed));
	if (most && most->message && most->count <= unknown)
		sentences_add(v->findings, "%s, %" PRIu64 " of them for %s (error %" PRIu64 "); the reason of %" PRIu64 " is unknown",
			      text, most->count, most->message, most->error, unknown);
	else if (most && most->message)
		sentences_add(v->findings, "%s, %s %s (error %" PRIu64 ")", text,
			      most->count == counts->failed ? "all for" :
			      most->count > counts->failed / 2 ? "mostly for" : "most often for",
			      most->message, most->error);
	else
		sentences_add(v->findings, "%s; reason unknown", text);
	free(text);
}

/* "2.50ms and 23.0 exits of L2 each"; a copy, NULL if L2 did not enter L3 again. */
static char *trip_text(const struct l3_exits *exits)
{
	char *ns, *factor, *text;

	if (!exits->trips)
		return NULL;
	ns = format_ns(exits->trip_ns / exits->trips);
	factor = format_rate(exits->trip_exits / (double)exits->trips);
	text = xasprintf("%s and %s exits of L2 each", ns, factor);
	free(ns);
	free(factor);
	return text;
}

static void add_all_of(const struct l3_counts *counts, const char *const *reasons,
		       struct l3_exits *sum, char **names)
{
	size_t i;

	*sum = (struct l3_exits){ };
	*names = xstrdup("");
	for (i = 0; i < counts->num_exits; i++) {
		const struct l3_exits *exits = &counts->exits[i];

		if (!is_one_of(exits->reason, reasons) || !exits->reflected)
			continue;
		append(names, "%s%" PRIu64 " %s", **names ? ", " : "", exits->reflected,
		       exits->reason);
		sum->reflected = add_saturated(sum->reflected, exits->reflected);
		sum->trips = add_saturated(sum->trips, exits->trips);
		sum->trip_ns = add_saturated(sum->trip_ns, exits->trip_ns);
		sum->trip_exits = add_saturated(sum->trip_exits, exits->trip_exits);
	}
}

static bool is_shadowed(const struct guest_snapshot *guest)
{
	size_t i;

	for (i = 0; i < guest->num_vcpus; i++)
		if (!strcmp(guest->vcpus[i].l3.paging, "shadow"))
			return true;
	return false;
}

static void explain_paging(const struct view *v)
{
	struct l3_exits sum;
	char *names, *trip;

	if (!is_shadowed(v->guest))
		return;
	add_all_of(&v->counts, of_page_tables, &sum, &names);
	trip = trip_text(&sum);
	sentences_add(v->findings, "L3 last ran on shadow page tables: its hypervisor uses no EPT or NPT (KVM: ept=0, npt=0)%s%s%s%s",
		      *names ? "; page faults and changes of page tables exit to it: " : "", names,
		      trip ? ", at " : "", trip ? trip : "");
	free(names);
	free(trip);
}

static const char *meaning_of(const struct view *v, const struct l3_exits *exits)
{
	size_t i;

	if (is_one_of(exits->reason, of_msrs))
		return exits->reflected < exits->count ? NULL :
		       "it uses no MSR bitmap, or one that intercepts the MSRs that L3 accesses";
	if (is_one_of(exits->reason, of_page_tables))
		return is_shadowed(v->guest) ? "shadow page tables" : NULL;
	for (i = 0; i < ARRAY_SIZE(meanings); i++)
		if (is_one_of(exits->reason, meanings[i].reasons))
			return meanings[i].meaning;
	return NULL;
}

static bool stands_out(const struct view *v, const struct l3_exits *exits)
{
	return exits->reflected >= LEAST_EXITS && !l3_is_halt(exits) &&
	       (exits->trip_ns >= LEAST_SHARE * v->busy_ns ||
		exits->reflected >= LEAST_SHARE * v->total.reflected);
}

static void explain_reason(const struct view *v, const struct l3_exits *exits)
{
	const char *meaning = meaning_of(v, exits);
	char *trip = trip_text(exits);

	sentences_add(v->findings, "%" PRIu64 " of %" PRIu64 " %s were reflected to its hypervisor%s%s%s%s",
		      exits->reflected, exits->count, exits->reason, trip ? ", at " : "",
		      trip ? trip : "", meaning ? ": " : "", meaning ? meaning : "");
	free(trip);
}

static void explain_reasons(const struct view *v)
{
	const struct l3_exits **exits = l3_by_time(&v->counts);
	size_t num = 0, i;

	for (i = 0; i < v->counts.num_exits && num < MOST_REASONS; i++) {
		if (!stands_out(v, exits[i]))
			continue;
		explain_reason(v, exits[i]);
		num++;
	}
	free(exits);
}

/* Exits of the guest itself. */
static uint64_t own_exits(const struct guest_snapshot *guest, const char *const *reasons)
{
	uint64_t count = 0;
	size_t i;

	for (i = 0; i < guest->stats.num_cells; i++) {
		const struct exit_cell *cell = &guest->stats.cells[i];

		if (cell->key.level == 2 && is_one_of(cell->key.reason, reasons))
			count = add_saturated(count, cell->value[CELL_COUNT]);
	}
	return count;
}

/* By what of it a feature saves, if that is a large part. */
static void explain_factor(const struct view *v)
{
	const struct l3_exits *total = &v->total;
	double factor = total->trips ? total->trip_exits / (double)total->trips : 0;
	char *text;
	size_t i;

	if (total->trips < LEAST_EXITS || factor < LEAST_FACTOR)
		return;
	text = format_rate(factor);
	for (i = 0; i < ARRAY_SIZE(savings); i++) {
		uint64_t count = own_exits(v->guest, savings[i].reasons);

		if (count >= LEAST_SHARE * total->trip_exits)
			sentences_add(v->findings, "a reflected exit costs L2 %s exits of its own until it enters L3 again; %" PRIu64 " exits of L2 are %s, which %s saves where L0 offers it (l1tune caps)",
				      text, count, savings[i].names, savings[i].feature);
	}
	free(text);
}

/* A VMM that sleeps, or is stopped, keeps its vCPUs where they are. */
static void explain_stay(const struct view *v, const struct vcpu_snapshot *vcpu)
{
	struct vcpu_now now = vcpu_now(&vcpu->stats, v->guest->taken_ns);
	char *ns;

	if (!vcpu->l3.has_in_l3_ns || vcpu->l3.in_l3_ns < LONG_STAY_NS ||
	    v->guest->is_ended || v->guest->hold || !now.state ||
	    !strcmp(now.state, "vmm_sleep"))
		return;
	ns = format_ns(vcpu->l3.in_l3_ns);
	sentences_add(v->findings, "vCPU %" PRIu64 " has been in L3 for %s (now: %s), and its hypervisor got no exit in that time, not even for an interrupt: l1tune watch --hang 10s tells whether it hangs",
		      vcpu->id, ns, vcpu_state_text(&now, v->guest->hold));
	free(ns);
}

static void explain_unkept(const struct view *v)
{
	if (v->counts.unkept)
		sentences_add(v->findings, "the reasons of %" PRIu64 " reflected exits were not kept: HANDLED by reason is too high by up to as many",
			      v->counts.unkept);
}

void l3_explain(const struct guest_snapshot *guest, bool is_interval,
		struct sentences *findings)
{
	struct view v = { .guest = guest, .is_interval = is_interval, .findings = findings };
	size_t i;

	l3_sum(guest, &v.counts);
	l3_counts_total(&v.counts, &v.total);
	v.busy_ns = l3_busy_ns(&v.counts);
	explain_offer(&v);
	explain_idle(&v);
	explain_failures(&v);
	explain_paging(&v);
	explain_reasons(&v);
	explain_factor(&v);
	for (i = 0; i < guest->num_vcpus; i++)
		explain_stay(&v, &guest->vcpus[i]);
	explain_unkept(&v);
	l3_counts_free(&v.counts);
}
