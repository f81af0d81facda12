// SPDX-License-Identifier: GPL-2.0
/*
 * Reports what limits do. It is noted in atomic context and reported by a work item, which
 * runs at most ten times a second: a storm of refusals becomes a few events, each with a
 * count, and as many lines in the log as the kernel's rate limit admits.
 */
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/kobject.h>
#include <linux/kvm_host.h>
#include <linux/mutex.h>
#include <linux/ratelimit.h>
#include <linux/string.h>
#include <linux/string_helpers.h>
#include <linux/sysfs.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>

#include "event.h"
#include "lock.h"
#include "tenant.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

#define INTERVAL	(HZ / 10)

/* At most this many lines are logged in one interval. */
#define MOST_LINES	10

/* Tenants' limits reported in one interval; further events are only counted. */
#define MOST_OF_TENANTS	32

/* Protected by l1t_lock. */
static struct {
	struct device *l1;
	struct l1t_exceeded lines[MOST_LINES];
	unsigned int nr_lines;
	struct l1t_exceeded last[L1T_BOUNDS][L1T_LIMITS];
	struct l1t_exceeded of_tenants[MOST_OF_TENANTS];
	unsigned int nr_of_tenants;
	u64 nr_untold;
	unsigned long hooks;
} pending;

static unsigned long not_before;

static void report(struct work_struct *work);
static DECLARE_DELAYED_WORK(report_work, report);

static void report_soon(void)
{
	unsigned long now = jiffies;

	lockdep_assert_held(&l1t_lock);
	if (pending.l1)
		schedule_delayed_work(&report_work, time_before(now, not_before) ?
						    not_before - now : 0);
}

/* l1/events: the last events, at most a page. */

#define RECORDS		32
#define RECORD_BYTES	640

static DEFINE_MUTEX(records_lock);
static char records[RECORDS][RECORD_BYTES];
static u64 nr_records;

/* Escape as one word. */
static void escape(const char *text, char *buf, size_t bytes)
{
	char *end = buf + bytes - 5;

	for (; *text && buf < end; text++)
		if (*text == ' ')
			buf += sprintf(buf, "\\040");
		else
			buf += sprintf(buf, "%*pE", 1, text);
	*buf = '\0';
}

/**
 * l1t_escape_comm() - escape a process's name as one word
 * @comm: the name, which the process can choose
 * @buf: of L1T_COMM_ESCAPED bytes
 */
void l1t_escape_comm(const char *comm, char *buf)
{
	escape(comm, buf, L1T_COMM_ESCAPED);
}

/**
 * l1t_event_record() - add an event to l1/events
 * @fmt: KEY=VALUE pairs, separated by blanks
 *
 * Context: may sleep.
 */
void l1t_event_record(const char *fmt, ...)
{
	struct device *l1;
	va_list args;
	char *text;
	int n;

	mutex_lock(&records_lock);
	text = records[nr_records++ % RECORDS];
	n = scnprintf(text, RECORD_BYTES, "%llu %llu ", nr_records,
		      ktime_get_boottime_ns());
	va_start(args, fmt);
	vscnprintf(text + n, RECORD_BYTES - n, fmt, args);
	va_end(args);
	mutex_unlock(&records_lock);

	raw_spin_lock(&l1t_lock);
	l1 = pending.l1;
	raw_spin_unlock(&l1t_lock);
	if (l1)
		sysfs_notify(&l1->kobj, NULL, "events");
}

/**
 * l1t_events_show() - print the last events that fit a page, the newest last
 * @buf: a page
 *
 * Return: bytes printed.
 */
ssize_t l1t_events_show(char *buf)
{
	size_t room = PAGE_SIZE - 1, len = 0;
	u64 first;

	mutex_lock(&records_lock);
	for (first = nr_records; first && nr_records - first < RECORDS; first--) {
		size_t bytes = strlen(records[(first - 1) % RECORDS]) + 1;

		if (bytes > room)
			break;
		room -= bytes;
	}
	for (; first < nr_records; first++)
		len += sysfs_emit_at(buf, len, "%s\n", records[first % RECORDS]);
	mutex_unlock(&records_lock);
	return len;
}

