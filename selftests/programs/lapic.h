/* SPDX-License-Identifier: GPL-2.0 */
/* A periodic LAPIC timer that fires as often as KVM allows. */
#ifndef PROGRAMS_LAPIC_H
#define PROGRAMS_LAPIC_H

#include "kvm.h"

#define APIC_LVTT	0x320
#define APIC_TMICT	0x380
#define APIC_TMCCT	0x390
#define APIC_TDCR	0x3e0
#define PERIODIC	(1u << 17)
#define MASKED		(1u << 16)
/* With the divisor 1 KVM takes a nanosecond for each; it allows no shorter period than 200 us. */
#define TICKS		200000u
#define DIVIDE_BY_1	0xb

static inline void lapic_set(struct kvm_lapic_state *apic, unsigned int reg, uint32_t value)
{
	memcpy(apic->regs + reg, &value, sizeof(value));
}

/* The VM has KVM's LAPIC, and the vCPU all features: before that KVM's timer is not periodic. */
static inline void lapic_start_timer(int vcpu)
{
	struct kvm_lapic_state apic;

	if (ioctl(vcpu, KVM_GET_LAPIC, &apic))
		err(1, "KVM_GET_LAPIC");
	lapic_set(&apic, APIC_LVTT, PERIODIC | MASKED);
	lapic_set(&apic, APIC_TDCR, DIVIDE_BY_1);
	lapic_set(&apic, APIC_TMICT, TICKS);
	lapic_set(&apic, APIC_TMCCT, TICKS);
	if (ioctl(vcpu, KVM_SET_LAPIC, &apic))
		err(1, "KVM_SET_LAPIC");
}

#endif
