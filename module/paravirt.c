// SPDX-License-Identifier: GPL-2.0
/*
 * The file "paravirt" of a vCPU, see ABI/: KVM's paravirtual interface. What the VMM
 * offers was copied by KVM from the vCPU's CPUID; what the guest uses are MSRs whose
 * last value KVM keeps.
 */
#include <linux/kernel.h>

#include "compat.h"
#include "lines.h"
#include "paravirt.h"

#define LINE_BYTES	40

enum used { KVMCLOCK, ASYNC_PF, STEAL_TIME, PV_EOI, HOST_POLL, USED };

static const char * const names[USED] = {
	[KVMCLOCK] = "kvmclock",
	[ASYNC_PF] = "async_pf",
	[STEAL_TIME] = "steal_time",
	[PV_EOI] = "pv_eoi",
	[HOST_POLL] = "host_poll",
};

/*
 * @features: EAX of CPUID 0x40000001
 * @is_offered_known: false if the leaf may be where this KVM does not look
 */
struct paravirt {
	bool is_known;
	bool is_offered_known;
	u32 features;
	bool used[USED];
};

/* Bit 0 of each MSR enables its feature. */
static void copy(const struct kvm_vcpu_arch *arch, struct paravirt *p)
{
	p->is_known = true;
	p->features = READ_ONCE(arch->pv_cpuid.features);
	p->is_offered_known = p->features || L1T_KVM_FINDS_FEATURES;
	p->used[KVMCLOCK] = READ_ONCE(arch->time) & 1;
	p->used[ASYNC_PF] = READ_ONCE(arch->apf.msr_en_val) & 1;
	p->used[STEAL_TIME] = READ_ONCE(arch->st.msr_val) & 1;
	p->used[PV_EOI] = READ_ONCE(arch->pv_eoi.msr_val) & 1;
	p->used[HOST_POLL] = READ_ONCE(arch->msr_kvm_poll_control) & 1;
}

static bool print_line(char *line, unsigned int n, const void *arg)
{
	const struct paravirt *p = arg;

	if (n == 0 && p->is_offered_known)
		snprintf(line, LINE_BYTES, "offered %#x", p->features);
	else if (n == 0)
		snprintf(line, LINE_BYTES, "offered unknown");
	else if (n <= USED && p->is_known)
		snprintf(line, LINE_BYTES, "%s %d", names[n - 1], p->used[n - 1]);
	else
		return false;
	return true;
}

/**
 * l1t_paravirt_read() - read from a vCPU's file "paravirt"
 * @v: alive or dead
 * @buf: buffer
 * @pos: offset in the file
 * @count: bytes wanted
 *
 * Context: may sleep.
 * Return: bytes read; 0 at the end.
 */
ssize_t l1t_paravirt_read(struct l1t_vcpu *v, char *buf, loff_t pos, size_t count)
{
	struct paravirt p = {};
	char line[LINE_BYTES];

	/* While this is held, KVM's vCPU is not destroyed. */
	raw_spin_lock(&l1t_lock);
	if (v->vcpu)
		copy(&v->vcpu->arch, &p);
	raw_spin_unlock(&l1t_lock);
	return l1t_lines_read(buf, pos, count, line, sizeof(line), print_line, &p);
}
