// SPDX-License-Identifier: GPL-2.0
/* All symptoms: a file each. */
#include "base/util.h"
#include "explain/cause.h"

const struct symptom *const symptoms[] = {
	&symptom_throttled, &symptom_stolen_time, &symptom_no_cpu, &symptom_blocked,
	&symptom_memory_faults, &symptom_nested_exits, &symptom_halts, &symptom_pauses,
	&symptom_devices, &symptom_kvm_devices, &symptom_msrs, &symptom_apic,
	&symptom_exceptions, &symptom_entries, &symptom_interrupts, &symptom_vmm_time,
	&symptom_vmm_sleep, &symptom_helpers, &symptom_other_exits,
};

const size_t num_symptoms = ARRAY_SIZE(symptoms);
