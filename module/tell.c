// SPDX-License-Identifier: GPL-2.0
/*
 * What limits do is noted in atomic context and told a moment later, by a
 * work item that does not run more often than ten times a second: a storm of
 * refusals becomes a few uevents, each of which says how many it stands for,
 * and as many lines in the log as the kernel's rate limit lets through.
 */
#include <linux/device.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/kobject.h>
#include <linux/kvm_host.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/string_helpers.h>
#include <linux/sysfs.h>
#include <linux/workqueue.h>

#include "guest.h"
#include "tell.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

#define INTERVAL	(HZ / 10)

/* More lines than this are not logged in one interval. */
#define MOST_LINES	10

/* Protected by l1t_lock. */
static struct {
	struct device *l1;
	struct l1t_exceeded lines[MOST_LINES];
	unsigned int nr_lines;
	struct l1t_exceeded last[L1T_BOUNDS][L1T_LIMITS];
	unsigned long hooks;
} pending;

static unsigned long not_before;

static void tell(struct work_struct *work);
static DECLARE_DELAYED_WORK(tell_work, tell);

static void tell_soon(void)
{
	unsigned long now = jiffies;

	lockdep_assert_held(&l1t_lock);
	if (pending.l1)
		schedule_delayed_work(&tell_work, time_before(now, not_before) ?
						  not_before - now : 0);
}

/**
 * l1t_tell_exceeded() - let it be told that a limit or threshold is exceeded
 * @what: all but who it is, which is the current process
 *
 * Context: l1t_lock held.
 */
void l1t_tell_exceeded(const struct l1t_exceeded *what)
{
	struct l1t_exceeded *last = &pending.last[what->bound][what->limit];
	u64 count = last->count + what->count;

	*last = *what;
	last->count = count;
	last->pid = task_tgid_nr(current);
	last->uid = from_kuid(&init_user_ns, current_uid());
	strscpy(last->comm, current->group_leader->comm, sizeof(last->comm));
	if (pending.nr_lines < MOST_LINES)
		pending.lines[pending.nr_lines++] = *last;
	trace_l1tune_deny(last);
	tell_soon();
}

/**
 * l1t_tell_effective() - let it be told whether limits are effective now
 * @hook: whose state has changed
 *
 * Context: may sleep.
 */
void l1t_tell_effective(enum l1t_hook hook)
{
	raw_spin_lock(&l1t_lock);
	pending.hooks |= BIT(hook);
	tell_soon();
	raw_spin_unlock(&l1t_lock);
}

static const char *error_name(int err)
{
	switch (err) {
	case -EDQUOT:
		return "EDQUOT";
	case -EPERM:
		return "EPERM";
	default:
		return "0";
	}
}

static void log_line(struct l1t_exceeded *what)
{
	static DEFINE_RATELIMIT_STATE(limit, DEFAULT_RATELIMIT_INTERVAL,
				      DEFAULT_RATELIMIT_BURST);

	if (!__ratelimit(&limit))
		return;
	/* The name ends at a quotation mark. */
	strreplace(what->comm, '"', '\'');
	pr_notice("%s limit=%s value=%llu use=%llu pid=%d uid=%u comm=\"%*pE\" errno=%s\n",
		  what->bound == L1T_BOUND_LIMIT ? "deny" : "audit",
		  l1t_limit_name(what->limit), what->value, what->use,
		  what->pid, what->uid, (int)strlen(what->comm), what->comm,
		  error_name(what->err));
}

static void send(struct device *l1, struct kobj_uevent_env *env)
{
	env->envp[env->envp_idx] = NULL;
	kobject_uevent_env(&l1->kobj, KOBJ_CHANGE, env->envp);
}

static void tell_exceeded(struct device *l1, const struct l1t_exceeded *what,
			  struct kobj_uevent_env *env)
{
	bool denied = what->bound == L1T_BOUND_LIMIT;
	const char *name = l1t_limit_name(what->limit);

