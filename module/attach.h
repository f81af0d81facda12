/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Finds the running KVM, attaches to it and detaches from it. What is hooked is passed
 * in tables.
 */
#ifndef L1TUNE_ATTACH_H
#define L1TUNE_ATTACH_H

#include <linux/list.h>
#include <linux/mutex.h>

#include "hook.h"
#include "reason.h"

/**
 * struct l1t_optional - functions that are hooked together, only while needed
 * @hook: their hook, as shown in sysfs
 * @isa: of the vendor module that has them; L1T_ISA_NONE: kvm has them
 * @set: the functions
 * @need: returns what is needed of them now
 * @usable: returns whether they can work; NULL: always
 * @target: another function of the module, to which they are redirected; or NULL
 * @target_ip: set to the address of @target
 * @attached: called after they have been attached or released; or NULL
 * @module: their module; NULL for the kernel itself; attach.c's
 * @there: the module is loaded; attach.c's
 * @serves: what they are attached for; attach.c's
 *
 * While a hook may redirect a function, the function cannot be livepatched, so such
 * hooks are attached only while a limit needs them.
 */
struct l1t_optional {
	enum l1t_hook hook;
	enum l1t_isa isa;
	struct l1t_functions set;
	enum l1t_need (*need)(enum l1t_hook hook);
	bool (*usable)(void);
	const char *target;
	unsigned long *target_ip;
	void (*attached)(bool on);
	const char *module;
	bool there;
	enum l1t_need serves;
};

/**
 * struct l1t_probe - a probe on one of KVM's tracepoints
 * @hook: its hook, as shown in sysfs
 * @name: of the tracepoint
 * @probe: the function
 * @tp: the tracepoint while registered, or NULL; attach.c's
 */
struct l1t_probe {
	enum l1t_hook hook;
	const char *name;
	void *probe;
	struct tracepoint *tp;
};

/**
 * struct l1t_combined - a hook that consists of others
 * @hook: its hook, as shown in sysfs
 * @by: the others
 * @nr: number of others
 * @need: returns whether it is needed now
 */
struct l1t_combined {
	enum l1t_hook hook;
	const enum l1t_hook *by;
	unsigned int nr;
	enum l1t_need (*need)(enum l1t_hook hook);
};

/**
 * struct l1t_kvm_hooks - everything that is hooked
 * @observers: functions whose entry is observed while KVM is loaded
 * @direct: likewise, each with its own callback; all are hooked, or none
 * @nr_direct: number of @direct
 * @optional: functions that are hooked only while needed
 * @nr_optional: number of @optional
 * @probes: on tracepoints
 * @nr_probes: number of @probes
 * @combined: consists of others
 * @came: called when KVM is loaded and the observers are attached, with KVM's list of
 *	VMs and its lock, or NULL. Returns the result for L1T_HOOK_ADOPT
 * @leaves: called when KVM is unloaded: its memory may not be accessed after this
 * @changed: called when the state of an optional or combined hook has changed
 */
struct l1t_kvm_hooks {
	struct l1t_functions *observers;
	struct l1t_functions *direct;
	unsigned int nr_direct;
	struct l1t_optional **optional;
	unsigned int nr_optional;
	struct l1t_probe *probes;
	unsigned int nr_probes;
	const struct l1t_combined *combined;
	int (*came)(struct mutex *lock, struct list_head *vms);
	void (*leaves)(void);
	void (*changed)(enum l1t_hook hook);
};

int l1t_attach(const struct l1t_kvm_hooks *what);
void l1t_detach(void);
void l1t_attach_update(void);
void l1t_attach_release(void);

#endif