/* An event keeps a reference to its tenant until it has been reported. */
static void hold(const struct l1t_exceeded *what)
{
	if (what->tenant)
		get_device(&what->tenant->dev);
}

static void let_go(const struct l1t_exceeded *what)
{
	if (what->tenant)
		put_device(&what->tenant->dev);
}

/* The entry that sums up such events, or NULL if there is no free one. */
static struct l1t_exceeded *find_last(const struct l1t_exceeded *what)
{
	struct l1t_exceeded *last;
	unsigned int i;

	if (!what->tenant)
		return &pending.last[what->bound][what->limit];
	for (i = 0; i < pending.nr_of_tenants; i++) {
		last = &pending.of_tenants[i];
		if (last->tenant == what->tenant && last->bound == what->bound &&
		    last->limit == what->limit)
			return last;
	}
	if (i == MOST_OF_TENANTS)
		return NULL;
	hold(what);
	pending.nr_of_tenants++;
	last = &pending.of_tenants[i];
	last->count = 0;
	return last;
}

/**
 * l1t_event_exceeded() - note that a limit or an audit threshold is exceeded
 * @what: all but the process, which is the current one
 *
 * Context: l1t_lock held.
 */
void l1t_event_exceeded(const struct l1t_exceeded *what)
{
	struct l1t_exceeded *last;
	u64 count;

	/* Before l1t_events_start() and after l1t_events_stop(). */
	if (!pending.l1)
		return;
	last = find_last(what);
	if (!last) {
		pending.nr_untold += what->count;
		report_soon();
		return;
	}
	count = last->count + what->count;
	*last = *what;
	last->count = count;
	last->pid = task_tgid_nr(current);
	last->uid = from_kuid(&init_user_ns, current_uid());
	rcu_read_lock();
	strscpy(last->comm, READ_ONCE(current->group_leader)->comm, sizeof(last->comm));
	rcu_read_unlock();
	if (pending.nr_lines < MOST_LINES) {
		hold(last);
		pending.lines[pending.nr_lines++] = *last;
	}
	trace_l1tune_deny(last);
	report_soon();
}

/**
 * l1t_event_effective() - report that limits may have taken effect, or ceased to
 * @hook: whose state has changed
 *
 * Context: may sleep.
 */
void l1t_event_effective(enum l1t_hook hook)
{
	raw_spin_lock(&l1t_lock);
	pending.hooks |= BIT(hook);
	report_soon();
	raw_spin_unlock(&l1t_lock);
}

static const char *error_name(int err)
{
	switch (err) {
	case -EDQUOT:
		return "EDQUOT";
	case -EPERM:
		return "EPERM";
	case -EAGAIN:
		return "EAGAIN";
	default:
		return "0";
	}
}

/* The end of a long path is more useful than its beginning. */
#define PATH_BYTES	160

static const char *path_end(const char *path)
{
	size_t len = strlen(path);

	return len < PATH_BYTES ? path : path + len - PATH_BYTES + 1;
}

static void log_line(struct l1t_exceeded *what)
{
	/* The cgroup's creator chose its name: at worst each byte becomes four. */
	static char tenant[4 * PATH_BYTES + sizeof(" tenant=\"\"")];
	static char path[PATH_BYTES];
	static DEFINE_RATELIMIT_STATE(limit, DEFAULT_RATELIMIT_INTERVAL,
				      DEFAULT_RATELIMIT_BURST);

	if (!__ratelimit(&limit))
		return;
	/* A printed name ends at a quotation mark. */
	strreplace(what->comm, '"', '\'');
	tenant[0] = '\0';
	if (what->tenant) {
		strscpy(path, path_end(what->tenant->path), sizeof(path));
		strreplace(path, '"', '\'');
		scnprintf(tenant, sizeof(tenant), " tenant=\"%*pE\"",
			  (int)strlen(path), path);
	}
	pr_notice("%s limit=%s value=%llu use=%llu%s pid=%d uid=%u comm=\"%*pE\" errno=%s\n",
		  what->bound == L1T_BOUND_LIMIT ? "deny" : "audit",
		  l1t_limit_name(what->limit), what->value, what->use, tenant,
		  what->pid, what->uid, (int)strlen(what->comm), what->comm,
		  error_name(what->err));
}

