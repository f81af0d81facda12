/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_INTERFACE_H
#define L1TUNE_INTERFACE_H

#include "explain/cause.h"
#include "explain/facts.h"

/*
 * Which hypervisor's interface a guest uses: its clocks and timers are cured by that.
 * Where only the VMM's command line tells, it is offered, and another may be used.
 */
enum interface {
	INTERFACE_UNKNOWN, INTERFACE_HYPERV, INTERFACE_HYPERV_OFFERED, INTERFACE_KVM,
};

/* *why says what shows it, or why it is unknown: a copy. */
enum interface interface_of(const struct facts *facts, char **why);

/* Is it Hyper-V's, or likely so, as that is offered? */
enum answer is_hyperv(enum interface interface);

/* What to do for a guest that uses Hyper-V's interface and for others, or both texts: a copy. */
char *by_interface(const struct facts *facts, const char *windows, const char *others);

/* How to find out which timers these are: a copy. */
char *fewer_timers(const struct facts *facts);

/* In a guest that is no Linux and no Windows. */
#define BSD_CLOCKS "BSD: in the guest sysctl kern.timecounter.hardware, of those in kern.timecounter.choice kvmclock, pvclock0 or TSC; FreeBSD also kern.eventtimer.timer=LAPIC"

/* Through L0 a read of these clocks takes long, which the guest's kernel takes for the TSC's fault. */
#define MARKED_UNSTABLE "If dmesg there says that the TSC is unstable because of the HPET or acpi_pm, whose reads take long through L0: tsc=reliable on its command line"

/* Hyper-V's timers need hv-synic, which switches APICv off in some cases. */
#define HYPERV_CLOCKS "QEMU -cpu MODEL,hv-time,hv-vpindex,hv-synic,hv-stimer, and hv-apicv where KVM uses APICv or AVIC"
#define HYPERV_CLOCKS_RISK "without hv-apicv, hv-synic can switch APICv and AVIC off for this guest; the guest may need a reboot"

/*
 * Is the guest offered a part of KVM's interface, see pv_features(), and does it use it?
 * Without a look at its hypercalls: of one that makes some those are not known.
 */
enum pv_state {
	PV_UNKNOWN, PV_NOT_OFFERED, PV_NOT_USED, PV_USED,
};

enum pv_state pv_state_of(const struct facts *facts, const char *feature);

/* Does the VMM offer one of Hyper-V's properties, by its name or all of them: "time", "" for any? */
bool offers_hyperv(const struct facts *facts, const char *property);

/*
 * How a guest with Hyper-V's interface gets a clock that is read without exits, a copy: KVM
 * fills the page of the TSC only while its master clock runs. A guest that finds it empty
 * reads the reference counter, or another clock.
 */
char *use_tsc_page(const struct facts *facts);

#endif
