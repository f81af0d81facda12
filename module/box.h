/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The black box of a vCPU: shows afterwards why its guest ended. It is allocated with
 * the vCPU, filled when KVM_RUN returns a possible end and when the vCPU is
 * destroyed, and outlives both (gone.c).
 */
#ifndef L1TUNE_BOX_H
#define L1TUNE_BOX_H

#include <linux/kvm_host.h>
#include <asm/svm.h>

#include "account.h"
#include "compat.h"
#include "ring.h"

#define L1T_GPRS	16

enum l1t_has {
	L1T_HAS_GPRS = BIT(0),
	L1T_HAS_RIP = BIT(1),
	L1T_HAS_RSP = BIT(2),
	L1T_HAS_RFLAGS = BIT(3),
	L1T_HAS_CRS = BIT(4),
	L1T_HAS_INFO1 = BIT(5),
	L1T_HAS_INFO2 = BIT(6),
};

/**
 * struct l1t_state_regs - a vCPU's registers, from KVM's memory
 * @since_ticks: start of the exit after which they were saved
 * @has: L1T_HAS_*: which of them are up to date
 * @gprs: in the order of instructions' register numbers, including RSP
 * @rip: register of this name, as are the next five
 * @rflags: register
 * @cr0: register
 * @cr3: register
 * @cr4: register
 * @efer: register
 * @info1: VMX: the exit qualification; SVM: EXITINFO1
 * @info2: SVM: EXITINFO2
 * @int_info: SVM: EXITINTINFO; valid with @info2
 * @vector: of the exception that KVM queued last
 * @is_queued: it has not been delivered
 */
struct l1t_state_regs {
	u64 since_ticks;
	u32 has;
	u64 gprs[L1T_GPRS];
	u64 rip;
	u64 rflags;
	u64 cr0;
	u64 cr3;
	u64 cr4;
	u64 efer;
	u64 info1;
	u64 info2;
	u32 int_info;
	u8 vector;
	bool is_queued;
};

#define L1T_RUN_WORDS	9

/**
 * struct l1t_run_end - what KVM_RUN last returned that is a possible end
 * @since_ticks: start of the exit that was open; 0: nothing returned yet
 * @reason: KVM_EXIT_*
 * @has_error: @error is known
 * @error: what the ioctl returned
 * @words: of the union after the reason; the VMM can write all of them
 */
struct l1t_run_end {
	u64 since_ticks;
	u32 reason;
	bool has_error;
	int error;
	u64 words[L1T_RUN_WORDS];
};

/**
 * struct l1t_refused - the last exit in which KVM injected an exception
 * @at_ticks: when the exit began; 0: there was none
 * @key: level and slot of the exit
 * @vector: the exception
 * @error_code: its error code, or 0
 * @rax: the guest's registers at that time
 * @rcx: likewise
 * @rdx: likewise
 */
struct l1t_refused {
	u64 at_ticks;
	u32 key;
	u32 vector;
	u32 error_code;
	u64 rax;
	u64 rcx;
	u64 rdx;
};

/**
 * struct l1t_port - the last port I/O that was passed to the VMM
 * @size: bytes; 0: there was none
 * @port: the port
 * @is_in: the guest read from it
 * @value: the first value in KVM's buffer
 */
struct l1t_port {
	u8 size;
	u16 port;
	bool is_in;
	u32 value;
};

enum l1t_vmm_is {
	L1T_VMM_UNKNOWN,	/* another process destroyed the vCPU */
	L1T_VMM_RUNS,		/* it only closed the vCPU */
	L1T_VMM_EXITS
};

/**
 * struct l1t_vmm_end - what happened to the VMM
 * @is: what it does when the vCPU is destroyed
 * @code: its exit code, as returned by wait()
 * @oom: it was chosen by the OOM killer
 */
struct l1t_vmm_end {
	enum l1t_vmm_is is;
	int code;
	bool oom;
};

