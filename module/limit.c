// SPDX-License-Identifier: GPL-2.0
/*
 * The limits, and whether what is asked for is within them.
 *
 * Use is what the registry has (l1t_ledger) and what is granted to threads
 * that KVM is still busy for (tickets). Both change under l1t_lock, and
 * l1t_limit_admit() decides under it: of racing creators no two get one place.
 */
#include <linux/kernel.h>
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/string.h>

#include "attach.h"
#include "guest.h"
#include "limit.h"
#include "tell.h"
#include "throttle.h"

static const struct {
	const char *name;
	enum l1t_hook hook;
	u64 most;
	bool bytes;
} limits[L1T_LIMITS] = {
	[L1T_MAX_VMS] = { "max_vms", L1T_HOOK_REFUSE_VM, U32_MAX },
	[L1T_MAX_VMS_PER_USER] = { "max_vms_per_user", L1T_HOOK_REFUSE_VM, U32_MAX },
	[L1T_MAX_VCPUS] = { "max_vcpus", L1T_HOOK_REFUSE_VCPU, U32_MAX },
	[L1T_MAX_VCPUS_PER_VM] = { "max_vcpus_per_vm", L1T_HOOK_REFUSE_VCPU, U32_MAX },
	[L1T_MAX_MEMORY] = { "max_memory_bytes", L1T_HOOK_REFUSE_MEMORY,
			     S64_MAX, true },
	[L1T_MAX_MEMORY_PER_VM] = { "max_memory_per_vm_bytes",
				    L1T_HOOK_REFUSE_MEMORY, S64_MAX, true },
	[L1T_MAX_NESTED_VMS] = { "max_nested_vms", L1T_HOOK_REFUSE_NESTED, U32_MAX },
	[L1T_MAX_EXITS_PER_SEC] = { "max_exits_per_sec", L1T_HOOK_THROTTLE,
				    NSEC_PER_SEC },
};

#define EACH_LIMIT	{ [0 ... L1T_LIMITS - 1] = L1T_NO_LIMIT }

/* In force, protected by l1t_lock. */
static u64 values[L1T_BOUNDS][L1T_LIMITS] = { EACH_LIMIT, EACH_LIMIT };

static atomic64_t exceeded[L1T_BOUNDS][L1T_LIMITS];

/*
 * What hooks are attached for: set before a limit is in force and unset
 * after it was. Serialized by set_lock.
 */
static u64 wanted[L1T_BOUNDS][L1T_LIMITS] = { EACH_LIMIT, EACH_LIMIT };
static DEFINE_MUTEX(set_lock);

/**
 * l1t_limit_name() - what a limit is called in sysfs
 * @limit: which
 */
const char *l1t_limit_name(enum l1t_limit limit)
{
	return limits[limit].name;
}

/**
 * l1t_limit_hook() - the hook that a limit needs
 * @limit: which
 */
enum l1t_hook l1t_limit_hook(enum l1t_limit limit)
{
	return limits[limit].hook;
}

/**
 * l1t_limit_parse() - a limit as people write it
 * @limit: which
 * @text: "max" or a number; of bytes also one with K, M, G, T or P behind it
 * @value: the number, or L1T_NO_LIMIT
 *
 * Return: 0, -EINVAL, or -ERANGE if it is more than can be meant.
 */
int l1t_limit_parse(enum l1t_limit limit, const char *text, u64 *value)
{
	static const char units[] = "KMGTP";
	size_t len = strcspn(text, "\n");
	const char *unit;
	char digits[24];
	unsigned int shift = 0;
	u64 number;
	int err;

	if (text[len] && text[len + 1])
		return -EINVAL;
	if (len == 3 && !strncmp(text, "max", len)) {
		*value = L1T_NO_LIMIT;
		return 0;
	}
	if (!len || len >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, text, len);
	digits[len] = '\0';
	unit = strchr(units, digits[len - 1]);
	if (unit && limits[limit].bytes) {
		shift = 10 * (unit - units + 1);
		digits[len - 1] = '\0';
	}
	/* kstrtou64() would take a sign. */
	if (digits[0] < '0' || digits[0] > '9')
		return -EINVAL;
	err = kstrtou64(digits, 10, &number);
	if (err)
		return err;
	if (number > limits[limit].most >> shift)
		return -ERANGE;
	*value = number << shift;
	return 0;
}

/**
 * l1t_limit_value() - what a limit or an audit threshold is
 * @limit: which
 * @bound: which of the two
 *
 * Return: a number or L1T_NO_LIMIT.
 */
u64 l1t_limit_value(enum l1t_limit limit, enum l1t_bound bound)
{
	return READ_ONCE(values[bound][limit]);
}

