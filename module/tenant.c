// SPDX-License-Identifier: GPL-2.0
/*
 * The table of tenants, and who is of which.
 *
 * KVM_CREATE_VM is where a guest gets its places, in a hook that cannot allocate:
 * a match of a pattern is then made of a spare. Each creator puts back as many as
 * were taken, at its own expense, when its ioctl returns; and as it may sleep
 * until then, a worker sees to it that there are always some.
 */
#include <linux/glob.h>
#include <linux/hashtable.h>
#include <linux/jiffies.h>
#include <linux/jhash.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/time64.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "tenant.h"

#define MOST_TENANTS	4096
#define MOST_MATCHES	16384
#define MOST_PATTERNS	64
#define SPARES		32

/* A match without guests is forgotten after this, or at once if there are many. */
#define IDLE		(60 * HZ)
#define MANY_MATCHES	(MOST_MATCHES / 2)

/* What may come at once of what comes in a second. */
#define BURST_NS	NSEC_PER_SEC

LIST_HEAD(l1t_tenants);
LIST_HEAD(l1t_tenants_changed);

/* Protected by l1t_lock. */
static DEFINE_HASHTABLE(by_path, 10);
static LIST_HEAD(patterns);
static LIST_HEAD(spares);
static LIST_HEAD(idle_matches);
static unsigned int nr_tenants, nr_patterns, nr_matches, nr_spares;
static u64 nr_ever;
static bool stopped;

/* Nobody chooses names of cgroups that share a bucket. */
static u32 hash_seed;

static void (*on_change)(void);

static atomic_t nr_unfreed = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(all_freed);

/* Blocks. */

static void tenant_free(struct rcu_head *rcu)
{
	kfree(container_of(rcu, struct l1t_tenant, rcu));
	if (atomic_dec_and_test(&nr_unfreed))
		wake_up(&all_freed);
}

/* A vCPU may just be looking at its pace. */
static void tenant_release(struct device *dev)
{
	struct l1t_tenant *t = dev_to_tenant(dev);

	if (t->pattern)
		put_device(&t->pattern->dev);
	call_rcu(&t->rcu, tenant_free);
}

static struct l1t_tenant *tenant_alloc(void)
{
	struct l1t_tenant *t = kzalloc(sizeof(*t), GFP_KERNEL_ACCOUNT);
	enum l1t_bound bound;
	enum l1t_limit limit;

	if (!t)
		return NULL;
	for (bound = 0; bound < L1T_BOUNDS; bound++) {
		for (limit = 0; limit < L1T_LIMITS; limit++) {
			t->values[bound][limit] = L1T_NO_LIMIT;
			t->requested[bound][limit] = L1T_NO_LIMIT;
		}
	}
	INIT_LIST_HEAD(&t->link);
	INIT_LIST_HEAD(&t->changed);
	INIT_LIST_HEAD(&t->idle);
	device_initialize(&t->dev);
	t->dev.release = tenant_release;
	atomic_inc(&nr_unfreed);
	return t;
}

static bool add_spare(void)
{
	struct l1t_tenant *t = tenant_alloc();
	bool added;

	if (!t)
		return false;
	raw_spin_lock(&l1t_lock);
	added = !stopped && nr_patterns && nr_spares < SPARES &&
		nr_matches + nr_spares < MOST_MATCHES;
	if (added) {
		list_add(&t->link, &spares);
		nr_spares++;
	}
	raw_spin_unlock(&l1t_lock);
	if (!added)
		put_device(&t->dev);
	return added;
}

static void fill_spares(struct work_struct *work)
{
	while (READ_ONCE(nr_spares) < SPARES && add_spare())
		;
}

static DECLARE_WORK(spares_work, fill_spares);

static struct l1t_tenant *take_spare(void)
{
	struct l1t_tenant *t;

	if (nr_spares <= SPARES / 2)
		queue_work(system_highpri_wq, &spares_work);
	t = list_first_entry_or_null(&spares, struct l1t_tenant, link);
	if (t) {
		list_del_init(&t->link);
		nr_spares--;
	}
	return t;
}

/**
 * l1t_tenants_fill() - there are as many spares as there may be, if memory suffices
 *
 * Context: may sleep.
 */
void l1t_tenants_fill(void)
{
	fill_spares(NULL);
}

