// SPDX-License-Identifier: GPL-2.0
/*
 * The module's decoding of capability registers, on registers of machines. For
 * each feature there is one that has it and one that has not.
 */
#include "../../module/caps.h"
#include "../../module/svm_caps.c"
#include "../../module/vmx_caps.c"
#include "ktap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct recorded {
	const char *name;
	struct l1t_vmx_caps caps;
	/* Those it has, with blanks around. */
	const char *features;
};

#define REG(symbol)	(1u << L1T_VMX_##symbol)
#define ALL		((1u << L1T_VMX_REGISTERS) - 1)
#define V(symbol, number) .value[L1T_VMX_##symbol] = number

/* As read on the machines that are named. */
static const struct recorded recorded[] = {
	{ "Bochs, haswell", {
		.offered = true, .present = ALL & ~(REG(PROC3) | REG(EXIT2)),
		V(FEATURE_CONTROL, 0x5), V(BASIC, 0x00d810000000002b),
		V(PIN, 0x0000007f00000016), V(PROC, 0xfff9fffe0401e172),
		V(PROC2, 0x00047fff00000000), V(EPT, 0x00000f0106334141),
		V(VMFUNC, 1) },
	  " virtual_nmi preemption_timer tpr_shadow msr_bitmaps apic_access ept rdtscp"
	  " x2apic_virtualization vpid unrestricted_guest apic_register_virtualization"
	  " virtual_interrupt_delivery pause_loop_exiting invpcid vm_functions vmcs_shadowing"
	  " ept_violation_ve ept_execute_only ept_2m ept_1g ept_ad invvpid eptp_switching " },
	{ "guest of KVM 6.1 on that", {
		.offered = true, .present = ALL & ~(REG(PROC3) | REG(EXIT2)),
		V(FEATURE_CONTROL, 0x5), V(BASIC, 0x00d8100011e57ed0),
		V(PIN, 0x0000007f00000016), V(PROC, 0xfff9fffe0401e172),
		V(PROC2, 0x00027bff00000000), V(EPT, 0x00000f0106334041),
		V(VMFUNC, 1) },
	  " virtual_nmi preemption_timer tpr_shadow msr_bitmaps apic_access ept rdtscp"
	  " x2apic_virtualization vpid unrestricted_guest apic_register_virtualization"
	  " virtual_interrupt_delivery invpcid vm_functions vmcs_shadowing pml"
	  " ept_execute_only ept_2m ept_1g ept_ad invvpid eptp_switching " },
	/* Put together, as no machine at hand has all of it. */
	{ "every bit that may be set is set", {
		.offered = true, .present = ALL,
		V(FEATURE_CONTROL, 0x5), V(BASIC, 1), V(PIN, ~0ull), V(PROC, ~0ull),
		V(PROC2, ~0ull), V(PROC3, ~0ull), V(EPT, ~0ull), V(VMFUNC, ~0ull) },
	  "all" },
	{ "no bit is set", {
		.offered = true, .present = ALL, V(FEATURE_CONTROL, 0x1) },
	  "" },
	{ "secondary controls do not count without the primary one", {
		.offered = true, .present = ALL, V(PROC2, ~0ull), V(PROC3, ~0ull) },
	  "" },
	{ "lower halves say what must be set, not what may", {
		.offered = true, .present = ALL, V(PIN, 0xffffffff), V(PROC, 0xffffffff),
		V(PROC2, 0xffffffff) },
	  "" },
	{ "what cannot be read counts as zero", {
		.offered = true, V(PIN, ~0ull), V(PROC, ~0ull), V(PROC2, ~0ull) },
	  "" },
	{ "no VMX", {
		.offered = false, .present = ALL, V(PIN, ~0ull), V(PROC, ~0ull) },
	  "" },
};

static bool is_expected(const char *features, const char *name)
{
	char *blank = xasprintf(" %s ", name);
	bool found = !strcmp(features, "all") || strstr(features, blank);

	free(blank);
	return found;
}