static void put_in_force(enum l1t_limit limit, enum l1t_bound bound, u64 value)
{
	raw_spin_lock(&l1t_lock);
	WRITE_ONCE(values[bound][limit], value);
	raw_spin_unlock(&l1t_lock);
	if (limit == L1T_MAX_EXITS_PER_SEC)
		l1t_throttle_update();
}

/**
 * l1t_limit_set() - set a limit or an audit threshold
 * @limit: which
 * @bound: which of the two
 * @value: a number that l1t_limit_parse() has allowed, or L1T_NO_LIMIT
 *
 * A limit that cannot be enforced now is set all the same: it will be when it
 * can. Context: may sleep. Return: 0 or -EINTR.
 */
int l1t_limit_set(enum l1t_limit limit, enum l1t_bound bound, u64 value)
{
	if (mutex_lock_interruptible(&set_lock))
		return -EINTR;
	if (value == L1T_NO_LIMIT)
		put_in_force(limit, bound, value);
	WRITE_ONCE(wanted[bound][limit], value);
	l1t_attach_limits();
	if (value != L1T_NO_LIMIT)
		put_in_force(limit, bound, value);
	mutex_unlock(&set_lock);
	return 0;
}

/**
 * l1t_limit_need() - what limits want of a hook
 * @hook: which
 */
enum l1t_need l1t_limit_need(enum l1t_hook hook)
{
	enum l1t_need need = L1T_NEED_NONE;
	enum l1t_limit limit;

	for (limit = 0; limit < L1T_LIMITS; limit++) {
		if (limits[limit].hook != hook)
			continue;
		if (READ_ONCE(wanted[L1T_BOUND_LIMIT][limit]) != L1T_NO_LIMIT)
			return L1T_NEED_REFUSE;
		if (READ_ONCE(wanted[L1T_BOUND_AUDIT][limit]) != L1T_NO_LIMIT)
			need = L1T_NEED_AUDIT;
	}
	return need;
}

/**
 * l1t_limit_effective() - can a limit be enforced now
 * @limit: which; if it is not set, as far as is known without trying
 */
bool l1t_limit_effective(enum l1t_limit limit)
{
	switch (l1t_hook_state(limits[limit].hook)) {
	case L1T_HOOK_OK:
		return true;
	case L1T_HOOK_OFF:
		return l1t_hook_state(L1T_HOOK_VM_FREE) == L1T_HOOK_OK;
	default:
		return false;
	}
}

/**
 * l1t_limit_exceeded() - how often a limit was refused or a threshold passed
 * @limit: which
 * @bound: which of the two
 */
u64 l1t_limit_exceeded(enum l1t_limit limit, enum l1t_bound bound)
{
	return atomic64_read(&exceeded[bound][limit]);
}

/**
 * l1t_limit_count() - a limit or an audit threshold has been exceeded once more
 * @limit: which
 * @bound: which of the two
 *
 * Context: any.
 */
void l1t_limit_count(enum l1t_limit limit, enum l1t_bound bound)
{
	atomic64_inc(&exceeded[bound][limit]);
}

/**
 * l1t_limit_is_set() - is there a limit or an audit threshold
 * @limit: which
 */
bool l1t_limit_is_set(enum l1t_limit limit)
{
	return READ_ONCE(wanted[L1T_BOUND_LIMIT][limit]) != L1T_NO_LIMIT ||
	       READ_ONCE(wanted[L1T_BOUND_AUDIT][limit]) != L1T_NO_LIMIT;
}

/* One thing that is asked for, against one limit. */
struct check {
	enum l1t_limit limit;
	u64 use;
	u64 more;
};

static bool exceeds(const struct check *c, enum l1t_bound bound)
{
	u64 value = values[bound][c->limit];

	return value != L1T_NO_LIMIT &&
	       (c->use > value || c->more > value - c->use);
}

static u32 vms_of_user(kuid_t uid)
{
	const struct l1t_guest *g;
	u32 n = 0;

	list_for_each_entry(g, &l1t_guests, link)
		n += g->kvm && l1t_cred_charges(g->cred, uid);
	return n;
}

/* The user with the most VMs of those who would be charged for one more. */
static u32 most_vms_of_users(const struct l1t_demand *d)
{
	const struct user_namespace *ns = current_user_ns();
	kuid_t uid = current_uid();
	struct l1t_places places;
	u32 most = 0;

	for (;;) {
		l1t_tickets_places(d->kvm, uid, &places);
		most = max(most, vms_of_user(uid) + places.user_vms);
		if (ns == &init_user_ns)
			return most;
		uid = ns->owner;
		ns = ns->parent;
	}
}

static void exceed(const struct check *c, enum l1t_bound bound, int err,
		   const struct l1t_guest *g)
{
	l1t_limit_count(c->limit, bound);
	l1t_tell_exceeded(&(struct l1t_exceeded){
		.limit = c->limit,
		.bound = bound,
		.value = values[bound][c->limit],
		.use = c->use,
		.err = err,
		.guest_id = g ? g->id : 0,
		.count = 1,
	});
}