/**
 * l1t_tenants_reserve() - put back a spare, for one that may have been taken
 *
 * Context: may sleep; the thread whose VM took it, which is charged.
 */
void l1t_tenants_reserve(void)
{
	if (READ_ONCE(nr_patterns) && READ_ONCE(nr_spares) < SPARES)
		add_spare();
}

/* Paths. */

static size_t name_bytes(const char *name)
{
	return strcspn(name, "/");
}

static bool is_pattern(const char *path)
{
	return strpbrk(path, "*?[");
}

static size_t literal_bytes(const char *pattern)
{
	size_t bytes = strcspn(pattern, "*?[\\");

	while (bytes && pattern[bytes] != '/')
		bytes--;
	return bytes;
}

static unsigned int count_levels(const char *path)
{
	unsigned int n = 0;

	if (!path[1])
		return 0;
	for (; *path; path++)
		n += *path == '/';
	return n;
}

/**
 * l1t_tenant_parse() - a path or pattern as people write it
 * @text: begins with "/", may end with a newline
 * @path: of L1T_CGROUP_BYTES
 *
 * Return: 0, -EINVAL, or -ENAMETOOLONG if no cgroup is looked at that is so deep.
 */
int l1t_tenant_parse(const char *text, char *path)
{
	size_t len = strcspn(text, "\n"), bytes;
	const char *name;

	if (text[len] && text[len + 1])
		return -EINVAL;
	if (len >= L1T_CGROUP_BYTES)
		return -ENAMETOOLONG;
	memcpy(path, text, len);
	path[len] = '\0';
	if (path[0] != '/')
		return -EINVAL;
	if (count_levels(path) > L1T_CGROUP_LEVELS)
		return -ENAMETOOLONG;
	for (name = path + 1; path[1]; name += bytes + 1) {
		bytes = name_bytes(name);
		if (bytes > NAME_MAX)
			return -ENAMETOOLONG;
		if (!bytes || (bytes <= 3 && !strncmp(name, "...", bytes)))
			return -EINVAL;
		if (!name[bytes])
			break;
	}
	return 0;
}

static u32 hash_of(const char *path, size_t len)
{
	return jhash(path, len, hash_seed);
}

static struct l1t_tenant *find(const char *path, size_t len)
{
	struct l1t_tenant *t;

	hash_for_each_possible(by_path, t, node, hash_of(path, len))
		if (!strncmp(t->path, path, len) && !t->path[len])
			return t;
	return NULL;
}

static struct l1t_tenant *find_pattern(const char *path)
{
	struct l1t_tenant *t;

	list_for_each_entry(t, &patterns, link)
		if (!strcmp(t->path, path))
			return t;
	return NULL;
}

/* Copies the next name of a path; returns what is behind it. */
static const char *next_name(const char *path, char *name)
{
	size_t bytes = name_bytes(++path);

	memcpy(name, path, bytes);
	name[bytes] = '\0';
	return path + bytes;
}

/* Both have as many names. */
static bool pattern_matches(const struct l1t_tenant *t, const char *path)
{
	/* Too large for a stack. */
	static char wanted[NAME_MAX + 1], name[NAME_MAX + 1];
	const char *pattern = t->path + t->literal;

	lockdep_assert_held(&l1t_lock);
	if (strncmp(t->path, path, t->literal) || path[t->literal] != '/')
		return false;
	path += t->literal;
	while (*pattern) {
		pattern = next_name(pattern, wanted);
		path = next_name(path, name);
		if (!glob_match(wanted, name))
			return false;
	}
	return true;
}

static struct l1t_tenant *pattern_of(const char *path, unsigned int levels)
{
	struct l1t_tenant *t;

	list_for_each_entry(t, &patterns, link)
		if (t->levels == levels && pattern_matches(t, path))
			return t;
	return NULL;
}

/* Coming and going. */

static void tell_change(struct l1t_tenant *t)
{
	if (list_empty(&t->changed))
		list_add_tail(&t->changed, &l1t_tenants_changed);
	on_change();
}

static void enter(struct l1t_tenant *t, const char *path, size_t len)
{
	memcpy(t->path, path, len);
	t->path[len] = '\0';
	t->levels = count_levels(t->path);
	t->id = ++nr_ever;
	if (t->is_pattern) {
		t->literal = literal_bytes(t->path);
		list_add_tail(&t->link, &patterns);
		nr_patterns++;
	} else {
		list_add_tail(&t->link, &l1t_tenants);
		hash_add(by_path, &t->node, hash_of(path, len));
	}
	tell_change(t);
}