/**
 * struct l1t_box - what is recorded of a vCPU's end
 * @link: in the record of its guest
 * @id: as in KVM_CREATE_VCPU
 * @run: what KVM_RUN last returned that is a possible end
 * @is_closed: the vCPU has been destroyed, and the box is complete
 * @is_final: the vCPU was not entered again after @run
 * @regs: the registers at @run
 * @refused: the last exit in which KVM injected an exception
 * @port: the last port I/O passed to the VMM
 * @mp_state: KVM_MP_STATE_*
 * @first_ticks: when its first exit began; 0: it had none
 * @vmm: what happened to the VMM
 * @past: its last exits
 */
struct l1t_box {
	struct list_head link;
	u32 id;
	struct l1t_run_end run;
	bool is_closed;
	bool is_final;
	struct l1t_state_regs regs;
	struct l1t_refused refused;
	struct l1t_port port;
	u32 mp_state;
	u64 first_ticks;
	struct l1t_vmm_end vmm;
	struct l1t_past past;
};

/* Where KVM keeps VMX's exit qualification; 0: not known. */
extern u32 l1t_vmx_qualification_offset;

/* The VMCB of the vCPU's current level. */
static __always_inline const struct vmcb *l1t_vmcb_of(const struct kvm_vcpu *vcpu)
{
	return *(struct vmcb *const *)(vcpu + 1);
}

#define L1T_RUN_ENDS							\
	(BIT_ULL(KVM_EXIT_UNKNOWN) | BIT_ULL(KVM_EXIT_EXCEPTION) |	\
	 BIT_ULL(KVM_EXIT_SHUTDOWN) | BIT_ULL(KVM_EXIT_FAIL_ENTRY) |	\
	 BIT_ULL(KVM_EXIT_INTERNAL_ERROR) | BIT_ULL(KVM_EXIT_SYSTEM_EVENT) | \
	 BIT_ULL(39 /* KVM_EXIT_MEMORY_FAULT, since 6.8 */))

#define L1T_RUN_AFTER_PAGE_FAULT \
	(BIT_ULL(KVM_EXIT_MMIO) | BIT_ULL(KVM_EXIT_INTR))

/* Level and slot of L2's EPT violations or nested page faults. */
extern u32 l1t_page_fault_key;

/*
 * KVM_RUN returns: can this be the guest's end? Up to 6.1, if the ioctl fails, the
 * reason is that of the previous KVM_RUN, so returns after a page fault count as well.
 * @returned: KVM_EXIT_*; the VMM can write it. Context: an exit is open.
 */
static __always_inline bool l1t_box_may_be_end(const struct l1t_account *acct,
					       u32 returned)
{
	u64 reason = BIT_ULL(returned & 63);

	return reason & L1T_RUN_ENDS ||
	       (acct->open->key == l1t_page_fault_key &&
		!(reason & L1T_RUN_AFTER_PAGE_FAULT));
}

/* Likewise, for what KVM_RUN returns now; if it cannot be the end, note that in the exit's cell. */
static __always_inline bool l1t_box_judge(struct l1t_account *acct,
					  const struct kvm_vcpu *vcpu)
{
	u32 returned = READ_ONCE(vcpu->run->exit_reason);
	bool may_be_end = l1t_box_may_be_end(acct, returned);

	acct->open->returned = may_be_end ? L1T_RETURNED_NONE : returned;
	return may_be_end;
}

/* Is what KVM_RUN returns noted in the cell, so that it cannot be the end? Context: likewise. */
static __always_inline bool l1t_box_is_no_end(const struct l1t_account *acct,
					      const struct kvm_vcpu *vcpu)
{
	return likely(READ_ONCE(vcpu->run->exit_reason) == acct->open->returned);
}

int l1t_boxes_init(void);
void l1t_boxes_exit(void);
int l1t_box_init(struct l1t_account *acct);
void l1t_box_free(struct l1t_box *box);
void l1t_box_save_state(struct l1t_account *acct, const struct kvm_vcpu *vcpu);
void l1t_box_left_run(struct l1t_account *acct, const struct kvm_vcpu *vcpu);
void l1t_box_close(struct l1t_account *acct, const struct kvm_vcpu *vcpu,
		   pid_t creator);

#endif