#define MOST_CHECKS	5

static unsigned int list_checks(const struct l1t_demand *d,
				const struct l1t_guest *g, struct check *checks)
{
	u64 had_bytes = g ? g->memory_peak_bytes : 0;
	struct l1t_places places;
	unsigned int n = 0;

	l1t_tickets_places(d->kvm, INVALID_UID, &places);
	if (d->vm) {
		checks[n++] = (struct check){ L1T_MAX_VMS,
			l1t_ledger.vms + places.vms, 1 };
		if (l1t_limit_is_set(L1T_MAX_VMS_PER_USER))
			checks[n++] = (struct check){ L1T_MAX_VMS_PER_USER,
				most_vms_of_users(d), 1 };
	}
	if (d->vcpu) {
		checks[n++] = (struct check){ L1T_MAX_VCPUS,
			l1t_ledger.vcpus + places.vcpus, 1 };
		checks[n++] = (struct check){ L1T_MAX_VCPUS_PER_VM,
			(g ? g->nr_vcpus : 0) + places.vm_vcpus, 1 };
	}
	/* What a VM has had before it may have again. */
	if (d->memory_bytes > had_bytes) {
		checks[n++] = (struct check){ L1T_MAX_MEMORY,
			l1t_ledger.memory_bytes + places.memory_bytes,
			d->memory_bytes - had_bytes };
		checks[n++] = (struct check){ L1T_MAX_MEMORY_PER_VM,
			had_bytes, d->memory_bytes - had_bytes };
	}
	if (d->nested && !(g && g->nested_holds))
		checks[n++] = (struct check){ L1T_MAX_NESTED_VMS,
			l1t_ledger.nested_vms, 1 };
	return n;
}

/**
 * l1t_limit_admit() - may a thread have what it asks for
 * @demand: what
 *
 * Context: l1t_lock held; the caller has it kept by a ticket before letting
 * go of that. Return: 0, or the error that KVM is to return.
 */
int l1t_limit_admit(const struct l1t_demand *demand)
{
	const struct l1t_guest *g = l1t_guest_find(demand->kvm);
	int err = demand->restore ? -EPERM : -EDQUOT;
	struct check checks[MOST_CHECKS];
	unsigned int i, n;

	lockdep_assert_held(&l1t_lock);
	n = list_checks(demand, g, checks);
	for (i = 0; i < n; i++) {
		if (!exceeds(&checks[i], L1T_BOUND_LIMIT))
			continue;
		exceed(&checks[i], L1T_BOUND_LIMIT, err, g);
		return err;
	}
	for (i = 0; i < n; i++)
		if (exceeds(&checks[i], L1T_BOUND_AUDIT))
			exceed(&checks[i], L1T_BOUND_AUDIT, err, g);
	return 0;
}

/* At load the same names are module parameters, for modprobe.d. */

static char *parameters[L1T_LIMITS];

#define PARAMETER(_name, _limit)					\
	module_param_named(_name, parameters[_limit], charp, 0);	\
	MODULE_PARM_DESC(_name, "limit at load, see l1/limits/" #_name)

PARAMETER(max_vms, L1T_MAX_VMS);
PARAMETER(max_vms_per_user, L1T_MAX_VMS_PER_USER);
PARAMETER(max_vcpus, L1T_MAX_VCPUS);
PARAMETER(max_vcpus_per_vm, L1T_MAX_VCPUS_PER_VM);
PARAMETER(max_memory_bytes, L1T_MAX_MEMORY);
PARAMETER(max_memory_per_vm_bytes, L1T_MAX_MEMORY_PER_VM);
PARAMETER(max_nested_vms, L1T_MAX_NESTED_VMS);
PARAMETER(max_exits_per_sec, L1T_MAX_EXITS_PER_SEC);

/**
 * l1t_limits_init() - take the limits that the module is loaded with
 *
 * Context: nothing is attached yet. Return: 0 or an error of l1t_limit_parse().
 */
int l1t_limits_init(void)
{
	enum l1t_limit limit;
	u64 value;
	int err;

	for (limit = 0; limit < L1T_LIMITS; limit++) {
		if (!parameters[limit])
			continue;
		err = l1t_limit_parse(limit, parameters[limit], &value);
		if (err) {
			pr_err("%s=%s: %s\n", limits[limit].name,
			       parameters[limit],
			       err == -ERANGE ? "too much" :
			       limits[limit].bytes ?
			       "neither max nor a number of bytes such as 64G" :
			       "neither max nor a number");
			return err;
		}
		wanted[L1T_BOUND_LIMIT][limit] = value;
		values[L1T_BOUND_LIMIT][limit] = value;
	}
	return 0;
}
