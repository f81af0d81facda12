// SPDX-License-Identifier: GPL-2.0
/* Hypervisors that people run themselves, and how each offers nested virtualization. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "doctor/l0.h"

/* Azure's machines have this in DMI; other machines of Hyper-V do not. */
#define AZURE_TAG	"7783-7084-3265-9085-8269-3286-77"

struct l0 {
	const char *name;
	bool (*is_here)(const struct doctor *doctor);
	const char *text;
	/* NULL if none helps. */
	const char *commands;
	bool is_unable;
};

bool l0_is_wsl(const struct doctor *doctor)
{
	return strcasestr(doctor->machine.kernel, "microsoft") &&
	       strcasestr(doctor->machine.kernel, "wsl");
}

bool l0_is_hyperv(const struct doctor *doctor)
{
	char tag[64];

	return !strcmp(doctor->machine.vendor, "Microsoft Corporation") &&
	       !strcmp(doctor->machine.product, "Virtual Machine") &&
	       machine_file(doctor->env->sysfs, tag, sizeof(tag),
			    "class/dmi/id/chassis_asset_tag") && strcmp(tag, AZURE_TAG);
}

static bool is_vmware(const struct doctor *doctor)
{
	return !strncmp(doctor->machine.vendor, "VMware", 6);
}

static bool is_virtualbox(const struct doctor *doctor)
{
	return !strcmp(doctor->machine.product, "VirtualBox");
}

static bool is_xen(const struct doctor *doctor)
{
	return !strcmp(doctor->machine.vendor, "Xen") && !doctor_is_in_cloud(doctor);
}

/* Bit of the features that Xen tells a kernel: it is the first domain, from which others are run. */
#define XENFEAT_DOM0	(1ul << 11)

/* A domain whose kernel Xen has started itself: it has no DMI, or that of the hardware. */
static bool is_xen_pv(const struct doctor *doctor)
{
	char type[8];

	return machine_file(doctor->env->sysfs, type, sizeof(type), "hypervisor/guest_type") &&
	       begins_with(type, "PV");
}

bool l0_is_xen_dom0(const struct doctor *doctor)
{
	char features[24];

	return is_xen_pv(doctor) &&
	       machine_file(doctor->env->sysfs, features, sizeof(features), "hypervisor/properties/features") &&
	       strtoul(features, NULL, 16) & XENFEAT_DOM0;
}

/* QEMU that only its provider can change: OpenStack's, whoever built it, and Oracle's cloud. */
static bool is_providers_qemu(const struct doctor *doctor)
{
	char tag[64];

	return begins_with(doctor->machine.vendor, "OpenStack") ||
	       begins_with(doctor->machine.product, "OpenStack") ||
	       (machine_file(doctor->env->sysfs, tag, sizeof(tag),
			     "class/dmi/id/chassis_asset_tag") && !strcmp(tag, "OracleCloud.com"));
}

/* QEMU as itself, and as those call it who build on it. */
static bool is_qemu(const struct doctor *doctor)
{
	static const char *const vendors[] = { "QEMU", "Red Hat", "oVirt", "KubeVirt" };
	size_t i;

	if (is_providers_qemu(doctor))
		return false;
	for (i = 0; i < ARRAY_SIZE(vendors); i++)
		if (!strcmp(doctor->machine.vendor, vendors[i]))
			return true;
	return false;
}

static bool is_bhyve(const struct doctor *doctor)
{
	return !strcmp(doctor->machine.product, "BHYVE") ||
	       (doctor->has_module && begins_with(doctor->host.hypervisor, "bhyve"));
}

/* The kernel has KVM's clock on KVM only. */
static bool is_on_kvm(const struct doctor *doctor)
{
	char clocks[128];

	if (doctor->has_module)
		return !strcmp(doctor->host.hypervisor, "KVMKVMKVM");
	return machine_file(doctor->env->sysfs, clocks, sizeof(clocks),
			    "devices/system/clocksource/clocksource0/available_clocksource") &&
	       machine_has_word(clocks, "kvm-clock");
}

/* Under a name of its owner's in DMI, which is not that of a known cloud. */
static bool is_other_kvm(const struct doctor *doctor)
{
	return is_providers_qemu(doctor) || (is_on_kvm(doctor) && !doctor_is_in_cloud(doctor));
}

#define ON_QEMU \
	"cat /sys/module/kvm_intel/parameters/nested /sys/module/kvm_amd/parameters/nested\n" \
	"printf 'options kvm_intel nested=1\\noptions kvm_amd nested=1\\n' > /etc/modprobe.d/l1tune-nested.conf\n" \
	"modprobe -r kvm_intel && modprobe kvm_intel   # or kvm_amd; no guest may run\n" \
	"virt-xml VM --edit --cpu host-passthrough\n" \
	"qm set VMID --cpu host"

