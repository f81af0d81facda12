/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Finding the running KVM, holding on to it, letting go of it. What is hooked,
 * and for whom, is handed over in tables.
 */
#ifndef L1TUNE_ATTACH_H
#define L1TUNE_ATTACH_H

#include <linux/list.h>
#include <linux/mutex.h>

#include "hook.h"
#include "reason.h"

/**
 * struct l1t_optional - functions that are hooked together while that is needed
 * @hook: what they are called in sysfs
 * @isa: of the vendor module that has them; L1T_ISA_NONE: kvm has them
 * @set: the functions
 * @need: what is needed of them now
 * @usable: can they serve; NULL: always
 * @target: another function of the module, that theirs is replaced by
 * @target_ip: gets where that is
 * @attached: called when they have been attached or released; or NULL
 * @module: where they are; NULL for the kernel itself; attach.c's
 * @there: that module is; attach.c's
 * @serves: what they are attached for; attach.c's
 *
 * As long as a hook may send control elsewhere no livepatch can be on the
 * function, so such are attached only while a limit needs them.
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
 * struct l1t_probe - a probe on a tracepoint of KVM's
 * @hook: what it is called in sysfs
 * @name: of the tracepoint
 * @probe: the function
 * @tp: where it is registered; NULL for nowhere; attach.c's
 */
struct l1t_probe {
	enum l1t_hook hook;
	const char *name;
	void *probe;
	struct tracepoint *tp;
};

/**
 * struct l1t_combined - a hook that works by others
 * @hook: what it is called in sysfs
 * @by: those that it works by
 * @nr: how many
 * @need: is it needed now
 */
struct l1t_combined {
	enum l1t_hook hook;
	const enum l1t_hook *by;
	unsigned int nr;
	enum l1t_need (*need)(enum l1t_hook hook);
};

/**
 * struct l1t_kvm_hooks - all that is hooked
 * @observers: functions whose entry is observed, as long as KVM is there
 * @direct: likewise, with a callback of their own each; all of them or none
 * @nr_direct: how many
 * @optional: functions that are hooked while needed
 * @nr_optional: how many
 * @probes: on tracepoints
 * @nr_probes: how many
 * @combined: works by others
 * @came: KVM is there and the observers are attached; is handed KVM's list of
 *	VMs and its lock, or NULL. Returns what is to be said of L1T_HOOK_ADOPT
 * @leaves: KVM is unloaded: nothing of it may be touched after this returns
 * @changed: the state of an optional or combined hook has changed
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

#endif
