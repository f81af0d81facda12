// SPDX-License-Identifier: GPL-2.0
/*
 * A row for each promise. Instructions are bytes: assemblers do not know all
 * of them. Their operands are what guest.S has in the registers: zeros, and the
 * scratch page in esi and edi.
 */
#include <linux/kvm.h>

#include "base/util.h"
#include "probe/features.h"
#include "probe/guest.h"
#include "probe/vm.h"

#define LEAF1_ECX(bit)		{ .leaf = 1, .reg = REG_ECX, .mask = 1u << (bit) }
#define LEAF1_EDX(bit)		{ .leaf = 1, .reg = REG_EDX, .mask = 1u << (bit) }
#define LEAF7_EBX(bit)		{ .leaf = 7, .reg = REG_EBX, .mask = 1u << (bit) }
#define LEAF7_ECX(bit)		{ .leaf = 7, .reg = REG_ECX, .mask = 1u << (bit) }
#define LEAF7_EDX(bit)		{ .leaf = 7, .reg = REG_EDX, .mask = 1u << (bit) }
#define LEAF7_1_EAX(bit)	{ .leaf = 7, .sub = 1, .reg = REG_EAX, .mask = 1u << (bit) }
#define LEAFD_EAX(bits)		{ .leaf = 0xd, .reg = REG_EAX, .mask = (bits) }
#define LEAFD_1_EAX(bit)	{ .leaf = 0xd, .sub = 1, .reg = REG_EAX, .mask = 1u << (bit) }
#define EXT1_ECX(bit)		{ .leaf = 0x80000001, .reg = REG_ECX, .mask = 1u << (bit) }
#define EXT1_EDX(bit)		{ .leaf = 0x80000001, .reg = REG_EDX, .mask = 1u << (bit) }
#define EXT8_EBX(bit)		{ .leaf = 0x80000008, .reg = REG_EBX, .mask = 1u << (bit) }
#define KVM_EAX(bit)		{ .leaf = 0x40000001, .reg = REG_EAX, .mask = 1u << (bit) }
#define CAP(number)		{ .cap = (number) }

#define XCR0_X87	0x1u
#define XCR0_SSE	0x2u
#define XCR0_AVX	0x4u
#define XCR0_MPX	0x18u
#define XCR0_AVX512	0xe0u
#define XCR0_PKRU	0x200u
#define XCR0_AMX	0x60000u
#define CR4(bit)	(1ull << (bit))
#define CR4_FSGSBASE	CR4(16)
#define CR4_OSXSAVE	CR4(18)
#define CR4_PKE		CR4(22)

#define BYTES(s)	.code = (s), .code_size = sizeof(s) - 1

#define STATE(component, bits)	\
	{ .name = "XCR0." component, .group = PROBE_STATE, .promise = LEAFD_EAX(bits),	\
	  .fn = probe_guest_xsetbv, .cr4 = CR4_OSXSAVE, .exits = true,			\
	  .means = "Linux and Windows enable each component that CPUID offers, early in boot, and stop there" }
#define CR4_ROW(bit_name, bit, ...)	\
	{ .name = "CR4." bit_name, .group = PROBE_CR4, .promise = __VA_ARGS__,	\
	  .fn = probe_guest_cr4, .value = CR4(bit), .exits = true,		\
	  .means = "a kernel that trusts CPUID sets it while it boots, and stops there" }
#define CODE(insn, bytes, ...)	\
	{ .name = insn, .group = PROBE_INSTRUCTIONS, BYTES(bytes), .promise = __VA_ARGS__, \
	  .means = "programs that trust CPUID get SIGILL, and a kernel that does stops" }
#define CODE_WITH(insn, bytes, cr4_bits, xcr0_bits, ...)	\
	{ .name = insn, .group = PROBE_INSTRUCTIONS, BYTES(bytes), .promise = __VA_ARGS__, \
	  .cr4 = (cr4_bits), .xcr0 = (xcr0_bits),					\
	  .means = "programs that trust CPUID get SIGILL, and a kernel that does stops" }
#define READ_MSR(msr_name, index, ...)	\
	{ .name = msr_name, .group = PROBE_MSR, .promise = __VA_ARGS__, .msr = (index),	\
	  .fn = probe_guest_rdmsr, .exits = true,					\
	  .means = "a kernel that trusts CPUID reads it while it boots, and may stop there" }
