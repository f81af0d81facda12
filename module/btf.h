/* SPDX-License-Identifier: GPL-2.0 */
/* Finds members of structs that no header defines, by the kernel's own BTF. */
#ifndef L1TUNE_BTF_H
#define L1TUNE_BTF_H

#include <linux/types.h>

struct btf;
struct btf_type;

/**
 * struct l1t_btf - a struct, as BTF describes it
 * @btf: of the kernel or a module, with a reference; NULL: none
 * @type: the struct in it
 */
struct l1t_btf {
	struct btf *btf;
	const struct btf_type *type;
};

/**
 * struct l1t_place - where a member is in its struct
 * @offset: in bytes
 * @size: of the member, or of each element
 * @count: number of elements; 1 unless it is an array
 */
struct l1t_place {
	u32 offset;
	u32 size;
	u32 count;
};

int l1t_btf_find(struct l1t_btf *s, const char *name);
int l1t_btf_place(const struct l1t_btf *s, const char *path, struct l1t_place *place);
void l1t_btf_release(struct l1t_btf *s);

#endif
