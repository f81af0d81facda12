// SPDX-License-Identifier: GPL-2.0
#include <strings.h>

#include "base/util.h"
#include "model/nested.h"

/*
 * The instructions of VMX and SVM, as KVM names them: without the names their
 * numbers would be those of control registers on the other one.
 */
static bool is_nested_instruction(const struct exit_key *key)
{
	static const struct {
		uint32_t code;
		const char *reason;
	} instructions[] = {
		{ 19, "VMCLEAR" }, { 20, "VMLAUNCH" }, { 21, "VMPTRLD" },
		{ 22, "VMPTRST" }, { 23, "VMREAD" }, { 24, "VMRESUME" },
		{ 25, "VMWRITE" }, { 26, "VMOFF" }, { 27, "VMON" },
		{ 50, "INVEPT" }, { 53, "INVVPID" }, { 59, "VMFUNC" },
		{ 0x7a, "invlpga" }, { 0x80, "vmrun" }, { 0x82, "vmload" },
		{ 0x83, "vmsave" }, { 0x84, "stgi" }, { 0x85, "clgi" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(instructions); i++)
		if (key->code == instructions[i].code &&
		    !strcasecmp(key->reason, instructions[i].reason))
			return true;
	return false;
}

bool nested_is_known(const struct exit_stats *stats)
{
	return stats->has[STAT_L3_ENTRIES] &&
	       stats->has[STAT_L3_EXITS_HANDLED] &&
	       stats->has[STAT_L3_EXITS_LEFT];
}

uint64_t nested_exits(const struct exit_stats *stats)
{
	uint64_t exits = 0;
	size_t i;

	for (i = 0; i < stats->num_cells; i++) {
		const struct exit_cell *cell = &stats->cells[i];

		if (cell->key.level == 3 || is_nested_instruction(&cell->key))
			exits = add_saturated(exits, cell->value[CELL_COUNT]);
	}
	return exits;
}
