// SPDX-License-Identifier: GPL-2.0
/*
 * Finds where KVM keeps the reason of the last exit. Packaged headers do not tell, but
 * KVM's own get_exit_info() does: it runs once on an image of a vCPU in which each word
 * holds its own offset, and so returns the offset. Where that function does not report
 * the reason, the kvm_exit tracepoint passes it.
 */
#include <linux/kvm_host.h>
#include <linux/slab.h>
#include <linux/static_call.h>
#include <asm/svm.h>

#include "attach_reason.h"
#include "box.h"
#include "compat.h"
#include "exit.h"
#include "symbol.h"

#define IMAGE_BYTES	(32 * 1024)
#define IMAGE_MARK	0x80000000u

static void no_exit_info(struct kvm_vcpu *vcpu, u32 *reason, u64 *info1,
			 u64 *info2, u32 *intr_info, u32 *error_code)
{
}

DEFINE_STATIC_CALL(l1t_get_exit_info, no_exit_info);

static int ask_exit_info(const char *module, const char *function,
			 struct kvm_vcpu *image, u32 *reason, u64 *info1)
{
	unsigned long addr = l1t_symbol(module, function);
	u32 intr_info, error_code;
	u64 info2;

	if (!addr)
		return -ENOENT;
	static_call_update(l1t_get_exit_info, (typeof(no_exit_info) *)addr);
	static_call(l1t_get_exit_info)(image, reason, info1, &info2,
				       &intr_info, &error_code);
	static_call_update(l1t_get_exit_info, no_exit_info);
	return 0;
}

/**
 * l1t_find_vmx_reason() - find where KVM keeps the exit reason on VMX
 * @module: module of get_exit_info(); NULL for the kernel itself
 *
 * The function reads no VMCS, because every register is marked as available, and
 * because IMAGE_MARK is bit 31, VMX's "failed VM entry".
 *
 * Return: 0, or an error; then reasons are counted as UNKNOWN.
 */
int l1t_find_vmx_reason(const char *module)
{
	u32 offset, reason = 0, word, *words;
	struct kvm_vcpu *image;
	u64 info1 = 0;
	int err;

	if (!L1T_EXIT_INFO_REASON)
		return l1t_symbol(module, "vmx_get_exit_info") ? 0 : -ENOENT;
	image = kzalloc(IMAGE_BYTES, GFP_KERNEL);
	if (!image)
		return -ENOMEM;
	memset(&image->arch.regs_avail, 0xff, sizeof(image->arch.regs_avail));
	words = (u32 *)image;
	for (word = DIV_ROUND_UP(sizeof(*image), sizeof(u32));
	     word < IMAGE_BYTES / sizeof(u32); word++)
		words[word] = IMAGE_MARK | (u32)(word * sizeof(u32));

	err = ask_exit_info(module, "vmx_get_exit_info", image, &reason, &info1);
	kfree(image);
	if (err)
		return err;

	offset = reason & ~IMAGE_MARK;
	if (!(reason & IMAGE_MARK) || offset % sizeof(u32) ||
	    offset < sizeof(*image) || offset >= IMAGE_BYTES)
		return -EPROTO;
	/* The exit qualification, found the same way, is two such words. */
	if (upper_32_bits(info1) != lower_32_bits(info1) + sizeof(u32) ||
	    !(lower_32_bits(info1) & IMAGE_MARK))
		return -EPROTO;
	WRITE_ONCE(l1t_vmx_reason_offset, offset);
	offset = lower_32_bits(info1) & ~IMAGE_MARK;
	if (offset % sizeof(u64) == 0 && offset >= sizeof(*image) &&
	    offset <= IMAGE_BYTES - sizeof(u64))
		WRITE_ONCE(l1t_vmx_qualification_offset, offset);
	return 0;
}

/**
 * l1t_find_svm_reason() - find where KVM keeps the exit reason on SVM
 * @module: module of get_exit_info(); NULL for the kernel itself
 *
 * It is in the VMCB, whose address follows struct kvm_vcpu.
 *
 * Return: 0, or an error; then reasons are counted as UNKNOWN.
 */
int l1t_find_svm_reason(const char *module)
{
	const u32 code = 0x5a5, info = 0xa5a5;
	struct kvm_vcpu *image;
	u32 reason = 0;
	u64 info1 = 0;
	int err = -ENOMEM;
	struct vmcb *vmcb;

	if (!L1T_EXIT_INFO_REASON)
		return l1t_symbol(module, "svm_get_exit_info") ? 0 : -ENOENT;
	vmcb = kzalloc(sizeof(*vmcb), GFP_KERNEL);
	if (!vmcb)
		return err;
	image = kzalloc(IMAGE_BYTES, GFP_KERNEL);
	if (!image)
		goto free_vmcb;
	vmcb->control.exit_code = code;
	vmcb->control.exit_info_1 = info;
	*(struct vmcb **)(image + 1) = vmcb;

	err = ask_exit_info(module, "svm_get_exit_info", image, &reason, &info1);
	if (!err && (reason != code || info1 != info))
		err = -EPROTO;
	WRITE_ONCE(l1t_svm_reason_known, !err);
	kfree(image);
free_vmcb:
	kfree(vmcb);
	return err;
}
