// SPDX-License-Identifier: GPL-2.0
/*
 * What clouds publish about nested virtualization, as far as their documents
 * say. Nothing here uses the network: what has to be looked up is a command to copy.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/format.h"
#include "base/util.h"
#include "doctor/doctor.h"
#include "doctor/l0.h"

#define WINDOWS_MAX_CPUS	192

/* Of an instance that is stopped. */
#define EC2_CHANGE_TYPE	"aws ec2 modify-instance-attribute --instance-id INSTANCE-ID --instance-type TYPE"

enum cloud { CLOUD_NONE, CLOUD_EC2, CLOUD_GOOGLE, CLOUD_AZURE };

/* EC2's older types run on Xen, which signs as itself. */
static bool is_ec2_xen(const struct doctor *doctor)
{
	char version[64];

	return !strcmp(doctor->machine.vendor, "Xen") &&
	       machine_file(doctor->env->sysfs, version, sizeof(version),
			    "class/dmi/id/product_version") && strstr(version, ".amazon");
}

static enum cloud cloud_of(const struct doctor *doctor)
{
	const struct machine *machine = &doctor->machine;

	if (!strcmp(machine->vendor, "Amazon EC2") || is_ec2_xen(doctor))
		return CLOUD_EC2;
	if (!strcmp(machine->vendor, "Google"))
		return CLOUD_GOOGLE;
	/* Hyper-V outside Azure differs in its tag only, which may be withheld. */
	if (!strcmp(machine->vendor, "Microsoft Corporation") &&
	    !strcmp(machine->product, "Virtual Machine") && !l0_is_hyperv(doctor))
		return CLOUD_AZURE;
	return CLOUD_NONE;
}

bool doctor_is_in_cloud(const struct doctor *doctor)
{
	return cloud_of(doctor) != CLOUD_NONE;
}

/* "m8i.metal-48xl", "c5.metal" */
static bool is_metal(const struct machine *machine)
{
	const char *s = strstr(machine->product, ".metal");

	return s && (!s[6] || s[6] == '-');
}

/* Nothing but a type's name becomes a word of a command to copy. */
static bool is_type(const char *product)
{
	return strchr(product, '.') &&
	       !product[strspn(product, "abcdefghijklmnopqrstuvwxyz0123456789.-")];
}

/* "m8i-flex.large" */
static void check_flex(struct doctor *doctor, bool here)
{
	const char *flex = strstr(doctor->machine.product, "-flex.");

	if (here && flex)
		doctor_add(doctor, "EC2 flex", DOCTOR_INFO,
			   xasprintf("%s has a baseline of 40 %% of its CPUs' performance, by EC2's documents, and all of it for 95 %% of the time: guests that keep CPUs busy may be held to the baseline, which the row stolen time and the column STOLEN can show. For a steady load use the type without -flex",
				     doctor->machine.product), NULL);
}

static const char *ec2_ask_types(void)
{
	return "aws ec2 describe-instance-types --filters Name=processor-info.supported-features,Values=nested-virtualization --query 'sort(InstanceTypes[].InstanceType)'";
}

static void check_ec2_vmx(struct doctor *doctor, bool here)
{
	if (here && doctor_cpu_is_ready(doctor)) {
		doctor_add(doctor, "EC2 nesting", DOCTOR_OK,
			   xstrdup("nested virtualization is on for this instance"), NULL);
		return;
	}
	doctor_add(doctor, "EC2 nesting", here ? DOCTOR_PROBLEM : DOCTOR_INFO,
		   here ? xasprintf("nested virtualization is off for this instance: it must be stopped to switch it on, and its type must support it (ask the API, first command); the last command is for a new instance%s",
				    doctor->machine.amd ? ". It is documented for types with Intel CPUs, which this one does not have: change the type first (third command)" : "") :
			  xstrdup("nested virtualization can be enabled for a stopped instance, or at launch"),
		   xasprintf("%s\n"
			     "aws ec2 stop-instances --instance-ids INSTANCE-ID\n"
			     EC2_CHANGE_TYPE "   # if this type does not support it\n"
			     "aws ec2 modify-instance-cpu-options --instance-id INSTANCE-ID --nested-virtualization enabled\n"
			     "aws ec2 start-instances --instance-ids INSTANCE-ID\n"
			     "aws ec2 run-instances --cpu-options \"NestedVirtualization=enabled\" --instance-type TYPE --image-id IMAGE-ID",
			     ec2_ask_types()));
}

static void check_latency(struct doctor *doctor)
{
	const struct measurement *m = doctor->measurement;
	const char *advice = "every exit of a guest goes through L0: for work that needs low latency consider a bare-metal instance";
	char *time;

	if (!m || !m->results[BENCH_CPUID].cycles.count) {
		doctor_add(doctor, "EC2 latency", DOCTOR_INFO,
			   xasprintf("%s; the cost of an exit here is unknown: %s", advice, doctor->why_none ? doctor->why_none : "measure it"),
			   xstrdup("l1tune bench --save"));
		return;
	}
	time = format_ns(bench_ns(m, m->results[BENCH_CPUID].cycles.median));
	doctor_add(doctor, "EC2 latency", DOCTOR_INFO,
		   xasprintf("%s; a CPUID exit was measured as %s here", advice, time), NULL);
	free(time);
}

