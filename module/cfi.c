// SPDX-License-Identifier: GPL-2.0
#include <linux/kernel.h>
#include <linux/string.h>

#include "cfi.h"
#include "symbol.h"

#if defined(CONFIG_CFI) || defined(CONFIG_CFI_CLANG)

/*
 * The compiler puts a hash of its type before each function that is called by
 * pointer, as MOV $hash,%eax; FineIBT makes more of that, which has the hash too.
 */
#define MOV_BYTES	5
#define MOV_EAX		0xb8
#define FINEIBT_BYTES	16

static bool is_of_type(const u8 *fn, const u8 *other)
{
	size_t bytes = fn[-MOV_BYTES] == MOV_EAX ? MOV_BYTES : FINEIBT_BYTES;

	return !memcmp(fn - bytes, other - bytes, bytes);
}

/**
 * l1t_cfi_fits() - has a probe the type of its tracepoint
 * @name: of the tracepoint
 * @probe: the function
 * @module: that the tracepoint is in; NULL for the kernel itself
 *
 * The kernel calls a probe by pointer as soon as its tracepoint has a second one,
 * and dies if the type is another. That type is in no header, but the kernel's own
 * probe for the trace event has it. Return: false, too, if that is not found.
 */
bool l1t_cfi_fits(const char *name, const void *probe, const char *module)
{
	char symbol[64];
	unsigned long own;

	if (snprintf(symbol, sizeof(symbol), "trace_event_raw_event_%s", name) >=
	    (int)sizeof(symbol))
		return false;
	own = l1t_symbol(module, symbol);
	return own && is_of_type((const u8 *)own, probe);
}

#endif