static struct l1t_tenant *make_match(struct l1t_tenant *pattern, const char *path,
				     size_t len)
{
	struct l1t_tenant *t = nr_matches < MOST_MATCHES ? take_spare() : NULL;

	if (!t)
		return NULL;
	get_device(&pattern->dev);
	t->pattern = pattern;
	pattern->matches++;
	nr_matches++;
	enter(t, path, len);
	return t;
}

/* Its own limits from now on; there were no others that it had itself. */
static void make_own(struct l1t_tenant *t)
{
	struct l1t_tenant *pattern = t->pattern;

	pattern->matches--;
	nr_matches--;
	nr_tenants++;
	list_del_init(&t->idle);
	WRITE_ONCE(t->pattern, NULL);
	/* Not the last one: it is in the table itself. */
	put_device(&pattern->dev);
	tell_change(t);
}

/**
 * l1t_tenant_get() - the tenant or pattern of this path, held; or NULL
 * @path: exactly that
 *
 * Context: l1t_lock not held.
 */
struct l1t_tenant *l1t_tenant_get(const char *path)
{
	struct l1t_tenant *t;

	raw_spin_lock(&l1t_lock);
	t = is_pattern(path) ? find_pattern(path) : find(path, strlen(path));
	if (t)
		get_device(&t->dev);
	raw_spin_unlock(&l1t_lock);
	return t;
}

static int try_define(struct l1t_tenant *new)
{
	struct l1t_tenant *known;

	if (new->is_pattern) {
		if (find_pattern(new->path))
			return -EEXIST;
		if (nr_patterns >= MOST_PATTERNS)
			return -ENOSPC;
	} else {
		known = find(new->path, strlen(new->path));
		if (known && !known->pattern)
			return -EEXIST;
		if (nr_tenants >= MOST_TENANTS)
			return -ENOSPC;
		if (known) {
			make_own(known);
			return 1;
		}
		nr_tenants++;
	}
	enter(new, new->path, strlen(new->path));
	return 0;
}

/**
 * l1t_tenant_define() - there is a tenant, or a pattern of such, from now on
 * @path: from l1t_tenant_parse()
 *
 * Context: may sleep; one at a time. Return: 0, -EEXIST, -ENOSPC or -ENOMEM.
 */
int l1t_tenant_define(const char *path)
{
	struct l1t_tenant *t = tenant_alloc();
	int err;

	if (!t)
		return -ENOMEM;
	strscpy(t->path, path, sizeof(t->path));
	t->is_pattern = is_pattern(path);
	raw_spin_lock(&l1t_lock);
	err = try_define(t);
	raw_spin_unlock(&l1t_lock);
	if (err)
		put_device(&t->dev);
	return min(err, 0);
}

/**
 * l1t_tenant_unlink() - a tenant or pattern is not to be found any more
 * @t: in the table; the caller drops it from its guests, and the table's hold
 *	when its device is gone
 *
 * Context: l1t_lock held.
 */
void l1t_tenant_unlink(struct l1t_tenant *t)
{
	lockdep_assert_held(&l1t_lock);
	list_del_init(&t->link);
	list_del_init(&t->idle);
	t->removed = true;
	if (t->is_pattern) {
		nr_patterns--;
	} else {
		hash_del(&t->node);
		if (t->pattern) {
			t->pattern->matches--;
			nr_matches--;
		} else {
			nr_tenants--;
		}
	}
	tell_change(t);
}

/**
 * l1t_tenant_any_match() - a tenant that a pattern has made, or NULL
 * @pattern: the pattern
 *
 * Context: l1t_lock held.
 */
struct l1t_tenant *l1t_tenant_any_match(const struct l1t_tenant *pattern)
{
	struct l1t_tenant *t;

	lockdep_assert_held(&l1t_lock);
	if (!pattern->matches)
		return NULL;
	list_for_each_entry(t, &l1t_tenants, link)
		if (t->pattern == pattern)
			return t;
	return NULL;
}

/**
 * l1t_tenant_any_pattern() - a pattern, or NULL if there is none
 *
 * Context: l1t_lock held.
 */
