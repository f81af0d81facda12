// SPDX-License-Identifier: GPL-2.0
/*
 * Decodes the capability MSRs of VMX from /dev/cpu/0/msr, independently of the
 * module, in the order of Intel's manual (volume 3, appendix A). Prints
 * "NAME VALUE" as the files of l1/vmx/.
 */
#include <cpuid.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

static int msr_fd;

static int read_msr(uint32_t index, uint64_t *value)
{
	return pread(msr_fd, value, sizeof(*value), index) == sizeof(*value);
}

static uint64_t msr(uint32_t index)
{
	uint64_t value;

	return read_msr(index, &value) ? value : 0;
}

static int bit(uint64_t value, int n)
{
	return (value & (1ull << n)) != 0;
}

/* A.3: bits 63:32 report the allowed 1-settings of a control. */
static int allowed1(uint32_t index, int control)
{
	return bit(msr(index), control + 32);
}

static int secondary(int control)
{
	return allowed1(0x482, 31) && allowed1(0x48b, control);
}

static int tertiary(int control)
{
	return allowed1(0x482, 17) && bit(msr(0x492), control);
}

/* A.10: the register is there if EPT or VPID is. */
static int ept_vpid(int n)
{
	return (secondary(1) || secondary(5)) && bit(msr(0x48c), n);
}

static void say(const char *name, int value)
{
	printf("%s %d\n", name, value);
}

static void say_controls(void)
{
	say("preemption_timer", allowed1(0x481, 6));
	say("virtual_nmi", allowed1(0x481, 5));
	say("posted_interrupts", allowed1(0x481, 7));
	say("tpr_shadow", allowed1(0x482, 21));
	say("msr_bitmaps", allowed1(0x482, 28));
	say("apic_access", secondary(0));
	say("ept", secondary(1));
	say("rdtscp", secondary(3));
	say("x2apic_virtualization", secondary(4));
	say("vpid", secondary(5));
	say("unrestricted_guest", secondary(7));
	say("apic_register_virtualization", secondary(8));
	say("virtual_interrupt_delivery", secondary(9));
	say("pause_loop_exiting", secondary(10));
	say("invpcid", secondary(12));
	say("vm_functions", secondary(13));
	say("vmcs_shadowing", secondary(14));
	say("pml", secondary(17));
	say("ept_violation_ve", secondary(18));
	say("xsaves", secondary(20));
	say("mode_based_execute", secondary(22));
	say("tsc_scaling", secondary(25));
	say("user_wait_pause", secondary(26));
	say("bus_lock_exiting", secondary(30));
	say("notify_exiting", secondary(31));
	say("ipi_virtualization", tertiary(4));
}

static void say_memory(void)
{
	say("ept_execute_only", ept_vpid(0));
	say("ept_5level", ept_vpid(7));
	say("ept_2m", ept_vpid(16));
	say("ept_1g", ept_vpid(17));
	say("ept_ad", ept_vpid(21));
	say("invvpid", ept_vpid(32));
	say("eptp_switching", secondary(13) && bit(msr(0x491), 0));
}

static void say_registers(void)
{
	uint64_t value;
	uint32_t i;

	for (i = 0x47f; i <= 0x493; i++) {
		uint32_t index = i == 0x47f ? 0x3a : i;

		if (read_msr(index, &value))
			printf("msr_0x%x 0x%016llx\n", index, (unsigned long long)value);
		else
			printf("msr_0x%x none\n", index);
	}
}

int main(void)
{
	unsigned int a, b, c, d;

	msr_fd = open("/dev/cpu/0/msr", O_RDONLY);
	if (msr_fd < 0) {
		perror("/dev/cpu/0/msr");
		return 1;
	}
	__cpuid(1, a, b, c, d);
	say("offered", bit(c, 5));
	say("allowed", bit(c, 5) && (bit(msr(0x3a), 2) || !bit(msr(0x3a), 0)));
	printf("vmcs_revision 0x%x\n", (uint32_t)msr(0x480) & 0x7fffffff);
	say_controls();
	say_memory();
	say_registers();
	return 0;
}
