// SPDX-License-Identifier: GPL-2.0
/* l1/vmx/ or l1/svm/: what L0 offers, one file per feature; see ABI/. */
#include <linux/build_bug.h>
#include <linux/cache.h>
#include <linux/device.h>
#include <linux/init.h>
#include <linux/sysfs.h>

#include "caps_read.h"
#include "sysfs_caps.h"

/* The index is that of a fact, number, register or feature. */
struct cap_attribute {
	struct device_attribute attr;
	unsigned int index;
};

enum cap_fact { FACT_OFFERED, FACT_ALLOWED, FACT_CPUS_DIFFER, FACT_ENLIGHTENED_VMCS };
enum svm_number { SVM_REVISION, SVM_ASIDS, SVM_EAX, SVM_EBX, SVM_EDX };

static unsigned int index_of(struct device_attribute *attr)
{
	return container_of(attr, struct cap_attribute, attr)->index;
}

static bool fact(enum cap_fact which)
{
	const struct l1t_caps *caps = l1t_caps();

	switch (which) {
	case FACT_OFFERED:
		return caps->is_svm ? caps->svm.offered : caps->vmx.offered;
	case FACT_ALLOWED:
		return caps->is_svm ? l1t_svm_allowed(&caps->svm) : l1t_vmx_allowed(&caps->vmx);
	case FACT_CPUS_DIFFER:
		return caps->cpus_differ;
	default:
		return l1t_enlightened_vmcs(&caps->hyperv);
	}
}

static ssize_t fact_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", fact(index_of(attr)));
}

static ssize_t vmx_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", l1t_vmx_has(&l1t_caps()->vmx,
						   &l1t_vmx_features[index_of(attr)]));
}

static ssize_t svm_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", l1t_svm_has(&l1t_caps()->svm,
						   &l1t_svm_features[index_of(attr)]));
}

static ssize_t msr_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	const struct l1t_vmx_caps *vmx = &l1t_caps()->vmx;
	unsigned int reg = index_of(attr);

	if (!(vmx->present >> reg & 1))
		return sysfs_emit(buf, "none\n");
	return sysfs_emit(buf, "0x%016llx\n", vmx->value[reg]);
}

static ssize_t vmcs_revision_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%#x\n", l1t_vmx_revision(&l1t_caps()->vmx));
}

static ssize_t svm_number_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	const struct l1t_svm_caps *svm = &l1t_caps()->svm;

	switch (index_of(attr)) {
	case SVM_REVISION:
		return sysfs_emit(buf, "%u\n", svm->eax & 0xff);
	case SVM_ASIDS:
		return sysfs_emit(buf, "%u\n", svm->ebx);
	case SVM_EAX:
		return sysfs_emit(buf, "0x%08x\n", svm->eax);
	case SVM_EBX:
		return sysfs_emit(buf, "0x%08x\n", svm->ebx);
	default:
		return sysfs_emit(buf, "0x%08x\n", svm->edx);
	}
}

/* Enough for the larger of the two directories. */
#define MAX_FILES	(5 + L1T_VMX_FEATURES + L1T_VMX_REGISTERS)

static struct cap_attribute files[MAX_FILES] __ro_after_init;
static struct attribute *attrs[MAX_FILES + 1] __ro_after_init;
static unsigned int nr_files __initdata;

struct attribute_group l1t_caps_group = { .attrs = attrs };

static void __init add_file(const char *name,
			    ssize_t (*show)(struct device *dev, struct device_attribute *attr, char *buf),
			    unsigned int index)
{
	struct cap_attribute *file = &files[nr_files];

	sysfs_attr_init(&file->attr.attr);
	file->attr.attr.name = name;
	file->attr.attr.mode = 0444;
	file->attr.show = show;
	file->index = index;
	attrs[nr_files++] = &file->attr.attr;
}

static void __init add_vmx_files(void)
{
	unsigned int i;

	add_file("enlightened_vmcs", fact_show, FACT_ENLIGHTENED_VMCS);
	add_file("vmcs_revision", vmcs_revision_show, 0);
	for (i = 0; i < L1T_VMX_FEATURES; i++)
		add_file(l1t_vmx_features[i].name, vmx_show, i);
	for (i = 0; i < L1T_VMX_REGISTERS; i++)
		add_file(l1t_vmx_msrs[i].file, msr_show, i);
}

static void __init add_svm_files(void)
{
	unsigned int i;

	add_file("revision", svm_number_show, SVM_REVISION);
	add_file("asids", svm_number_show, SVM_ASIDS);
	add_file("cpuid_0x8000000a_eax", svm_number_show, SVM_EAX);
	add_file("cpuid_0x8000000a_ebx", svm_number_show, SVM_EBX);
	add_file("cpuid_0x8000000a_edx", svm_number_show, SVM_EDX);
	for (i = 0; i < L1T_SVM_FEATURES; i++)
		add_file(l1t_svm_features[i].name, svm_show, i);
}

/**
 * l1t_sysfs_caps_init() - fill in the directory's files; after l1t_caps_init()
 *
 * An AMD CPU has svm/, any other vmx/, even if nothing is offered.
 */
void __init l1t_sysfs_caps_init(void)
{
	BUILD_BUG_ON(8 + L1T_SVM_FEATURES > MAX_FILES);
	add_file("offered", fact_show, FACT_OFFERED);
	add_file("allowed", fact_show, FACT_ALLOWED);
	add_file("cpus_differ", fact_show, FACT_CPUS_DIFFER);
	if (l1t_caps()->is_svm) {
		l1t_caps_group.name = "svm";
		add_svm_files();
	} else {
		l1t_caps_group.name = "vmx";
		add_vmx_files();
	}
}
