// SPDX-License-Identifier: GPL-2.0
/*
 * The binary statistics file of a guest or a vCPU, in the structures of
 * KVM_GET_STATS_FD, so that a reader needs no list of its contents:
 *
 *	0		header, then the name of the guest or vCPU
 *	DATA		a block of values for the whole, then one block for
 *			each exit reason and level, 8 to a page
 *	DESC		descriptors: of the whole, then of each block
 *
 * New reasons are appended to both data and descriptors, so what a reader has learnt
 * stays true. A read ends at the end of a page and no block crosses one: the values of
 * a block that are returned by one read are consistent.
 */
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/timekeeping.h>

#include "guest.h"
#include "lines.h"
#include "reason.h"
#include "stats.h"
#include "totals.h"

/*
 * KVM's structures as user space knows them: 5.10 has none, and in the headers of
 * later kernels their last members differ.
 */
struct header {
	u32 flags;
	u32 name_size;
	u32 num_desc;
	u32 id_offset;
	u32 desc_offset;
	u32 data_offset;
};

#define NAME_BYTES	48

struct desc {
	u32 flags;
	s16 exponent;
	u16 size;
	u32 offset;
	u32 bucket_size;
	char name[NAME_BYTES];
};

#define TYPE_CUMULATIVE	(0 << 0)
#define TYPE_INSTANT	(1 << 0)
#define TYPE_PEAK	(2 << 0)
#define TYPE_LOG_HIST	(4 << 0)
#define UNIT_NONE	(0 << 4)
#define UNIT_SECONDS	(2 << 4)
#define BASE_POW10	(0 << 8)

/*
 * In the file a histogram is KVM's: bucket n holds [2^(n-1), 2^n) ns. What our
 * histogram does not distinguish is counted in the highest bucket possible.
 */
#define FILE_BUCKETS	(L1T_HIST_SHIFT + L1T_HIST_BUCKETS)

struct block {
	u64 count;
	u64 time_ns;
	u64 kernel_ns;
	u64 vmm_ns;
	u64 vmm_sleep_ns;
	u64 halted_ns;
	u64 blocked_ns;
	u64 runq_ns;
	u64 throttled_ns;
	u64 max_ns;
	u64 stolen_ns;
	u64 hist_ns[FILE_BUCKETS];
};

struct whole {
	u64 exits;
	u64 exit_time_ns;
	u64 guest_time_ns;
	u64 untraced;
	u64 unpaired_entries;
	u64 lost_cells;
	u64 l3_entries;
	u64 l3_exits_handled;
	u64 l3_exits_left;
	u64 stolen_ns;
	/* what a vCPU is doing; only in a vCPU's file */
	u64 state;
	u64 state_since_ns;
	u64 open_level;
	u64 open_code;
	u64 tid;
};

#define BLOCK_BYTES	512
#define BLOCKS		(1 + max_t(size_t, L1T_CELLS_MAX, L1T_GUEST_KEYS))
#define DATA_OFFSET	PAGE_SIZE
#define DESC_OFFSET	(DATA_OFFSET + PAGE_ALIGN(BLOCKS * BLOCK_BYTES))

/* Conditions for a field to be in a file. */
enum {
	IF_VCPU = BIT(0),	/* it is a vCPU's file */
	IF_STOLEN = BIT(1),	/* it is known what L0 steals */
};

struct field {
	const char *name;
	u16 offset;
	u16 values;
	u32 flags;
	s16 exponent;
	u8 needs;
};

#define COUNT(type, f)	NUMBER(type, f, CUMULATIVE)
#define NUMBER(type, f, t, ...) { #f, offsetof(struct type, f), 1, \
				  TYPE_##t | UNIT_NONE | BASE_POW10, 0, \
				  ##__VA_ARGS__ }
#define TIME(type, f, t, ...) { #f, offsetof(struct type, f), \
				sizeof_field(struct type, f) / sizeof(u64), \
				TYPE_##t | UNIT_SECONDS | BASE_POW10, -9, \
				##__VA_ARGS__ }

static const struct field whole_fields[] = {
	COUNT(whole, exits),
	TIME(whole, exit_time_ns, CUMULATIVE),
	TIME(whole, guest_time_ns, CUMULATIVE),
	COUNT(whole, untraced),
	COUNT(whole, unpaired_entries),
	COUNT(whole, lost_cells),
	COUNT(whole, l3_entries),
	COUNT(whole, l3_exits_handled),
	COUNT(whole, l3_exits_left),
	TIME(whole, stolen_ns, CUMULATIVE, IF_STOLEN),
	NUMBER(whole, state, INSTANT, IF_VCPU),
	TIME(whole, state_since_ns, INSTANT, IF_VCPU),
	NUMBER(whole, open_level, INSTANT, IF_VCPU),
	NUMBER(whole, open_code, INSTANT, IF_VCPU),
	NUMBER(whole, tid, INSTANT, IF_VCPU),
};