static void check_ec2_considerations(struct doctor *doctor, bool here)
{
	const struct machine *machine = &doctor->machine;
	char *product = here ? xasprintf("this is %s; ", machine->product) : xstrdup("");

	doctor_add(doctor, "EC2 types", DOCTOR_INFO,
		   xasprintf("%sC8i, M8i and R8i were the first to support nested virtualization, the API lists the current ones", product),
		   here && is_type(machine->product) ?
		   xasprintf("%s\naws ec2 describe-instance-types --instance-types %s --query 'InstanceTypes[].ProcessorInfo.SupportedFeatures'",
			     ec2_ask_types(), machine->product) :
		   xstrdup(ec2_ask_types()));
	check_flex(doctor, here);
	doctor_add(doctor, "EC2 hypervisors", DOCTOR_INFO,
		   xstrdup("EC2 supports KVM and Hyper-V as the hypervisor of an instance; this one has KVM (l1tune caps names guests that may run Hyper-V)"), NULL);
	doctor_add(doctor, "EC2 Windows", DOCTOR_INFO,
		   xasprintf("this instance runs Linux. On one that runs Windows, nested virtualization switches Virtual Secure Mode (Credential Guard) off and excludes hibernation and more than %d CPUs; this one has %llu",
			     WINDOWS_MAX_CPUS, (unsigned long long)machine->num_cpus), NULL);
	doctor_add(doctor, "EC2 security", DOCTOR_INFO,
		   xstrdup("the provider is responsible for L0 and the hardware; you are for this system, its hypervisor, its guests and their data. Of these, the rows mitigations, access, lockdown and module check this kernel, /dev/kvm and what may be loaded; they cannot check updates, guests' images and networks"), NULL);
	check_latency(doctor);
	free(product);
}

static void check_ec2(struct doctor *doctor, bool here)
{
	const struct machine *machine = &doctor->machine;

	if (here && is_ec2_xen(doctor)) {
		doctor_add(doctor, "EC2 instance", DOCTOR_PROBLEM,
			   xstrdup("this instance is of an older type, on Xen, which has no nested virtualization on EC2: change the type of the stopped instance to one that supports it (first command), then switch it on"),
			   xasprintf("%s\n"
				     EC2_CHANGE_TYPE "\n"
				     "aws ec2 modify-instance-cpu-options --instance-id INSTANCE-ID --nested-virtualization enabled",
				     ec2_ask_types()));
		return;
	}
	if (here && is_metal(machine)) {
		doctor_add(doctor, "EC2 instance", DOCTOR_INFO,
			   xasprintf("%s is bare metal: this is L0, no nested virtualization is needed. Exits trap to this machine's KVM alone; the limits of an L0 (types, cost of exits, hidden capabilities) do not apply", machine->product), NULL);
		return;
	}
	if (here)
		doctor_add(doctor, "EC2 instance", DOCTOR_OK,
			   xasprintf("%s, virtual", machine->product[0] ? machine->product : "type not known"), NULL);
	check_ec2_vmx(doctor, here);
	check_ec2_considerations(doctor, here);
}

static void check_google(struct doctor *doctor, bool here)
{
	if (here && doctor_cpu_is_ready(doctor))
		doctor_add(doctor, "Google Cloud", DOCTOR_OK,
			   xstrdup("nested virtualization is on for this instance; documented for Linux and KVM on Intel CPUs, with 10 % or more lost to CPU-bound work and more to I/O"), NULL);
	else
		doctor_add(doctor, "Google Cloud", here ? DOCTOR_PROBLEM : DOCTOR_INFO,
			   xasprintf("nested virtualization is a property of an instance, which an organization's policy (compute.disableNestedVirtualization) may forbid; not every machine series has it%s. In the exported file set advancedMachineFeatures: enableNestedVirtualization: true",
				     here && doctor->machine.amd ? ", and it is documented for Intel CPUs, which this machine does not have: change its machine series first" : ""),
			   xstrdup("gcloud compute instances export INSTANCE --zone ZONE --destination instance.yaml\n"
				   "gcloud compute instances update-from-file INSTANCE --zone ZONE --source instance.yaml --most-disruptive-allowed-action RESTART\n"
				   "gcloud compute instances create INSTANCE --zone ZONE --enable-nested-virtualization"));
}

static void check_azure(struct doctor *doctor, bool here)
{
	if (here && doctor_cpu_is_ready(doctor))
		doctor_add(doctor, "Azure", DOCTOR_OK,
			   xstrdup("L0 is Hyper-V and offers nested virtualization: enlightened VMCS, if l1tune caps shows it, saves trips to L0"), NULL);
	else
		doctor_add(doctor, "Azure", here ? DOCTOR_PROBLEM : DOCTOR_INFO,
			   xstrdup("there is no switch: sizes documented to support it have it (Dv3, Ev3 and later families), with the security type Standard. On your own Hyper-V use PowerShell on its host, last command"),
			   xstrdup("az vm list-vm-resize-options --resource-group GROUP --name VM --output table\n"
				   "az vm deallocate --resource-group GROUP --name VM\n"
				   "az vm resize --resource-group GROUP --name VM --size SIZE\n"
				   "Set-VMProcessor -VMName VM -ExposeVirtualizationExtensions $true"));
}

void doctor_check_clouds(struct doctor *doctor, bool all)
{
	/* What each says is about the CPU. */
	enum cloud cloud = doctor->machine.is_cpu_known ? cloud_of(doctor) : CLOUD_NONE;

	if (all || cloud == CLOUD_EC2)
		check_ec2(doctor, cloud == CLOUD_EC2);
	if (all || cloud == CLOUD_GOOGLE)
		check_google(doctor, cloud == CLOUD_GOOGLE);
	if (all || cloud == CLOUD_AZURE)
		check_azure(doctor, cloud == CLOUD_AZURE);
}
