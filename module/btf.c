// SPDX-License-Identifier: GPL-2.0
/*
 * Finds structs and their members by BTF. The kernel verifies its own BTF and that of its
 * modules when they are loaded, and keeps it for its own use. BTF loaded by users is not
 * searched.
 */
#include <linux/err.h>
#include <linux/static_call.h>
#include <linux/string.h>
#include <uapi/linux/btf.h>

#include "btf.h"
#include "symbol.h"

/* More than the longest chain of typedefs and qualifiers in KVM. */
#define MOST_MODIFIERS	16

static s32 no_find(const char *name, u32 kind, struct btf **btf)
{
	return -EOPNOTSUPP;
}

static const struct btf_type *no_type(const struct btf *btf, u32 id)
{
	return NULL;
}

static const char *no_name(const struct btf *btf, u32 offset)
{
	return "";
}

static void no_put(struct btf *btf)
{
}

DEFINE_STATIC_CALL(l1t_bpf_find_btf_id, no_find);
DEFINE_STATIC_CALL(l1t_btf_type_by_id, no_type);
DEFINE_STATIC_CALL(l1t_btf_name_by_offset, no_name);
DEFINE_STATIC_CALL(l1t_btf_put, no_put);

/* All or none: the others are called only after l1t_bpf_find_btf_id() succeeded. */
static int find_functions(void)
{
	unsigned long find = l1t_symbol(NULL, "bpf_find_btf_id");
	unsigned long type = l1t_symbol(NULL, "btf_type_by_id");
	unsigned long name = l1t_symbol(NULL, "btf_name_by_offset");
	unsigned long put = l1t_symbol(NULL, "btf_put");

	if (!find || !type || !name || !put)
		return -EOPNOTSUPP;
	static_call_update(l1t_btf_type_by_id, (typeof(no_type) *)type);
	static_call_update(l1t_btf_name_by_offset, (typeof(no_name) *)name);
	static_call_update(l1t_btf_put, (typeof(no_put) *)put);
	static_call_update(l1t_bpf_find_btf_id, (typeof(no_find) *)find);
	return 0;
}

/**
 * l1t_btf_find() - find a struct in the BTF of the kernel and its modules
 * @s: filled in; to be passed to l1t_btf_release()
 * @name: of the struct
 *
 * Context: may sleep, callers serialize.
 * Return: 0; -EOPNOTSUPP if this kernel has no BTF of its modules; -ENOENT if there is no
 * such struct.
 */
int l1t_btf_find(struct l1t_btf *s, const char *name)
{
	int err = find_functions();
	s32 id;

	*s = (struct l1t_btf){};
	if (err)
		return err;
	id = static_call(l1t_bpf_find_btf_id)(name, BTF_KIND_STRUCT, &s->btf);
	if (id <= 0) {
		s->btf = NULL;
		return -ENOENT;
	}
	s->type = static_call(l1t_btf_type_by_id)(s->btf, id);
	if (s->type)
		return 0;
	l1t_btf_release(s);
	return -ENOENT;
}

/**
 * l1t_btf_release() - undo l1t_btf_find()
 * @s: from l1t_btf_find(), even if it failed
 */
void l1t_btf_release(struct l1t_btf *s)
{
	if (s->btf)
		static_call(l1t_btf_put)(s->btf);
	*s = (struct l1t_btf){};
}

static bool is_modifier(const struct btf_type *t)
{
	switch (BTF_INFO_KIND(t->info)) {
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
		return true;
	}
	return false;
}

static const struct btf_type *type_of(const struct btf *btf, u32 id)
{
	const struct btf_type *t = static_call(l1t_btf_type_by_id)(btf, id);
	unsigned int i;

	for (i = 0; t && is_modifier(t) && i < MOST_MODIFIERS; i++)
		t = static_call(l1t_btf_type_by_id)(btf, t->type);
	return t;
}

/* 0 if the type has no size, or one that is not used here. */
static u32 size_of(const struct btf_type *t)
{
	switch (BTF_INFO_KIND(t->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_ENUM:
	case BTF_KIND_STRUCT:
		return t->size;
	case BTF_KIND_PTR:
		return sizeof(void *);
	}
	return 0;
}

/* The type and offset of a named member; NULL if there is none, or it is a bit field. */
static const struct btf_type *member_of(const struct btf *btf, const struct btf_type *t,
					const char *name, size_t len, u32 *offset)
{
	const struct btf_member *m = (const struct btf_member *)(t + 1);
	bool has_bits = BTF_INFO_KFLAG(t->info);
	unsigned int i;
	const char *is;

	if (BTF_INFO_KIND(t->info) != BTF_KIND_STRUCT)
		return NULL;
	for (i = 0; i < BTF_INFO_VLEN(t->info); i++, m++) {
		is = static_call(l1t_btf_name_by_offset)(btf, m->name_off);
		if (!is || strncmp(is, name, len) || is[len])
			continue;
		if (has_bits && BTF_MEMBER_BITFIELD_SIZE(m->offset))
			return NULL;
		*offset = (has_bits ? BTF_MEMBER_BIT_OFFSET(m->offset) : m->offset) / 8;
		return type_of(btf, m->type);
	}
	return NULL;
}

/**
 * l1t_btf_place() - find where a member of a struct is
 * @s: the struct
 * @path: the member's name; for a member of a nested struct, the names separated by
 *	dots
 * @place: filled in
 *
 * Return: 0, or -ENOENT if there is no such member, or it cannot be read directly.
 */
int l1t_btf_place(const struct l1t_btf *s, const char *path, struct l1t_place *place)
{
	const struct btf_type *t = s->type;
	u32 size = t->size, offset;
	size_t len;

	*place = (struct l1t_place){ .count = 1 };
	do {
		len = strcspn(path, ".");
		t = member_of(s->btf, t, path, len, &offset);
		if (!t)
			return -ENOENT;
		place->offset += offset;
		path += len;
	} while (*path++);
	if (BTF_INFO_KIND(t->info) == BTF_KIND_ARRAY) {
		const struct btf_array *array = (const struct btf_array *)(t + 1);

		place->count = array->nelems;
		t = type_of(s->btf, array->type);
	}
	place->size = t ? size_of(t) : 0;
	if (!place->size || place->count > size / place->size ||
	    place->offset > size - place->size * place->count)
		return -ENOENT;
	return 0;
}