static void send_uevent(struct device *l1, struct kobj_uevent_env *env)
{
	env->envp[env->envp_idx] = NULL;
	kobject_uevent_env(&l1->kobj, KOBJ_CHANGE, env->envp);
}

static void record_exceeded(const struct l1t_exceeded *what, const char *action)
{
	/* Too large for the stack; reports do not run concurrently. */
	static char path[4 * PATH_BYTES + 1], tenant[sizeof(path) + 48];
	char comm[L1T_COMM_ESCAPED], guest[32] = "";

	if (what->guest_id)
		snprintf(guest, sizeof(guest), " L2=l2-%llu", what->guest_id);
	l1t_escape_comm(what->comm, comm);
	tenant[0] = '\0';
	if (what->tenant) {
		escape(path_end(what->tenant->path), path, sizeof(path));
		scnprintf(tenant, sizeof(tenant), " TENANT=tenant-%llu CGROUP=%s",
			  what->tenant->id, path);
	}
	l1t_event_record("EVENT=limit LIMIT=%s VALUE=%llu USE=%llu PID=%d UID=%u COMM=%s ACTION_TAKEN=%s ERRNO=%s COUNT=%llu%s%s",
			 l1t_limit_name(what->limit), what->value, what->use,
			 what->pid, what->uid, comm, action,
			 error_name(what->err), what->count, guest, tenant);
}

/*
 * sysfs_notify() on a device that is being deleted is a use after free; callers of sysfs
 * have to prevent it. Only tenants are deleted while the report runs.
 */
static DEFINE_MUTEX(notify_lock);

/**
 * l1t_event_device_del() - delete a device whose files may be being notified
 * @dev: a tenant's
 *
 * Context: may sleep.
 */
void l1t_event_device_del(struct device *dev)
{
	mutex_lock(&notify_lock);
	device_del(dev);
	mutex_unlock(&notify_lock);
}

static void report_exceeded(struct device *l1, const struct l1t_exceeded *what,
			    struct kobj_uevent_env *env)
{
	bool denied = what->bound == L1T_BOUND_LIMIT;
	const char *name = l1t_limit_name(what->limit);
	const char *action = denied ? "denied" : "audited";

	mutex_lock(&notify_lock);
	sysfs_notify(what->tenant ? &what->tenant->dev.kobj : &l1->kobj,
		     denied ? "denied" : "would_deny", name);
	mutex_unlock(&notify_lock);
	record_exceeded(what, action);
	memset(env, 0, sizeof(*env));
	if (add_uevent_var(env, "EVENT=limit") ||
	    add_uevent_var(env, "LIMIT=%s", name) ||
	    add_uevent_var(env, "PID=%d", what->pid) ||
	    add_uevent_var(env, "ACTION_TAKEN=%s", action) ||
	    add_uevent_var(env, "ERRNO=%s", error_name(what->err)) ||
	    (what->tenant && add_uevent_var(env, "TENANT=tenant-%llu", what->tenant->id)) ||
	    (what->guest_id && add_uevent_var(env, "L2=l2-%llu", what->guest_id)))
		return;
	send_uevent(l1, env);
}

static void report_effective(struct device *l1, enum l1t_limit limit,
			   struct kobj_uevent_env *env)
{
	static bool warned[L1T_LIMITS];
	enum l1t_hook hook = l1t_limit_hook(limit);
	enum l1t_hook_state state = l1t_hook_state(hook);
	bool effective = l1t_limit_effective(limit);