	sysfs_notify(&l1->kobj, denied ? "denied" : "would_deny", name);
	memset(env, 0, sizeof(*env));
	if (add_uevent_var(env, "EVENT=limit") ||
	    add_uevent_var(env, "LIMIT=%s", name) ||
	    add_uevent_var(env, "VALUE=%llu", what->value) ||
	    add_uevent_var(env, "USE=%llu", what->use) ||
	    add_uevent_var(env, "PID=%d", what->pid) ||
	    add_uevent_var(env, "UID=%u", what->uid) ||
	    add_uevent_var(env, "COMM=%*pE", (int)strlen(what->comm),
			   what->comm) ||
	    add_uevent_var(env, "ACTION_TAKEN=%s",
			   denied ? "denied" : "audited") ||
	    add_uevent_var(env, "ERRNO=%s", error_name(what->err)) ||
	    add_uevent_var(env, "COUNT=%llu", what->count) ||
	    (what->guest_id && add_uevent_var(env, "L2=l2-%u", what->guest_id)))
		return;
	send(l1, env);
}

static void tell_effective(struct device *l1, enum l1t_limit limit,
			   struct kobj_uevent_env *env)
{
	static bool complained[L1T_LIMITS];
	enum l1t_hook hook = l1t_limit_hook(limit);
	enum l1t_hook_state state = l1t_hook_state(hook);
	bool effective = l1t_limit_effective(limit);

	sysfs_notify(&l1->kobj, "effective", l1t_limit_name(limit));
	if (!l1t_limit_is_set(limit))
		return;
	if (state == L1T_HOOK_UNAVAILABLE || state == L1T_HOOK_DETACHED) {
		pr_err("limit %s is set and not in force: hook %s is %s\n",
		       l1t_limit_name(limit), l1t_hook_name(hook),
		       l1t_hook_state_name(hook));
		complained[limit] = true;
	} else if (effective && complained[limit]) {
		pr_notice("limit %s is in force again\n", l1t_limit_name(limit));
		complained[limit] = false;
	}
	memset(env, 0, sizeof(*env));
	if (add_uevent_var(env, "EVENT=effective") ||
	    add_uevent_var(env, "LIMIT=%s", l1t_limit_name(limit)) ||
	    add_uevent_var(env, "EFFECTIVE=%d", effective) ||
	    add_uevent_var(env, "HOOK=%s", l1t_hook_name(hook)) ||
	    add_uevent_var(env, "STATE=%s", l1t_hook_state_name(hook)))
		return;
	send(l1, env);
}

static void tell(struct work_struct *work)
{
	/* One at a time, and too much for a stack. */
	static struct l1t_exceeded lines[MOST_LINES], last;
	static struct kobj_uevent_env env;
	unsigned int i, nr_lines, bound;
	unsigned long hooks;
	struct device *l1;

	raw_spin_lock(&l1t_lock);
	not_before = jiffies + INTERVAL;
	l1 = pending.l1;
	hooks = pending.hooks;
	nr_lines = pending.nr_lines;
	memcpy(lines, pending.lines, nr_lines * sizeof(lines[0]));
	pending.nr_lines = 0;
	pending.hooks = 0;
	raw_spin_unlock(&l1t_lock);
	if (!l1)
		return;

	for (i = 0; i < nr_lines; i++)
		log_line(&lines[i]);
	for (i = 0; i < L1T_LIMITS; i++) {
		if (hooks & BIT(l1t_limit_hook(i)))
			tell_effective(l1, i, &env);
		for (bound = 0; bound < L1T_BOUNDS; bound++) {
			raw_spin_lock(&l1t_lock);
			last = pending.last[bound][i];
			pending.last[bound][i].count = 0;
			raw_spin_unlock(&l1t_lock);
			if (last.count)
				tell_exceeded(l1, &last, &env);
		}
	}
}

/**
 * l1t_tell_start() - there is a device to tell it by
 * @l1: the device
 */
void l1t_tell_start(struct device *l1)
{
	raw_spin_lock(&l1t_lock);
	pending.l1 = l1;
	raw_spin_unlock(&l1t_lock);
}

/**
 * l1t_tell_stop() - tell the rest, and nothing from now on
 *
 * Context: may sleep.
 */
void l1t_tell_stop(void)
{
	flush_delayed_work(&tell_work);
	raw_spin_lock(&l1t_lock);
	pending.l1 = NULL;
	raw_spin_unlock(&l1t_lock);
	cancel_delayed_work_sync(&tell_work);
}
