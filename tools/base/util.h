/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_UTIL_H
#define L1TUNE_UTIL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define NSEC_PER_SEC 1000000000ULL
#define __printf(fmt, args) __attribute__((format(printf, fmt, args)))

/* Exit statuses; doctor's are its own. */
enum status {
	STATUS_OK = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2,
	STATUS_NO_MODULE = 3,
	STATUS_NO_GUEST = 4,
	STATUS_NOT_PERMITTED = 5,
};

/* These exit when there is no memory. */
void *xcalloc(size_t n, size_t size);
/* Not zeroed: for many elements, each of which is written at once. */
void *xmallocarray(size_t n, size_t size);
void *xreallocarray(void *p, size_t n, size_t size);
/* tsearch(), which puts the key in the tree if none there is equal. */
void *xtsearch(const void *key, void **root, int (*compare)(const void *, const void *));
char *xstrdup(const char *s);
char *xmemdup0(const char *s, size_t len);
__printf(1, 2) char *xasprintf(const char *fmt, ...);
char *xvasprintf(const char *fmt, va_list ap);
/* Adds to the end of a string, which may become another one. */
__printf(2, 3) void append(char **s, const char *fmt, ...);

/* Makes room for one more element; elements stay valid by index only. */
#define GROW(array, num) \
	((array) = xreallocarray((array), (num) + 1, sizeof(*(array))), \
	 &(array)[(num)++])

/* Counters come from outside: sums saturate, differences stop at zero. */
static inline uint64_t add_saturated(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static inline uint64_t sub_clamped(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* The end of a noun after a number */
static inline const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

/* Where many are compared: most differ at once. */
static inline bool is_same_text(const char *a, const char *b)
{
	return *a == *b && !strcmp(a, b);
}

bool begins_with(const char *s, const char *start);
bool has_string(char *const *v, size_t num, const char *s);

/* Decimal digits only, no sign, no leading zero, nothing after them. */
int parse_u64(const char *s, uint64_t *value);

#endif
