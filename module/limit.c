// SPDX-License-Identifier: GPL-2.0
/*
 * The limits, and how often they were exceeded.
 *
 * Setting a limit takes four steps, because its hook is attached before it takes effect,
 * and released after it has been lifted: l1t_limit_request(), l1t_attach_update(),
 * l1t_limit_enforce(), l1t_attach_release().
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/string.h>

#include "limit.h"
#include "lock.h"

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
	[L1T_MAX_VMS_PER_SEC] = { "max_vms_per_sec", L1T_HOOK_REFUSE_VM,
				  NSEC_PER_SEC },
};

#define EACH_LIMIT	{ [0 ... L1T_LIMITS - 1] = L1T_NO_LIMIT }

/* In effect; protected by l1t_lock. */
static u64 values[L1T_BOUNDS][L1T_LIMITS] = { EACH_LIMIT, EACH_LIMIT };

static atomic64_t exceeded[L1T_BOUNDS][L1T_LIMITS];

/* What hooks are attached for; writers are serialized by the caller. */
static u64 requested[L1T_BOUNDS][L1T_LIMITS] = { EACH_LIMIT, EACH_LIMIT };

/* For each, the number of tenants that have set it; likewise. */
static unsigned int wanted[L1T_BOUNDS][L1T_LIMITS];

/**
 * l1t_limit_name() - name of a limit in sysfs
 * @limit: which
 *
 * Return: the name.
 */
const char *l1t_limit_name(enum l1t_limit limit)
{
	return limits[limit].name;
}

/**
 * l1t_limit_hook() - the hook that a limit needs
 * @limit: which
 *
 * Return: the hook.
 */
enum l1t_hook l1t_limit_hook(enum l1t_limit limit)
{
	return limits[limit].hook;
}

/**
 * l1t_limit_parse() - parse a limit
 * @limit: which
 * @text: "max" or a number; a number of bytes may have a suffix K, M, G, T or P
 * @value: the number, or L1T_NO_LIMIT
 *
 * Return: 0, -EINVAL, or -ERANGE if the number is too large.
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
 * l1t_limit_value() - value of a limit or an audit threshold
 * @limit: which
 * @bound: limit or audit threshold
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
}

/**
 * l1t_limit_request() - request a limit or an audit threshold
 * @limit: which
 * @bound: limit or audit threshold
 * @value: a number that l1t_limit_parse() has accepted, or L1T_NO_LIMIT, which takes
 *	effect at once
 *
 * Context: may sleep; callers serialize.
 */
void l1t_limit_request(enum l1t_limit limit, enum l1t_bound bound, u64 value)
{
	if (value == L1T_NO_LIMIT)
		put_in_force(limit, bound, value);
	WRITE_ONCE(requested[bound][limit], value);
}

/**
 * l1t_limit_enforce() - let what was requested take effect
 * @limit: which
 * @bound: limit or audit threshold
 *
 * If its hook is not attached, the limit is set all the same, and takes effect when the
 * hook is attached.
 *
 * Context: may sleep; callers serialize.
 */
void l1t_limit_enforce(enum l1t_limit limit, enum l1t_bound bound)
{
	put_in_force(limit, bound, requested[bound][limit]);
}

static bool bound_is_wanted(enum l1t_limit limit, enum l1t_bound bound)
{
	return READ_ONCE(requested[bound][limit]) != L1T_NO_LIMIT ||
	       READ_ONCE(wanted[bound][limit]);
}

/**
 * l1t_limit_want() - a tenant sets or removes a limit or an audit threshold
 * @limit: which
 * @bound: limit or audit threshold
 * @on: true if it is set
 *
 * Context: may sleep; callers serialize.
 */
void l1t_limit_want(enum l1t_limit limit, enum l1t_bound bound, bool on)
{
	WRITE_ONCE(wanted[bound][limit], wanted[bound][limit] + (on ? 1 : -1));
}

/**
 * l1t_limit_is_wanted() - does the machine or a tenant have this limit or threshold
 * @limit: which
 *
 * Return: true if it is requested by any of them.
 */
bool l1t_limit_is_wanted(enum l1t_limit limit)
{
	return bound_is_wanted(limit, L1T_BOUND_LIMIT) ||
	       bound_is_wanted(limit, L1T_BOUND_AUDIT);
}

/**
 * l1t_limit_need() - what limits need of a hook
 * @hook: which
 *
 * Return: the most that any limit or threshold needs.
 */
enum l1t_need l1t_limit_need(enum l1t_hook hook)
{
	enum l1t_need need = L1T_NEED_NONE;
	enum l1t_limit limit;

	/* A VM that the registry cannot take is refused, because it could not be paced. */
	if (hook == L1T_HOOK_REFUSE_VM &&
	    bound_is_wanted(L1T_MAX_EXITS_PER_SEC, L1T_BOUND_LIMIT))
		return L1T_NEED_REFUSE;
	for (limit = 0; limit < L1T_LIMITS; limit++) {
		if (limits[limit].hook != hook)
			continue;
		if (bound_is_wanted(limit, L1T_BOUND_LIMIT))
			return L1T_NEED_REFUSE;
		if (bound_is_wanted(limit, L1T_BOUND_AUDIT))
			need = L1T_NEED_AUDIT;
	}
	return need;
}

/**
 * l1t_limit_is_set() - does the machine have this limit or threshold
 * @limit: which
 *
 * Return: true if it is requested.
 */
bool l1t_limit_is_set(enum l1t_limit limit)
{
	return READ_ONCE(requested[L1T_BOUND_LIMIT][limit]) != L1T_NO_LIMIT ||
	       READ_ONCE(requested[L1T_BOUND_AUDIT][limit]) != L1T_NO_LIMIT;
}

/**
 * l1t_limit_effective() - is a limit or audit threshold set and in effect
 * @limit: which
 *
 * A guest may have its own max_exits_per_sec, so that counts as set.
 *
 * Return: true if its hook is attached and it is set.
 */
bool l1t_limit_effective(enum l1t_limit limit)
{
	return l1t_hook_state(limits[limit].hook) == L1T_HOOK_OK &&
	       (l1t_limit_is_set(limit) || limit == L1T_MAX_EXITS_PER_SEC);
}

/**
 * l1t_limit_exceeded() - how often a limit refused, or a threshold was exceeded
 * @limit: which
 * @bound: limit or audit threshold
 *
 * Return: the number since load.
 */
u64 l1t_limit_exceeded(enum l1t_limit limit, enum l1t_bound bound)
{
	return atomic64_read(&exceeded[bound][limit]);
}

/**
 * l1t_limit_count() - count one more excess of a limit or an audit threshold
 * @limit: which
 * @bound: limit or audit threshold
 *
 * Context: any.
 */
void l1t_limit_count(enum l1t_limit limit, enum l1t_bound bound)
{
	atomic64_inc(&exceeded[bound][limit]);
}

/* Limits can be set at load by module parameters of the same names. */

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
 * l1t_limits_init() - apply the limits given as module parameters
 *
 * Context: nothing is attached yet.
 * Return: 0 or an error of l1t_limit_parse().
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
		requested[L1T_BOUND_LIMIT][limit] = value;
		values[L1T_BOUND_LIMIT][limit] = value;
	}
	return 0;
}