#define WRITE_MSR(msr_name, index, to, ...)	\
	{ .name = msr_name, .group = PROBE_MSR, .promise = __VA_ARGS__, .msr = (index),	\
	  .value = (to), .fn = probe_guest_wrmsr, .exits = true,			\
	  .means = "a kernel that trusts CPUID writes it while it boots or when it switches tasks, and may stop there" }

/*
 * A nested launch has the promise of its ISA; rows are tried in this order. Without the
 * first one there is nothing to try.
 */
const struct probe_feature probe_features[] = {
	{ .name = "a guest", .group = PROBE_ENTRY, .fn = probe_guest_nothing, .how = TRY_SHARED,
	  .means = "no guest runs on this machine" },

	STATE("SSE", XCR0_SSE),
	STATE("AVX", XCR0_AVX),
	STATE("MPX", XCR0_MPX),
	STATE("AVX512", XCR0_AVX512),
	STATE("PKRU", XCR0_PKRU),
	{ .name = "XCR0.AMX", .group = PROBE_STATE, .promise = LEAFD_EAX(XCR0_AMX),
	  .fn = probe_guest_xsetbv, .cr4 = CR4_OSXSAVE, .exits = true, .asks_permission = true,
	  .means = "a guest that is offered AMX stops, or its programs get SIGILL" },

	CR4_ROW("VME", 0, LEAF1_EDX(1)),
	CR4_ROW("TSD", 2, LEAF1_EDX(4)),
	CR4_ROW("DE", 3, LEAF1_EDX(2)),
	CR4_ROW("MCE", 6, LEAF1_EDX(7)),
	CR4_ROW("PGE", 7, LEAF1_EDX(13)),
	CR4_ROW("PCE", 8, LEAF1_EDX(5)),
	CR4_ROW("UMIP", 11, LEAF7_ECX(2)),
	CR4_ROW("VMXE", 13, LEAF1_ECX(5)),
	CR4_ROW("SMXE", 14, LEAF1_ECX(6)),
	CR4_ROW("FSGSBASE", 16, LEAF7_EBX(0)),
	CR4_ROW("PCIDE", 17, LEAF1_ECX(17)),
	CR4_ROW("OSXSAVE", 18, LEAF1_ECX(26)),
	CR4_ROW("SMEP", 20, LEAF7_EBX(7)),
	CR4_ROW("SMAP", 21, LEAF7_EBX(20)),
	CR4_ROW("PKE", 22, LEAF7_ECX(3)),
	CR4_ROW("CET (shadow stacks)", 23, LEAF7_ECX(7)),
	CR4_ROW("CET (IBT)", 23, LEAF7_EDX(20)),
	CR4_ROW("PKS", 24, LEAF7_ECX(31)),
	CR4_ROW("LAM_SUP", 28, LEAF7_1_EAX(26)),
	{ .name = "CR4.LA57", .group = PROBE_CR4, .promise = LEAF7_ECX(16),
	  .fn = probe_guest_nothing, .la57 = true,
	  .means = "a kernel with five levels of page tables stops at its first instruction" },

	{ .name = "CPUID", .group = PROBE_INSTRUCTIONS, .fn = probe_guest_cpuid, .exits = true },
	CODE("RDTSCP", "\x0f\x01\xf9", EXT1_EDX(27)),
	CODE("RDPID", "\xf3\x0f\xc7\xf8", LEAF7_ECX(22)),
	CODE("CMPXCHG16B", "\x48\x0f\xc7\x0e", LEAF1_ECX(13)),
	CODE("POPCNT", "\xf3\x0f\xb8\xc0", LEAF1_ECX(23)),
	CODE("MOVBE", "\x0f\x38\xf0\x06", LEAF1_ECX(22)),
	CODE("SSE3 (ADDSUBPS)", "\xf2\x0f\xd0\xc1", LEAF1_ECX(0)),
	CODE("SSSE3 (PSHUFB)", "\x66\x0f\x38\x00\xc1", LEAF1_ECX(9)),
	CODE("SSE4.1 (PMULLD)", "\x66\x0f\x38\x40\xc1", LEAF1_ECX(19)),
	CODE("SSE4.2 (PCMPGTQ)", "\x66\x0f\x38\x37\xc1", LEAF1_ECX(20)),
	CODE("AESENC", "\x66\x0f\x38\xdc\xc1", LEAF1_ECX(25)),
	CODE("PCLMULQDQ", "\x66\x0f\x3a\x44\xc1\x00", LEAF1_ECX(1)),
	CODE("SHA1NEXTE", "\x0f\x38\xc8\xc1", LEAF7_EBX(29)),
	CODE("GF2P8MULB", "\x66\x0f\x38\xcf\xc1", LEAF7_ECX(8)),
	CODE("RDRAND", "\x0f\xc7\xf0", LEAF1_ECX(30)),
	CODE("RDSEED", "\x0f\xc7\xf8", LEAF7_EBX(18)),
	CODE("ADCX", "\x66\x0f\x38\xf6\xc1", LEAF7_EBX(19)),
	CODE("ANDN (BMI1)", "\xc4\xe2\x78\xf2\xc1", LEAF7_EBX(3)),
	CODE("RORX (BMI2)", "\xc4\xe3\x7b\xf0\xc1\x01", LEAF7_EBX(8)),
	CODE("INVPCID", "\xba\x02\x00\x00\x00\x66\x0f\x38\x82\x16", LEAF7_EBX(10)),
	CODE("CLFLUSHOPT", "\x66\x0f\xae\x3e", LEAF7_EBX(23)),
	CODE("CLWB", "\x66\x0f\xae\x36", LEAF7_EBX(24)),
	CODE("CLDEMOTE", "\x0f\x1c\x06", LEAF7_ECX(25)),
	CODE("CLAC", "\x0f\x01\xca", LEAF7_EBX(20)),
	CODE("MOVDIRI", "\x0f\x38\xf9\x06", LEAF7_ECX(27)),
	CODE("MOVDIR64B", "\x89\xf0\x66\x0f\x38\xf8\x06", LEAF7_ECX(28)),
	CODE("SERIALIZE", "\x0f\x01\xe8", LEAF7_EDX(14)),
	CODE("TPAUSE", "\x66\x0f\xae\xf1", LEAF7_ECX(5)),
	CODE("XBEGIN", "\xc7\xf8\x03\x00\x00\x00\x0f\x01\xd5", LEAF7_EBX(11)),
	CODE("RDPMC", "\x0f\x33", { .leaf = 0xa, .reg = REG_EAX, .mask = 0xff }),
	CODE("CLZERO", "\x89\xf0\x0f\x01\xfc", EXT8_EBX(0)),
	CODE("MOVNTSS (SSE4A)", "\xf3\x0f\x2b\x06", EXT1_ECX(6)),
	CODE_WITH("RDFSBASE", "\xf3\x48\x0f\xae\xc0", CR4_FSGSBASE, 0, LEAF7_EBX(0)),
	CODE_WITH("RDPKRU", "\x0f\x01\xee", CR4_PKE, 0, LEAF7_ECX(3)),
	CODE_WITH("XSAVE", "\x0f\xae\x26", CR4_OSXSAVE, XCR0_X87 | XCR0_SSE, LEAF1_ECX(26)),
	CODE_WITH("XSAVEOPT", "\x0f\xae\x36", CR4_OSXSAVE, XCR0_X87 | XCR0_SSE, LEAFD_1_EAX(0)),
	CODE_WITH("XSAVEC", "\x0f\xc7\x26", CR4_OSXSAVE, XCR0_X87 | XCR0_SSE, LEAFD_1_EAX(1)),
	CODE_WITH("XSAVES", "\x0f\xc7\x2e", CR4_OSXSAVE, XCR0_X87 | XCR0_SSE, LEAFD_1_EAX(3)),
	CODE_WITH("XGETBV of XCR1", "\xb9\x01\x00\x00\x00\x0f\x01\xd0", CR4_OSXSAVE, 0, LEAFD_1_EAX(2)),
	CODE_WITH("AVX (VXORPS)", "\xc5\xfc\x57\xc0", CR4_OSXSAVE, 7, LEAF1_ECX(28)),
	CODE_WITH("F16C (VCVTPH2PS)", "\xc4\xe2\x79\x13\xc0", CR4_OSXSAVE, 7, LEAF1_ECX(29)),
	CODE_WITH("FMA", "\xc4\xe2\x79\x98\xc1", CR4_OSXSAVE, 7, LEAF1_ECX(12)),
	CODE_WITH("AVX2 (VPXOR)", "\xc5\xfd\xef\xc0", CR4_OSXSAVE, 7, LEAF7_EBX(5)),
	CODE_WITH("VAES", "\xc4\xe2\x7d\xdc\xc1", CR4_OSXSAVE, 7, LEAF7_ECX(9)),
	CODE_WITH("VPCLMULQDQ", "\xc4\xe3\x7d\x44\xc1\x00", CR4_OSXSAVE, 7, LEAF7_ECX(10)),
	CODE_WITH("AVX-VNNI (VPDPBUSD)", "\xc4\xe2\x7d\x50\xc1", CR4_OSXSAVE, 7, LEAF7_1_EAX(4)),
	CODE_WITH("AVX512F (VPXORQ)", "\x62\xf1\xfd\x48\xef\xc0", CR4_OSXSAVE, XCR0_AVX512 | 7, LEAF7_EBX(16)),
	{ .name = "AMX (TILERELEASE)", .group = PROBE_INSTRUCTIONS, BYTES("\xc4\xe2\x78\x49\xc0"),
	  .promise = LEAF7_EDX(24), .cr4 = CR4_OSXSAVE, .xcr0 = XCR0_AMX | 7, .asks_permission = true,
	  .means = "programs that trust CPUID get SIGILL, and a kernel that does stops" },
	{ .name = "VMCALL", .group = PROBE_INSTRUCTIONS, .isa = PROBE_VMX_ONLY, .fn = probe_guest_vmcall, .exits = true },
	{ .name = "VMMCALL", .group = PROBE_INSTRUCTIONS, .isa = PROBE_SVM_ONLY, .fn = probe_guest_vmmcall, .exits = true },
	{ .name = "PAUSE", .group = PROBE_INSTRUCTIONS, .fn = probe_guest_pause, .repeated = PROBE_PAUSES,
	  .means = "each PAUSE of a guest exits: spinlocks of guests with several vCPUs are expensive" },

	READ_MSR("MSR APIC_BASE", 0x1b, LEAF1_EDX(9)),
	READ_MSR("MSR MTRRCAP", 0xfe, LEAF1_EDX(12)),
	READ_MSR("MSR MISC_ENABLE", 0x1a0, { }),
	READ_MSR("MSR PAT", 0x277, LEAF1_EDX(16)),
	READ_MSR("MSR MCG_CAP", 0x179, LEAF1_EDX(14)),
	READ_MSR("MSR TSC_ADJUST", 0x3b, LEAF7_EBX(1)),
	READ_MSR("MSR TSC_AUX", 0xc0000103, EXT1_EDX(27)),
	READ_MSR("MSR EFER", 0xc0000080, EXT1_EDX(29)),
	READ_MSR("MSR STAR", 0xc0000081, EXT1_EDX(11)),
	READ_MSR("MSR KERNEL_GS_BASE", 0xc0000102, EXT1_EDX(29)),
	READ_MSR("MSR X2APIC.ID", 0x802, LEAF1_ECX(21)),
	READ_MSR("MSR SPEC_CTRL", 0x48, LEAF7_EDX(26)),
	READ_MSR("MSR ARCH_CAPABILITIES", 0x10a, LEAF7_EDX(29)),
	READ_MSR("MSR CORE_CAPABILITIES", 0xcf, LEAF7_EDX(30)),
	READ_MSR("MSR PERF_CAPABILITIES", 0x345, LEAF1_ECX(15)),
	READ_MSR("MSR PERFCTR0", 0xc1, { .leaf = 0xa, .reg = REG_EAX, .mask = 0xff }),
	READ_MSR("MSR UMWAIT_CONTROL", 0xe1, LEAF7_ECX(5)),
	READ_MSR("MSR XSS", 0xda0, LEAFD_1_EAX(3)),
	READ_MSR("MSR XFD", 0x1c4, LEAFD_1_EAX(4)),
	READ_MSR("MSR VIRT_SPEC_CTRL", 0xc001011f, EXT8_EBX(25)),
	READ_MSR("MSR FEATURE_CONTROL", 0x3a, LEAF1_ECX(5)),
	READ_MSR("MSR VMX_BASIC", 0x480, LEAF1_ECX(5)),
	READ_MSR("MSR VM_CR", 0xc0010114, EXT1_ECX(2)),
	READ_MSR("MSR VM_HSAVE_PA", 0xc0010117, EXT1_ECX(2)),
	WRITE_MSR("MSR PRED_CMD (IBPB)", 0x49, 1, LEAF7_EDX(26)),
	WRITE_MSR("MSR SPEC_CTRL, STIBP", 0x48, 2, LEAF7_EDX(27)),
	WRITE_MSR("MSR SPEC_CTRL, SSBD", 0x48, 4, LEAF7_EDX(31)),
	WRITE_MSR("MSR FLUSH_CMD (L1D)", 0x10b, 1, LEAF7_EDX(28)),

	{ .name = "kvmclock", .group = PROBE_KVM, .promise = KVM_EAX(3), .exits = true,
	  .fn = probe_guest_shared, .msr = 0x4b564d01, .value = PROBE_SCRATCH | 1, .how = TRY_SHARED,
	  .means = "Linux has a wrong clock, or uses another one that may exit" },
	{ .name = "steal time", .group = PROBE_KVM, .promise = KVM_EAX(5), .exits = true,
	  .fn = probe_guest_wrmsr, .msr = 0x4b564d03, .value = (PROBE_SCRATCH + 0x1000) | 1,
	  .means = "the guest does not see the time that its host steals" },
	{ .name = "PV EOI", .group = PROBE_KVM, .promise = KVM_EAX(6), .exits = true,
	  .fn = probe_guest_wrmsr, .msr = 0x4b564d04, .value = (PROBE_SCRATCH + 0x2000) | 1,
	  .means = "each interrupt of a guest costs one more exit" },
	{ .name = "poll control", .group = PROBE_KVM, .promise = KVM_EAX(12), .exits = true,
	  .fn = probe_guest_wrmsr, .msr = 0x4b564d05, .value = 1,
	  .means = "a guest that polls itself cannot keep its host from polling as well" },

	{ .name = "ioeventfd", .group = PROBE_WAKE, .promise = CAP(KVM_CAP_IOEVENTFD), .exits = true,
	  .fn = probe_guest_doorbell, .how = TRY_DOORBELL,
	  .means = "vhost and VFIO devices do not get the guest's requests" },
	{ .name = "irqfd", .group = PROBE_WAKE, .promise = CAP(KVM_CAP_IRQFD), .exits = true,
	  .fn = probe_guest_halt, .how = TRY_INTERRUPT,
	  .means = "interrupts of vhost and VFIO do not wake a guest: its devices hang" },
	{ .name = "TSC deadline timer", .group = PROBE_WAKE, .promise = CAP(KVM_CAP_TSC_DEADLINE_TIMER),
	  .exits = true, .fn = probe_guest_timer, .how = TRY_TIMER,
	  .means = "a halted guest is not woken by its timer: its boot hangs" },

	{ .name = "nested launch", .group = PROBE_NESTING, .isa = PROBE_VMX_ONLY,
	  .promise = LEAF1_ECX(5), .exits = true, .how = TRY_NESTED,
	  .means = "CPUID offers VMX, but guests cannot run guests with it" },
	{ .name = "nested run", .group = PROBE_NESTING, .isa = PROBE_SVM_ONLY,
	  .promise = EXT1_ECX(2), .exits = true, .how = TRY_NESTED,
	  .means = "CPUID offers SVM, but guests cannot run guests with it" },
};
const size_t num_probe_features = ARRAY_SIZE(probe_features);

const char *probe_group_name(enum probe_group group)
{
	static const char *const names[NUM_PROBE_GROUPS] = {
		[PROBE_ENTRY] = "entry",
		[PROBE_STATE] = "state",
		[PROBE_CR4] = "CR4",
		[PROBE_INSTRUCTIONS] = "instruction",
		[PROBE_MSR] = "MSR",
		[PROBE_KVM] = "KVM",
		[PROBE_WAKE] = "wake-up",
		[PROBE_NESTING] = "nesting",
	};

	return names[group];
}