static void test_vmx(void)
{
	bool on[L1T_VMX_FEATURES] = { }, off[L1T_VMX_FEATURES] = { };
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(recorded); i++) {
		bool same = true;

		for (j = 0; j < L1T_VMX_FEATURES; j++) {
			const struct l1t_vmx_feature *f = &l1t_vmx_features[j];
			bool has = l1t_vmx_has(&recorded[i].caps, f);

			on[j] |= has;
			off[j] |= !has;
			if (has != is_expected(recorded[i].features, f->name)) {
				printf("# %s is %d\n", f->name, has);
				same = false;
			}
		}
		ktap_ok(same, "%s", recorded[i].name);
	}
	for (j = 0; j < L1T_VMX_FEATURES; j++)
		ktap_ok(on[j] && off[j], "%s was seen as 1 and as 0", l1t_vmx_features[j].name);
}

static void test_svm(void)
{
	static const unsigned int bits[L1T_SVM_FEATURES] = {
		0, 1, 2, 3, 4, 5, 6, 7, 10, 12, 13, 15, 16, 17, 18, 20, 25,
	};
	size_t i, j;

	for (i = 0; i < L1T_SVM_FEATURES; i++) {
		struct l1t_svm_caps caps = { .offered = true, .edx = 1u << bits[i] };
		bool right = true;

		for (j = 0; j < L1T_SVM_FEATURES; j++)
			right &= l1t_svm_has(&caps, &l1t_svm_features[j]) == (i == j);
		caps.offered = false;
		right &= !l1t_svm_has(&caps, &l1t_svm_features[i]);
		ktap_ok(right, "%s is bit %u alone", l1t_svm_features[i].name, bits[i]);
	}
}

static void test_allowed(void)
{
	struct l1t_vmx_caps vmx = { .offered = true, .present = ALL };
	struct l1t_svm_caps svm = { .offered = true, .has_vm_cr = true };

	ktap_ok(l1t_vmx_allowed(&vmx), "an open lock: VMX is allowed");
	vmx.value[L1T_VMX_FEATURE_CONTROL] = 1;
	ktap_ok(!l1t_vmx_allowed(&vmx), "locked without VMX: it is not");
	vmx.value[L1T_VMX_FEATURE_CONTROL] = 3;
	ktap_ok(!l1t_vmx_allowed(&vmx), "locked with VMX in SMX only: it is not");
	vmx.value[L1T_VMX_FEATURE_CONTROL] = 5;
	ktap_ok(l1t_vmx_allowed(&vmx), "locked with VMX: it is");
	vmx.value[L1T_VMX_BASIC] = 0xffffffff80000012;
	ktap_ok(l1t_vmx_revision(&vmx) == 0x12, "the revision has 31 bits");
	ktap_ok(l1t_svm_allowed(&svm), "SVM is allowed");
	svm.vm_cr = 1 << 4;
	ktap_ok(!l1t_svm_allowed(&svm), "SVMDIS: it is not");
}

static void test_hyperv(void)
{
	ktap_ok(!l1t_enlightened_vmcs(&(struct l1t_hyperv_caps){ }), "no Hyper-V, no enlightened VMCS");
	ktap_ok(l1t_enlightened_vmcs(&(struct l1t_hyperv_caps){ .hints = 1 << 14, .nested = 0x101 }),
		"recommended, version 1");
	ktap_ok(!l1t_enlightened_vmcs(&(struct l1t_hyperv_caps){ .hints = 1 << 14 }),
		"recommended, no version");
	ktap_ok(!l1t_enlightened_vmcs(&(struct l1t_hyperv_caps){ .nested = 0x101 }),
		"not recommended");
}

int main(void)
{
	ktap_start();
	test_vmx();
	test_svm();
	test_allowed();
	test_hyperv();
	return ktap_end();
}
