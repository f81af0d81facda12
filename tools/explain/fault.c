// SPDX-License-Identifier: GPL-2.0
/* Which faults of the nested page tables are accesses to devices. */
#include "base/util.h"
#include "explain/fault.h"

static const struct reasons faults = { { "EPT_VIOLATION", "npf" } };
/* An access to an address that KVM remembers to be a device's: on VMX alone. */
static const struct reasons misconfigs = { { "EPT_MISCONFIG" } };
static const struct reasons npfs = { { "npf" } };

/*
 * KVM looks for a page at each fault but those at addresses that it remembers to
 * be a device's, and emulates where it finds none. Faults of nested guests are
 * among these, and can only make accesses look fewer.
 */
static bool read_without_page(const struct facts *f, double rate, double *accesses)
{
	uint64_t taken, emulated;

	if (!kvm_count_of(f, KVM_FAULTS_TAKEN, &taken) ||
	    !kvm_count_of(f, KVM_FAULTS_EMULATED, &emulated))
		return false;
	*accesses = rate - in_interval(f, sub_clamped(taken, emulated)) * NSEC_PER_SEC;
	return true;
}

/* Those that reach the VMM. */
static bool read_mmio_exits(const struct facts *f, double *accesses)
{
	uint64_t count;

	if (!kvm_count_of(f, KVM_MMIO_EXITS, &count))
		return false;
	*accesses = in_interval(f, count) * NSEC_PER_SEC -
		    load_of_both(f, &misconfigs).rate;
	return true;
}

/*
 * Tracing slows the guest, so the sample has fewer than there were: where it
 * shows that most are accesses, the rest is not known to be for memory.
 */
static bool read_sampled(const struct facts *f, double rate, double *accesses)
{
	if (!f->is_sampled)
		return false;
	*accesses = access_mmio(&f->accesses) - load_of_both(f, &misconfigs).rate;
	if (*accesses >= rate / 2)
		*accesses = rate;
	return true;
}

/* The share of @rate faults per second that are accesses to devices; false if unknown. */
static bool read_share(const struct facts *f, double rate, double *share)
{
	double by_page, by_vmm, sampled, accesses = 0;
	bool is_exact = read_without_page(f, rate, &by_page);
	bool is_counted = read_mmio_exits(f, &by_vmm);

	*share = 0;
	if (!rate)
		return true;
	if (is_exact)
		accesses = by_page;
	if (is_counted && by_vmm > accesses)
		accesses = by_vmm;
	/* Of those that KVM serves itself the sample alone knows then. */
	if (!is_exact && read_sampled(f, rate, &sampled)) {
		is_counted = true;
		if (sampled > accesses)
			accesses = sampled;
	}
	*share = accesses < rate ? accesses / rate : 1;
	return is_exact || is_counted;
}

static void scale_load(struct load *load, double share)
{
	enum time_part part;

	load->rate *= share;
	for (part = 0; part < NUM_PARTS; part++)
		load->parts[part] *= share;
}

struct load memory_faults(const struct facts *f)
{
	struct load load = load_of(f, &faults, 2);
	double share;

	read_share(f, load.rate, &share);
	scale_load(&load, 1 - share);
	return load;
}

bool faults_are_told_apart(const struct facts *f)
{
	double share;

	return read_share(f, load_of(f, &faults, 2).rate, &share);
}

struct load device_faults(const struct facts *f)
{
	struct load load = load_of(f, &faults, 2);
	double share;

	if (!read_share(f, load.rate, &share))
		return load_of(f, &npfs, 2);
	scale_load(&load, share);
	return load;
}