static const struct field block_fields[] = {
	COUNT(block, count),
	TIME(block, time_ns, CUMULATIVE),
	TIME(block, kernel_ns, CUMULATIVE),
	TIME(block, vmm_ns, CUMULATIVE),
	TIME(block, vmm_sleep_ns, CUMULATIVE),
	TIME(block, halted_ns, CUMULATIVE),
	TIME(block, blocked_ns, CUMULATIVE),
	TIME(block, runq_ns, CUMULATIVE),
	TIME(block, throttled_ns, CUMULATIVE),
	TIME(block, max_ns, PEAK),
	TIME(block, stolen_ns, CUMULATIVE, IF_STOLEN),
	TIME(block, hist_ns, LOG_HIST),
};

/**
 * struct view - a guest or a vCPU as a file
 * @g: the guest
 * @v: the vCPU; NULL for the whole guest
 * @nr_keys: number of exit reasons by level, in the order of the file
 * @has: which conditions of fields are true
 */
struct view {
	struct l1t_guest *g;
	struct l1t_vcpu *v;
	unsigned int nr_keys;
	u8 has;
};

static u8 view_has(const struct view *view)
{
	return (view->v ? IF_VCPU : 0) |
	       (l1t_stolen_state() == L1T_STEAL_OK ? IF_STOLEN : 0);
}

static u32 view_key(const struct view *view, unsigned int n)
{
	if (view->v)
		return l1t_account_key(&view->v->acct, n);
	return view->g->keys[n];
}

static void add_key(struct l1t_account *acct, u32 key,
		    struct l1t_sample *sum)
{
	unsigned int n, cells = l1t_account_cells(acct);

	for (n = 0; n < cells; n++) {
		if (l1t_account_key(acct, n) == key) {
			l1t_account_add_cell(acct, n, sum);
			return;
		}
	}
}

static void get_sample(const struct view *view, unsigned int n,
		       struct l1t_sample *s)
{
	struct l1t_vcpu *v;

	if (view->v)
		l1t_account_add_cell(&view->v->acct, n, s);
	else
		list_for_each_entry_rcu(v, &view->g->vcpus, link, true)
			add_key(&v->acct, view_key(view, n), s);
}

static void get_block(const struct view *view, unsigned int n,
		      struct block *block)
{
	struct l1t_sample s = {};

	get_sample(view, n, &s);
	BUILD_BUG_ON(sizeof(struct block) > BLOCK_BYTES);
	BUILD_BUG_ON(sizeof(struct whole) > sizeof(struct block));
	memset(block, 0, sizeof(*block));
	block->count = s.count;
	block->time_ns = s.time_ns;
	block->kernel_ns = s.parts_ns[L1T_PART_KERNEL];
	block->vmm_ns = s.parts_ns[L1T_PART_VMM];
	block->vmm_sleep_ns = s.parts_ns[L1T_PART_VMM_SLEEP];
	block->halted_ns = s.parts_ns[L1T_PART_HALTED];
	block->blocked_ns = s.parts_ns[L1T_PART_BLOCKED];
	block->runq_ns = s.parts_ns[L1T_PART_RUNQ];
	block->throttled_ns = s.parts_ns[L1T_PART_THROTTLED];
	block->max_ns = s.max_ns;
	block->stolen_ns = s.stolen_ns;
	memcpy(block->hist_ns + L1T_HIST_SHIFT, s.hist, sizeof(s.hist));
}

static void get_state(struct l1t_account *acct, struct whole *whole)
{
	struct l1t_now now;

	l1t_account_now(acct, &now);
	whole->tid = l1t_away_tid(&acct->split.away);
	whole->state = now.state;
	if (now.state == L1T_STATE_NONE)
		return;
	whole->state_since_ns = ktime_get_boottime_ns() - now.for_ns;
	if (now.state == L1T_STATE_GUEST)
		return;
	whole->open_level = 2 + now.key / L1T_SLOTS;
	whole->open_code = l1t_slot_code(now.key % L1T_SLOTS);
}