struct l1t_tenant *l1t_tenant_any_pattern(void)
{
	return list_first_entry_or_null(&patterns, struct l1t_tenant, link);
}

/**
 * l1t_tenants_have_matches() - is there what may have to be forgotten
 */
bool l1t_tenants_have_matches(void)
{
	return READ_ONCE(nr_matches);
}

/**
 * l1t_tenant_forgettable() - a match that has had no guest for long, or NULL
 *
 * Context: l1t_lock held.
 */
struct l1t_tenant *l1t_tenant_forgettable(void)
{
	struct l1t_tenant *t = list_first_entry_or_null(&idle_matches,
							struct l1t_tenant, idle);
	unsigned long idle = nr_matches > MANY_MATCHES ? HZ : IDLE;

	lockdep_assert_held(&l1t_lock);
	return t && time_after(jiffies, t->idle_since + idle) ? t : NULL;
}

/* Places of guests. */

/*
 * Calls @fn with each level of a path that has a tenant, or that a pattern
 * matches; then with the pattern and the length of the path up to there.
 */
typedef void (*level_fn)(struct l1t_places *places, unsigned int level,
			 struct l1t_tenant *t, struct l1t_tenant *pattern,
			 const char *path, size_t len, const struct l1t_ledger *has);

static void each_level(const char *path, struct l1t_places *places,
		       const struct l1t_ledger *has, level_fn fn)
{
	unsigned int level, levels = min_t(unsigned int, count_levels(path),
					   L1T_CGROUP_LEVELS);
	struct l1t_tenant *t, *pattern;
	/* Too large for a stack. */
	static char head[L1T_CGROUP_BYTES];
	size_t len = 0;

	lockdep_assert_held(&l1t_lock);
	if (list_empty(&l1t_tenants) && list_empty(&patterns))
		return;
	for (level = 0; level <= levels; level++) {
		/* What is behind is not known. */
		if (!strcmp(path + len, "/..."))
			return;
		if (level)
			len += 1 + name_bytes(path + len + 1);
		t = level ? find(path, len) : find("/", 1);
		pattern = NULL;
		if (!t && level && nr_patterns) {
			memcpy(head, path, len);
			head[len] = '\0';
			pattern = pattern_of(head, level);
		}
		if (t || pattern)
			fn(places, level, t, pattern, path, len, has);
	}
}

static void find_place(struct l1t_places *places, unsigned int level,
		       struct l1t_tenant *t, struct l1t_tenant *pattern,
		       const char *path, size_t len, const struct l1t_ledger *has)
{
	RCU_INIT_POINTER(places->at[level], t);
	places->levels = level + 1;
	if (!t)
		places->lacking = pattern;
}

/**
 * l1t_tenants_find() - the tenants of who has no guest to be of them
 * @path: of the cgroup
 * @places: all NULL; gets them
 *
 * Context: l1t_lock held.
 */
void l1t_tenants_find(const char *path, struct l1t_places *places)
{
	each_level(path, places, NULL, find_place);
}

static void take_place(struct l1t_places *places, unsigned int level,
		       struct l1t_tenant *t, struct l1t_tenant *pattern,
		       const char *path, size_t len, const struct l1t_ledger *has)
{
	unsigned int kind;

	if (l1t_place(places, level))
		return;
	if (!t)
		t = make_match(pattern, path, len);
	if (!t) {
		places->lacking = pattern;
		return;
	}
	t->guests++;
	list_del_init(&t->idle);
	for (kind = 0; kind < L1T_USED_KINDS; kind++)
		t->use.of[kind] += has->of[kind];
	rcu_assign_pointer(places->at[level], t);
	WRITE_ONCE(places->levels, max(places->levels, level + 1));
	for (; t; t = t->pattern) {
		t->vms += places->born;
		t->vcpus += has->of[L1T_USED_VCPUS];
	}
}

/**
 * l1t_tenants_join() - a guest gets its place in each tenant that it is of
 * @path: of the cgroup that it was created in
 * @places: its; those that it has already stay
 * @has: what it has, which the tenants are charged for
 *
 * Context: l1t_lock held.
 */
void l1t_tenants_join(const char *path, struct l1t_places *places,
		      const struct l1t_ledger *has)
{
	places->lacking = NULL;
	each_level(path, places, has, take_place);
}