/* The first that is here counts. */
static const struct l0 l0s[] = {
	{ "WSL2", l0_is_wsl,
	  "Windows 11 offers it, Windows 10 does not: in the file .wslconfig of the Windows user's home directory, below [wsl2], set nestedVirtualization=true, then end WSL and start it again",
	  "wslinfo --version\n"
	  "cmd.exe /c 'notepad %USERPROFILE%\\.wslconfig'\n"
	  "wsl.exe --shutdown" },
	{ "Hyper-V", l0_is_hyperv,
	  "in PowerShell on its host, with this machine off (on AMD: Windows 11, Server 2022 or later)",
	  "Stop-VM -Name VM\n"
	  "Set-VMProcessor -VMName VM -ExposeVirtualizationExtensions $true\n"
	  "Set-VMMemory -VMName VM -DynamicMemoryEnabled $false\n"
	  "Start-VM -Name VM" },
	{ "VMware", is_vmware,
	  "with this machine off: Processors, Virtualize Intel VT-x/EPT or AMD-V/RVI; in vSphere, CPU, Expose hardware assisted virtualization to the guest OS; or the second line in its .vmx file. On Windows hosts where Hyper-V or memory integrity is on, VMware cannot offer it until these are off",
	  "grep vhv.enable VM.vmx\n"
	  "echo 'vhv.enable = \"TRUE\"' >> VM.vmx" },
	{ "VirtualBox", is_virtualbox,
	  "on its host, with this machine off. On Windows hosts where Hyper-V or memory integrity is on, VirtualBox cannot offer it until these are off",
	  "VBoxManage controlvm VM acpipowerbutton\n"
	  "VBoxManage modifyvm VM --nested-hw-virt on\n"
	  "VBoxManage startvm VM --type headless" },
	{ "Xen", is_xen,
	  "in the configuration of this machine, an HVM domain, on its host, with this machine off; on XCP-ng by the last line. Xen calls it experimental",
	  "echo 'hap = 1' >> VM.cfg\n"
	  "echo 'nestedhvm = 1' >> VM.cfg\n"
	  "xe vm-param-set uuid=UUID platform:nested-virt=true   # before XCP-ng 8.3: platform:exp-nested-hvm=true" },
	{ "Xen dom0", l0_is_xen_dom0,
	  "this is the first domain of Xen, which has the CPU's extensions to itself, so KVM cannot run guests in it. For KVM start this machine without Xen: choose an entry of the boot menu that does not name it (first lines), or remove the package of Xen's hypervisor. Domains of Xen (last line) do not run then",
	  "awk -F\\' '/menuentry / { print $2 }' /boot/grub*/grub.cfg\n"
	  "grub-reboot ENTRY && reboot   # EL, Fedora, openSUSE: grub2-reboot; once, with GRUB_DEFAULT=saved\n"
	  "xl list", true },
	{ "Xen PV", is_xen_pv,
	  "in the configuration of this machine, on its host, with this machine off: it has to be an HVM domain (this one is PV or PVH). Xen calls it experimental",
	  "echo 'type = \"hvm\"' >> VM.cfg\n"
	  "echo 'nestedhvm = 1' >> VM.cfg" },
	{ "QEMU", is_qemu,
	  "on its host, with this machine off: KVM there needs nested=1 (first two lines), and this machine a CPU model with it: -cpu host, by libvirt the third line, by Proxmox the fourth. QEMU without KVM emulates SVM only, with -cpu max. If a provider runs the host, ask the provider whether this plan, another one or a setting has it",
	  ON_QEMU },
	{ "bhyve", is_bhyve,
	  "bhyve does not offer it. This machine needs another hypervisor below it, or to be bare metal",
	  NULL, true },
	{ "L0 KVM", is_other_kvm,
	  "L0 is KVM. If a provider runs it, ask the provider whether this plan, another one or a setting has it. If you run it, enable it there, with this machine off: KVM needs nested=1 (first two lines), and this machine a CPU model with it: QEMU -cpu host, by libvirt the third line, by Proxmox the fourth",
	  ON_QEMU },
};

static void check_one(struct doctor *doctor, const struct l0 *l0, bool here)
{
	enum doctor_state state = here && !doctor_has_pvm(doctor) ? DOCTOR_PROBLEM : DOCTOR_INFO;

	if (here && doctor_cpu_is_ready(doctor))
		doctor_add(doctor, l0->name, DOCTOR_OK,
			   xstrdup("it offers nested virtualization to this machine"), NULL);
	else
		doctor_add(doctor, l0->name, state,
			   xasprintf("%s: %s", l0->is_unable ? "there is no nested virtualization" :
				     "enable nested virtualization below this machine", l0->text),
			   l0->commands ? xstrdup(l0->commands) : NULL);
}

/* No row says what to do yet. */
static void add_unknown(struct doctor *doctor)
{
	const struct machine *machine = &doctor->machine;

	if (machine->virtualized && doctor_lacks_cpu(doctor) && !doctor_has_pvm(doctor) &&
	    !doctor_is_in_cloud(doctor))
		doctor_add(doctor, "L0", DOCTOR_PROBLEM,
			   xasprintf("enable nested virtualization in the hypervisor below this machine, which l1tune does not know (DMI: \"%s\", \"%s\"). If a provider runs it, ask the provider whether this plan, another one or a setting has it. If you run it, look for nested virtualization, and for a CPU model with the host's %s, in its settings",
				     machine->vendor, machine->product, machine->amd ? "SVM" : "VMX"), NULL);
}

void l0_check(struct doctor *doctor, bool all)
{
	bool is_found = false, here;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(l0s); i++) {
		here = doctor->machine.is_cpu_known && !is_found && l0s[i].is_here(doctor);
		is_found |= here;
		if (all || here)
			check_one(doctor, &l0s[i], here);
	}
	if (!is_found)
		add_unknown(doctor);
}
