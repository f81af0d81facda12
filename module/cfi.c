// SPDX-License-Identifier: GPL-2.0
#include <linux/kernel.h>
#include <linux/string.h>

#include "cfi.h"
#include "symbol.h"

#if defined(CONFIG_CFI) || defined(CONFIG_CFI_CLANG)

/*
 * Before each function that is called by pointer the compiler emits a hash of its type,
 * as MOV $hash,%eax; FineIBT replaces this by a longer sequence that has the hash, too.
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
 * l1t_cfi_fits() - does a probe have the type of its tracepoint
 * @name: of the tracepoint
 * @probe: the function
 * @module: the tracepoint's module; NULL for the kernel itself
 *
 * The kernel calls a probe by pointer if its tracepoint has more than one, and panics if
 * its type is wrong. No header has that type, but the kernel's own probe for the trace
 * event does.
 *
 * Return: true if it does; false also if that probe is not found.
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