static void give_up(struct l1t_places *places, unsigned int level)
{
	struct l1t_tenant *t = l1t_place(places, level);

	RCU_INIT_POINTER(places->at[level], NULL);
	if (--t->guests || !t->pattern || t->removed)
		return;
	t->idle_since = jiffies;
	list_add_tail(&t->idle, &idle_matches);
}

/**
 * l1t_tenants_leave() - a guest that is gone gives up all its places
 * @places: its; it has nothing any more
 *
 * Context: l1t_lock held.
 */
void l1t_tenants_leave(struct l1t_places *places)
{
	unsigned int level;

	lockdep_assert_held(&l1t_lock);
	places->lacking = NULL;
	for (level = 0; level < places->levels; level++)
		if (l1t_place(places, level))
			give_up(places, level);
}

/**
 * l1t_tenants_drop() - a guest is no longer of a tenant
 * @places: its
 * @t: the tenant or pattern
 * @has: what the guest has
 *
 * Context: l1t_lock held.
 */
void l1t_tenants_drop(struct l1t_places *places, const struct l1t_tenant *t,
		      const struct l1t_ledger *has)
{
	struct l1t_tenant *at = l1t_place(places, t->levels);
	unsigned int kind;

	lockdep_assert_held(&l1t_lock);
	if (places->lacking == t)
		places->lacking = NULL;
	if (at != t)
		return;
	for (kind = 0; kind < L1T_USED_KINDS; kind++)
		at->use.of[kind] -= has->of[kind];
	give_up(places, t->levels);
}

/**
 * l1t_tenants_use() - a guest uses more, or less
 * @places: its
 * @kind: of what
 * @more: how much more
 *
 * Context: l1t_lock held.
 */
void l1t_tenants_use(const struct l1t_places *places, enum l1t_used kind, s64 more)
{
	struct l1t_tenant *t;
	unsigned int level;

	lockdep_assert_held(&l1t_lock);
	for (level = 0; level < places->levels; level++) {
		t = l1t_place(places, level);
		if (t)
			t->use.of[kind] += more;
	}
}

static void count_born(const struct l1t_places *places, u64 vms, u64 vcpus)
{
	struct l1t_tenant *t;
	unsigned int level;

	lockdep_assert_held(&l1t_lock);
	for (level = 0; level < places->levels; level++) {
		for (t = l1t_place(places, level); t; t = t->pattern) {
			t->vms += vms;
			t->vcpus += vcpus;
		}
	}
}

/**
 * l1t_tenants_vm_born() - a guest's VM has been created
 * @places: the guest's
 *
 * Context: l1t_lock held.
 */
void l1t_tenants_vm_born(struct l1t_places *places)
{
	places->born = true;
	count_born(places, 1, 0);
}

/**
 * l1t_tenants_vcpu_born() - a guest has one vCPU more
 * @places: the guest's
 *
 * Context: l1t_lock held.
 */
void l1t_tenants_vcpu_born(const struct l1t_places *places)
{
	count_born(places, 0, 1);
}

/**
 * l1t_tenants_are_members() - is a guest of a tenant, or of one that it matches
 * @places: the guest's
 * @t: tenant or pattern
 *
 * Context: RCU read section or l1t_lock.
 */
bool l1t_tenants_are_members(const struct l1t_places *places,
			     const struct l1t_tenant *t)
{
	const struct l1t_tenant *at = l1t_place(places, t->levels);

	return at && (at == t || READ_ONCE(at->pattern) == t);
}

/* Limits. */

/**
 * l1t_tenant_value() - what a tenant's limit or audit threshold is
 * @t: tenant or pattern
 * @limit: which
 * @bound: which of the two
 *
 * Context: RCU read section, l1t_lock, or @t is held and not removed. Return: a
 * number or L1T_NO_LIMIT.
 */
u64 l1t_tenant_value(const struct l1t_tenant *t, enum l1t_limit limit,
		     enum l1t_bound bound)
{
	const struct l1t_tenant *pattern = READ_ONCE(t->pattern);

	return READ_ONCE((pattern ?: t)->values[bound][limit]);
}

static void put_in_force(struct l1t_tenant *t, enum l1t_limit limit,
			 enum l1t_bound bound, u64 value)
{
	raw_spin_lock(&l1t_lock);
	WRITE_ONCE(t->values[bound][limit], value);
	raw_spin_unlock(&l1t_lock);
}

