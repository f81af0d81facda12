/* SPDX-License-Identifier: GPL-2.0 */
/* Paths of cgroups, and patterns of such paths. */
#ifndef L1TUNE_TENANT_PATH_H
#define L1TUNE_TENANT_PATH_H

#include <linux/types.h>

int l1t_path_parse(const char *text, char *path);
bool l1t_path_is_pattern(const char *path);
size_t l1t_path_literal(const char *pattern);
unsigned int l1t_path_levels(const char *path);
size_t l1t_path_name_bytes(const char *name);
bool l1t_path_matches(const char *pattern, size_t literal, const char *path);

#endif
