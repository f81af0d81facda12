// SPDX-License-Identifier: GPL-2.0
/*
 * Decodes CPUID's SVM features independently of the module, in the order of
 * AMD's manual (volume 3, appendix E.4.9). Prints "NAME VALUE" as the files of
 * l1/svm/.
 */
#include <cpuid.h>
#include <stdio.h>

int main(void)
{
	unsigned int a = 0, b = 0, c = 0, d = 0, offered;

	__cpuid(0x80000001, a, b, c, d);
	offered = (c & 4) != 0;
	a = b = c = d = 0;
	if (offered)
		__cpuid(0x8000000a, a, b, c, d);
	printf("offered %u\n", offered);
	printf("revision %u\nasids %u\n", a & 0xff, b);
	printf("cpuid_0x8000000a_eax 0x%08x\n", a);
	printf("cpuid_0x8000000a_ebx 0x%08x\n", b);
	printf("cpuid_0x8000000a_edx 0x%08x\n", d);
	printf("npt %d\n", (d & 0x1) != 0);
	printf("lbr_virtualization %d\n", (d & 0x2) != 0);
	printf("svm_lock %d\n", (d & 0x4) != 0);
	printf("nrip_save %d\n", (d & 0x8) != 0);
	printf("tsc_scaling %d\n", (d & 0x10) != 0);
	printf("vmcb_clean %d\n", (d & 0x20) != 0);
	printf("flush_by_asid %d\n", (d & 0x40) != 0);
	printf("decode_assists %d\n", (d & 0x80) != 0);
	printf("pause_filter %d\n", (d & 0x400) != 0);
	printf("pause_filter_threshold %d\n", (d & 0x1000) != 0);
	printf("avic %d\n", (d & 0x2000) != 0);
	printf("virtual_vmload_vmsave %d\n", (d & 0x8000) != 0);
	printf("virtual_gif %d\n", (d & 0x10000) != 0);
	printf("mode_based_execute %d\n", (d & 0x20000) != 0);
	printf("x2avic %d\n", (d & 0x40000) != 0);
	printf("virtual_spec_ctrl %d\n", (d & 0x100000) != 0);
	printf("virtual_nmi %d\n", (d & 0x2000000) != 0);
	return 0;
}