/**
 * l1t_tenant_request() - a limit or threshold of a tenant is to be set
 * @t: tenant or pattern
 * @limit: which
 * @bound: which of the two
 * @value: as for l1t_limit_request()
 *
 * Context: may sleep; one at a time.
 */
void l1t_tenant_request(struct l1t_tenant *t, enum l1t_limit limit,
			enum l1t_bound bound, u64 value)
{
	bool was = t->requested[bound][limit] != L1T_NO_LIMIT;
	bool is = value != L1T_NO_LIMIT;

	if (!is)
		put_in_force(t, limit, bound, value);
	if (was != is)
		l1t_limit_want(limit, bound, is);
	t->requested[bound][limit] = value;
}

/**
 * l1t_tenant_enforce() - what was requested is in force from now on
 * @t: tenant or pattern
 * @limit: which
 * @bound: limit or audit threshold
 *
 * Context: may sleep; one at a time.
 */
void l1t_tenant_enforce(struct l1t_tenant *t, enum l1t_limit limit,
			enum l1t_bound bound)
{
	put_in_force(t, limit, bound, t->requested[bound][limit]);
}

/**
 * l1t_tenant_count() - a tenant's limit or threshold has been exceeded once more
 * @t: tenant or pattern
 * @limit: which
 * @bound: which of the two
 *
 * What a match counts its pattern counts, too: the match will be forgotten.
 * Context: RCU read section or l1t_lock.
 */
void l1t_tenant_count(struct l1t_tenant *t, enum l1t_limit limit,
		      enum l1t_bound bound)
{
	for (; t; t = READ_ONCE(t->pattern))
		atomic64_inc(&t->exceeded[bound][limit]);
}

/**
 * l1t_tenant_may_create() - is one more VM within a tenant's rate
 * @t: tenant
 * @bound: limit or audit threshold, which is set
 * @now: CLOCK_MONOTONIC in ns
 *
 * Context: l1t_lock held.
 */
bool l1t_tenant_may_create(struct l1t_tenant *t, enum l1t_bound bound, u64 now)
{
	lockdep_assert_held(&l1t_lock);
	return l1t_bucket_tokens(&t->creation[bound],
				 l1t_tenant_value(t, L1T_MAX_VMS_PER_SEC, bound),
				 BURST_NS, now);
}

/**
 * l1t_tenants_take_creation() - a VM has been admitted
 * @places: its
 * @now: CLOCK_MONOTONIC in ns
 *
 * Context: l1t_lock held.
 */
void l1t_tenants_take_creation(const struct l1t_places *places, u64 now)
{
	struct l1t_tenant *t;
	unsigned int level, bound;
	u64 rate;

	for (level = 0; level < places->levels; level++) {
		t = l1t_place(places, level);
		for (bound = 0; t && bound < L1T_BOUNDS; bound++) {
			rate = l1t_tenant_value(t, L1T_MAX_VMS_PER_SEC, bound);
			/* A threshold lets pass what there is no token for. */
			if (rate != L1T_NO_LIMIT && l1t_tenant_may_create(t, bound, now))
				l1t_bucket_take(&t->creation[bound], rate, 1);
		}
	}
}

/* Load and unload. */

/**
 * l1t_tenants_init() - get ready for tenants
 * @changed: called when l1t_tenants_changed has one more, with l1t_lock held
 */
void l1t_tenants_init(void (*changed)(void))
{
	hash_seed = get_random_u32();
	on_change = changed;
}

/**
 * l1t_tenants_stop() - no more spares are made
 *
 * Context: may sleep; no hook is attached, nothing is defined any more.
 */
void l1t_tenants_stop(void)
{
	struct l1t_tenant *t, *next;

	raw_spin_lock(&l1t_lock);
	stopped = true;
	raw_spin_unlock(&l1t_lock);
	cancel_work_sync(&spares_work);
	list_for_each_entry_safe(t, next, &spares, link) {
		list_del_init(&t->link);
		put_device(&t->dev);
	}
}

/**
 * l1t_tenants_exit() - wait until no tenant is left in memory
 *
 * Context: all have been removed.
 */
void l1t_tenants_exit(void)
{
	wait_event(all_freed, !atomic_read(&nr_unfreed));
	/* The last callback may still be on its way out of this module. */
	rcu_barrier();
}