static void get_whole(const struct view *view, struct block *block)
{
	struct whole *whole = (struct whole *)block;
	struct l1t_counts c = {};

	if (view->v)
		l1t_vcpu_counts(view->v, &c);
	else
		l1t_guest_counts(view->g, &c);

	memset(block, 0, sizeof(*block));
	*whole = (struct whole){
		.exits = c.exits,
		.exit_time_ns = c.exit_time_ns,
		.guest_time_ns = c.guest_time_ns,
		.untraced = c.untraced,
		.unpaired_entries = c.unpaired_entries,
		.lost_cells = c.lost_cells,
		.l3_entries = c.l3_entries,
		.l3_exits_handled = c.l3_exits_handled,
		.l3_exits_left = c.l3_exits_left,
		.stolen_ns = c.stolen_ns,
	};
	if (view->v)
		get_state(&view->v->acct, whole);
}

/**
 * struct table - the fields of a kind of block
 * @fields: the fields, including any that a file does not have
 * @nr: number of fields
 */
struct table {
	const struct field *fields;
	unsigned int nr;
};

static const struct table whole_table = { whole_fields, ARRAY_SIZE(whole_fields) };
static const struct table block_table = { block_fields, ARRAY_SIZE(block_fields) };

/* The nth field of a file; if there is none, @nr is the number of fields. */
static const struct field *nth_field(const struct view *view,
				     const struct table *table, unsigned int n,
				     unsigned int *nr)
{
	unsigned int i;

	*nr = 0;
	for (i = 0; i < table->nr; i++) {
		const struct field *f = &table->fields[i];

		if ((f->needs & view->has) == f->needs && (*nr)++ == n)
			return f;
	}
	return NULL;
}

static unsigned int nr_fields(const struct view *view, const struct table *table)
{
	unsigned int nr;

	nth_field(view, table, UINT_MAX, &nr);
	return nr;
}

static unsigned int nr_descs(const struct view *view)
{
	return nr_fields(view, &whole_table) +
	       view->nr_keys * nr_fields(view, &block_table);
}

static void get_desc(const struct view *view, unsigned int i, struct desc *desc)
{
	const struct field *f;
	unsigned int block = 0, nr;
	int len = 0;

	memset(desc, 0, sizeof(*desc));
	f = nth_field(view, &whole_table, i, &nr);
	if (!f) {
		unsigned int in_block = nr_fields(view, &block_table);
		u32 key;

		i -= nr;
		f = nth_field(view, &block_table, i % in_block, &nr);
		i /= in_block;
		key = view_key(view, i);
		block = 1 + i;
		len = scnprintf(desc->name, NAME_BYTES, "l%u/%u/",
				2 + key / L1T_SLOTS,
				l1t_slot_code(key % L1T_SLOTS));
		len += l1t_slot_name(l1t_isa(), key % L1T_SLOTS,
				     desc->name + len, NAME_BYTES - len);
		len += scnprintf(desc->name + len, NAME_BYTES - len, "/");
	}
	scnprintf(desc->name + len, NAME_BYTES - len, "%s", f->name);
	desc->flags = f->flags;
	desc->exponent = f->exponent;
	desc->size = f->values;
	desc->offset = block * BLOCK_BYTES + f->offset;
}

static void read_head(const struct view *view, char *buf, loff_t pos,
		      size_t count)
{
	struct header header = {
		.name_size = NAME_BYTES,
		.num_desc = nr_descs(view),
		.id_offset = sizeof(header),
		.desc_offset = DESC_OFFSET,
		.data_offset = DATA_OFFSET,
	};
	char id[NAME_BYTES] = {};

	if (view->v)
		scnprintf(id, sizeof(id), "l1tune-%llu/vcpu-%u", view->g->id,
			  view->v->id);
	else
		scnprintf(id, sizeof(id), "l1tune-%llu", view->g->id);
	l1t_put(buf, pos, count, 0, &header, sizeof(header));
	l1t_put(buf, pos, count, sizeof(header), id, sizeof(id));
}

static void read_data(const struct view *view, char *buf, loff_t pos,
		      size_t count)
{
	unsigned int i = (pos - DATA_OFFSET) / BLOCK_BYTES;
	struct block block;
	loff_t at;

	for (; i <= view->nr_keys; i++) {
		at = DATA_OFFSET + i * BLOCK_BYTES;
		if (at >= pos + count)
			break;
		if (i)
			get_block(view, i - 1, &block);
		else
			get_whole(view, &block);
		l1t_put(buf, pos, count, at, &block, sizeof(block));
	}
}

static void read_descs(const struct view *view, char *buf, loff_t pos,
		       size_t count)
{
	unsigned int i = (pos - DESC_OFFSET) / sizeof(struct desc);
	struct desc desc;
	loff_t at;

	for (; i < nr_descs(view); i++) {
		at = DESC_OFFSET + i * sizeof(desc);
		if (at >= pos + count)
			break;
		get_desc(view, i, &desc);
		l1t_put(buf, pos, count, at, &desc, sizeof(desc));
	}
}

