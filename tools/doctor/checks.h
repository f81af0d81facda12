/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_CHECKS_H
#define L1TUNE_CHECKS_H

#include "doctor/doctor.h"

/* Are devices there that VMMs use beside KVM's? */
void check_devices(struct doctor *doctor);

/* Can the processes of VMMs be seen from here? */
void check_namespace(struct doctor *doctor);

/* Do all CPUs offer the same VMX or SVM? */
void check_cpus(struct doctor *doctor);

/* Does KVM leave VMX or SVM to another hypervisor of this machine? */
void check_rivals(struct doctor *doctor);

/* Are there guests that KVM does not run? */
void check_emulated(struct doctor *doctor);

/* Is this machine's clock fast, and of use to guests? */
void check_clocksource(struct doctor *doctor);

/* Is L0 the host of before? */
void check_moved(struct doctor *doctor);

/* Can guests have huge pages, and do those have that are running? */
void check_huge_pages(struct doctor *doctor);

/* Do the cgroups of VMMs allow their guests' memory? */
void check_memory_limits(struct doctor *doctor);

/* May VMMs make more threads? */
void check_tasks(struct doctor *doctor);

/* Does the kernel promise guests memory that it may not have? */
void check_overcommit(struct doctor *doctor);

/* Is anything used up that VMMs need? */
void check_room(struct doctor *doctor);

/* Does what KVM promises to guests work? */
void check_promises(struct doctor *doctor);

/* Mitigations, access to KVM, and split locks. */
void check_security(struct doctor *doctor);

#endif