	sysfs_notify(&l1->kobj, "effective", l1t_limit_name(limit));
	if (!l1t_limit_is_wanted(limit))
		return;
	if (state == L1T_HOOK_UNAVAILABLE || state == L1T_HOOK_DETACHED) {
		pr_err("limit %s is set and not in force: hook %s is %s\n",
		       l1t_limit_name(limit), l1t_hook_name(hook),
		       l1t_hook_state_name(hook));
		warned[limit] = true;
	} else if (effective && warned[limit]) {
		pr_notice("limit %s is in force again\n", l1t_limit_name(limit));
		warned[limit] = false;
	}
	l1t_event_record("EVENT=effective LIMIT=%s EFFECTIVE=%d HOOK=%s STATE=%s",
			 l1t_limit_name(limit), effective, l1t_hook_name(hook),
			 l1t_hook_state_name(hook));
	memset(env, 0, sizeof(*env));
	if (add_uevent_var(env, "EVENT=effective") ||
	    add_uevent_var(env, "LIMIT=%s", l1t_limit_name(limit)) ||
	    add_uevent_var(env, "EFFECTIVE=%d", effective) ||
	    add_uevent_var(env, "HOOK=%s", l1t_hook_name(hook)) ||
	    add_uevent_var(env, "STATE=%s", l1t_hook_state_name(hook)))
		return;
	send_uevent(l1, env);
}

static void report(struct work_struct *work)
{
	/* Too large for the stack; reports do not run concurrently. */
	static struct l1t_exceeded lines[MOST_LINES], of_tenants[MOST_OF_TENANTS], last;
	static struct kobj_uevent_env env;
	unsigned int i, nr_lines, nr_of_tenants, bound;
	u64 nr_untold;
	unsigned long hooks;
	struct device *l1;

	raw_spin_lock(&l1t_lock);
	not_before = jiffies + INTERVAL;
	l1 = pending.l1;
	hooks = pending.hooks;
	nr_lines = pending.nr_lines;
	memcpy(lines, pending.lines, nr_lines * sizeof(lines[0]));
	pending.nr_lines = 0;
	nr_of_tenants = pending.nr_of_tenants;
	memcpy(of_tenants, pending.of_tenants, nr_of_tenants * sizeof(of_tenants[0]));
	pending.nr_of_tenants = 0;
	nr_untold = pending.nr_untold;
	pending.nr_untold = 0;
	pending.hooks = 0;
	raw_spin_unlock(&l1t_lock);

	for (i = 0; i < nr_lines; i++) {
		if (l1)
			log_line(&lines[i]);
		let_go(&lines[i]);
	}
	for (i = 0; i < nr_of_tenants; i++) {
		if (l1)
			report_exceeded(l1, &of_tenants[i], &env);
		let_go(&of_tenants[i]);
	}
	if (!l1)
		return;
	if (nr_untold)
		l1t_event_record("EVENT=limit_untold COUNT=%llu", nr_untold);
	for (i = 0; i < L1T_LIMITS; i++) {
		if (hooks & BIT(l1t_limit_hook(i)))
			report_effective(l1, i, &env);
		for (bound = 0; bound < L1T_BOUNDS; bound++) {
			raw_spin_lock(&l1t_lock);
			last = pending.last[bound][i];
			pending.last[bound][i].count = 0;
			raw_spin_unlock(&l1t_lock);
			if (last.count)
				report_exceeded(l1, &last, &env);
		}
	}
}

/**
 * l1t_events_start() - report events from now on
 * @l1: the device that they belong to
 */
void l1t_events_start(struct device *l1)
{
	raw_spin_lock(&l1t_lock);
	pending.l1 = l1;
	raw_spin_unlock(&l1t_lock);
}

/**
 * l1t_events_stop() - report pending events, and none from now on
 *
 * Context: may sleep.
 */
void l1t_events_stop(void)
{
	flush_delayed_work(&report_work);
	raw_spin_lock(&l1t_lock);
	pending.l1 = NULL;
	raw_spin_unlock(&l1t_lock);
	cancel_delayed_work_sync(&report_work);
	/* Drop the references to tenants of later events. */
	report(NULL);
}