#define LINE_BYTES	(1 + 1 + 32 + 1 + 20 + 1 + 20 + 1)

static ssize_t read_lines(const struct view *view, char *buf, loff_t pos,
			  size_t count)
{
	loff_t end = view->nr_keys * LINE_BYTES, at;
	char name[NAME_BYTES], line[LINE_BYTES + 24];
	struct l1t_sample s;
	unsigned int i;
	u32 key;

	if (pos >= end)
		return 0;
	count = min_t(loff_t, count, end - pos);
	for (i = pos / LINE_BYTES; i < view->nr_keys; i++) {
		at = i * LINE_BYTES;
		if (at >= pos + count)
			break;
		s = (struct l1t_sample){};
		get_sample(view, i, &s);
		key = view_key(view, i);
		l1t_slot_name(l1t_isa(), key % L1T_SLOTS, name, sizeof(name));
		snprintf(line, sizeof(line), "%u %-32.32s %20llu %20llu\n",
			 2 + key / L1T_SLOTS, name, s.count, s.time_ns);
		l1t_put(buf, pos, count, at, line, LINE_BYTES);
	}
	return count;
}

static ssize_t read_view(const struct view *view, char *buf, loff_t pos,
			 size_t count)
{
	loff_t end = DESC_OFFSET + nr_descs(view) * sizeof(struct desc);

	if (pos >= end)
		return 0;
	count = min_t(loff_t, count, end - pos);
	count = min_t(size_t, count, PAGE_SIZE - offset_in_page(pos));
	memset(buf, 0, count);
	if (pos < DATA_OFFSET)
		read_head(view, buf, pos, count);
	else if (pos < DESC_OFFSET)
		read_data(view, buf, pos, count);
	else
		read_descs(view, buf, pos, count);
	return count;
}

/**
 * l1t_stats_read_vcpu() - read from a vCPU's statistics file
 * @v: the vCPU
 * @buf: buffer
 * @pos: offset in the file
 * @count: bytes wanted
 *
 * Return: bytes read, at most to the end of a page; 0 at the end.
 */
ssize_t l1t_stats_read_vcpu(struct l1t_vcpu *v, char *buf, loff_t pos,
			    size_t count)
{
	struct view view = {
		.g = v->guest,
		.v = v,
		.nr_keys = l1t_account_cells(&v->acct),
	};

	view.has = view_has(&view);
	return read_view(&view, buf, pos, count);
}

static bool has_key(const struct l1t_guest *g, u32 key)
{
	unsigned int i;

	for (i = 0; i < g->nr_keys; i++)
		if (g->keys[i] == key)
			return true;
	return false;
}

/* Adds the reasons that its vCPUs have had since the last call. */
static void learn_keys(struct l1t_guest *g)
{
	struct l1t_vcpu *v;
	unsigned int n;

	lockdep_assert_held(&g->keys_lock);
	list_for_each_entry_rcu(v, &g->vcpus, link, true) {
		unsigned int cells = l1t_account_cells(&v->acct);

		for (n = 0; n < cells && g->nr_keys < L1T_GUEST_KEYS; n++) {
			u32 key = l1t_account_key(&v->acct, n);

			if (!has_key(g, key))
				g->keys[g->nr_keys++] = key;
		}
	}
}

static ssize_t read_guest(struct l1t_guest *g, char *buf, loff_t pos, size_t count,
			  ssize_t (*read)(const struct view *view, char *buf,
					  loff_t pos, size_t count))
{
	struct view view = { .g = g };
	ssize_t ret;

	mutex_lock(&g->keys_lock);
	learn_keys(g);
	view.nr_keys = g->nr_keys;
	view.has = view_has(&view);
	ret = read(&view, buf, pos, count);
	mutex_unlock(&g->keys_lock);
	return ret;
}

/**
 * l1t_stats_read_guest() - read from a guest's statistics file
 * @g: the guest
 * @buf: buffer
 * @pos: offset in the file
 * @count: bytes wanted
 *
 * Context: may sleep.
 * Return: as l1t_stats_read_vcpu().
 */
ssize_t l1t_stats_read_guest(struct l1t_guest *g, char *buf, loff_t pos,
			     size_t count)
{
	return read_guest(g, buf, pos, count, read_view);
}

/**
 * l1t_stats_read_reasons() - read from a guest's reasons file, which is text
 * @g: the guest
 * @buf: buffer
 * @pos: offset in the file
 * @count: bytes wanted
 *
 * Context: may sleep.
 * Return: bytes read; 0 at the end.
 */
ssize_t l1t_stats_read_reasons(struct l1t_guest *g, char *buf, loff_t pos,
			       size_t count)
{
	return read_guest(g, buf, pos, count, read_lines);
}
