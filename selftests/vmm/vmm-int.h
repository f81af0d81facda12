/* SPDX-License-Identifier: GPL-2.0 */
/* Shared between the files of the VMM, not for its users. */
#ifndef VMM_INT_H
#define VMM_INT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>

#include <linux/kvm.h>

#include "guest.h"
#include "vmm.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define LARGE_SIZE	0x200000ull

/* Guest-physical base of a vCPU's own gibibyte, above everything of a PC. */
#define VCPU_GPA(index)	((4ull + (index)) << 30)

struct step {
	uint32_t left;
	uint32_t fn;
};

struct vmwrite {
	uint64_t field;
	uint64_t value;
};

struct mistake {
	uint64_t where;
	uint64_t wrong;
	uint64_t right;
};

/* The parameter page, see guest.h. */
struct guest_params {
	uint32_t burst;
	uint32_t nsteps;
	uint32_t nested;
	uint32_t nwrites;
	uint64_t fresh;
	uint64_t l3_fresh;
	uint32_t halt_ticks;
	uint32_t pad;
	uint64_t vmxon_pa;
	uint64_t vmcs_pa;
	uint64_t vmcb_pa;
	uint64_t hsave_pa;
	uint32_t undefined;
	uint32_t early;
	uint32_t nap_ticks;
	uint32_t nmistakes;
	uint32_t failures;
	uint32_t pad7;
	uint64_t odd_pa;
	uint64_t zero_pa;
	uint8_t pad2[PARAMS_STEPS - 0x70];
	struct step steps[MAX_STEPS];
	uint8_t pad3[PARAMS_GDT - PARAMS_STEPS - MAX_STEPS * STEP_SIZE];
	uint64_t gdt[5];
	uint8_t pad4[PARAMS_IDT - PARAMS_GDT - 5 * 8];
	uint64_t idt[2 * (IRQ_VECTOR + 1)];
	uint8_t pad5[PARAMS_MISTAKES - PARAMS_IDT - 16 * (IRQ_VECTOR + 1)];
	struct mistake mistakes[MAX_MISTAKES];
	uint8_t pad6[PARAMS_VMWRITES - PARAMS_MISTAKES - MAX_MISTAKES * MISTAKE_SIZE];
	struct vmwrite vmwrites[MAX_VMWRITES];
};

struct vcpu {
	struct vmm *vm;
	unsigned int index;
	int fd;
	struct kvm_run *run;
	void *map;
	uint8_t *mem;			/* in it: the vCPU's gibibyte, as far as it is memory */
	size_t mem_size;
	struct kvm_sregs sregs;		/* what it starts with */
	unsigned int tsc_khz;
	unsigned int shadowed_vmwrites;	/* do not exit with VMCS shadowing */
	pthread_t thread;
	bool started;
	bool ready;			/* has come to its first PORT_ROUND */
	bool failed;
	char error[256];
	struct vmm_result res;
};

struct vmm {
	struct vmm_config cfg;
	enum vmm_isa isa;
	bool nested;
	int kvm_fd;
	int fd;
	int event_fd;
	size_t run_size;
	struct vcpu *vcpus;

	atomic_bool stop;
	atomic_bool kill;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool starting;			/* a vCPU is on its way to its first PORT_ROUND */
	unsigned int running;		/* vCPU threads; next two: their meeting point */
	unsigned int waiting;
	unsigned int meeting;
};

extern const uint8_t guest_start[], guest_end[], guest_entry[], guest_irq[], guest_undefined[];
extern const uint8_t guest_cpuid[], guest_out[], guest_in[], guest_mmio[], guest_rdmsr[];
extern const uint8_t guest_wrmsr[], guest_hlt[], guest_halt[], guest_halt_deadline[];
extern const uint8_t guest_nap[], guest_nap_deadline[];
extern const uint8_t guest_pause[];
extern const uint8_t guest_vmcall[], guest_vmmcall[];
extern const uint8_t guest_ept[], guest_off_vmx[], guest_off_svm[];
extern const uint8_t guest_l3_cpuid_vmx[], guest_l3_cpuid_svm[], guest_l3_out_vmx[];
extern const uint8_t guest_l3_out_svm[], guest_l3_rdmsr_vmx[], guest_l3_rdmsr_svm[];
extern const uint8_t guest_l3_ept_vmx[], guest_l3_ept_svm[];
extern const uint8_t guest_nested_vmx[], guest_nested_svm[];
extern const uint8_t guest_l3_vmx[], guest_l3_svm[], guest_l3_exit_vmx[];

/* Guest-virtual address of something in guest.S */
static inline uint64_t guest_code(const uint8_t *sym)
{
	return GUEST_CODE + (uint64_t)(sym - guest_start);
}

static inline struct guest_params *vcpu_params(struct vcpu *vcpu)
{
	return (struct guest_params *)(vcpu->mem + GUEST_PARAMS);
}

/* vmm.c: what vmm_error() returns; both are -1 */
extern _Thread_local char vmm_error_text[256];
static inline int vmm_failed(int len)
{
	(void)len;
	return -1;
}
#define vmm_fail(...) \
	vmm_failed(snprintf(vmm_error_text, sizeof(vmm_error_text), __VA_ARGS__))
int vmm_fail_errno(const char *what, const char *hint);
/* A kernel module's boolean parameter, @missing if there is none at @path. */
bool vmm_module_param(const char *path, bool missing);

/* cpu.c */
int vcpu_init_state(struct vcpu *vcpu, struct kvm_cpuid2 *cpuid);
struct kvm_cpuid2 *vmm_supported_cpuid(struct vmm *vm);
int vmm_check_nested(struct vmm *vm, const struct kvm_cpuid2 *cpuid);
int vcpu_get_msr(struct vcpu *vcpu, uint32_t index, uint64_t *value);

/* nested.c */
int vcpu_init_nested(struct vcpu *vcpu);

/* program.c */
bool kind_is_l3(enum vmm_kind kind);
bool program_sleeps(const struct vmm_config *cfg);
size_t program_memory(const struct vmm_config *cfg);
int program_check(const struct vmm_config *cfg);
void program_load(struct vcpu *vcpu);
void program_next_round(struct vcpu *vcpu);
void program_touch_fresh(struct vcpu *vcpu);
void program_recycle_fresh(struct vcpu *vcpu);

#endif
