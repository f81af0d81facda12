// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench-split.h"
#include "cell.h"
#include "util.h"

/* A guest appears shortly after its VM does. */
#define PATIENCE_US	2000000
#define STEP_US		10000

static void ignore(const char *message)
{
	(void)message;
}

/* The only guest of this process, or nothing. */
static bool take(struct bench_split *split, struct snapshot *snapshot)
{
	const struct snapshot_request request = {
		.selection = &split->selection, .all = true,
	};
	int status;

	complain_to(ignore);
	status = snapshot_take(&split->env, &split->host, &request, snapshot);
	complain_to(NULL);
	return status == STATUS_OK && snapshot->num_guests == 1 &&
	       exits_are_split(&snapshot->guests[0].stats);
}

void bench_split_open(struct bench_split *split, const struct env *env)
{
	char *selector = xasprintf("pid:%d", (int)getpid());

	*split = (struct bench_split){ .env = *env };
	complain_to(ignore);
	split->has_module = env_open(&split->env) == STATUS_OK &&
			    host_read(&split->env, &split->host) == STATUS_OK;
	complain_to(NULL);
	/* Selectors keep the text. */
	GROW(split->selection.v, split->selection.num);
	selector_parse(selector, &split->selection.v[0]);
}

void bench_split_close(struct bench_split *split)
{
	snapshot_free(&split->before);
	free((char *)split->selection.v[0].text);
	selection_free(&split->selection);
	if (!split->has_module)
		return;
	host_free(&split->host);
	env_close(&split->env);
}

void bench_split_begin(struct bench_split *split)
{
	unsigned int waited_us;

	if (!split->has_module)
		return;
	for (waited_us = 0; waited_us < PATIENCE_US; waited_us += STEP_US) {
		snapshot_free(&split->before);
		if (take(split, &split->before))
			return;
		usleep(STEP_US);
	}
	/* Its guests are hidden from this user, or its hooks do not hold. */
	split->has_module = false;
	host_free(&split->host);
	env_close(&split->env);
}

/*
 * What belongs to the round trip is what happened each time: exits of which
 * there were at least as many. Interrupts and the end of the batch are not.
 */
bool bench_split_end(struct bench_split *split, uint64_t num, double *kvm_ns,
		     double *vmm_ns)
{
	struct snapshot after = { }, diff = { };
	uint64_t kvm = 0, vmm = 0;
	bool known = false;
	size_t i;

	if (!split->has_module)
		return false;
	if (take(split, &after)) {
		snapshot_subtract(&split->before, &after, &diff);
		for (i = 0; diff.num_guests == 1 &&
			    i < diff.guests[0].stats.num_cells; i++) {
			const struct exit_cell *cell = &diff.guests[0].stats.cells[i];

			if (cell->value[CELL_COUNT] < num)
				continue;
			kvm += cell_part_ns(cell, PART_KERNEL);
			vmm += cell_part_ns(cell, PART_USER);
			known = true;
		}
		snapshot_free(&diff);
	}
	snapshot_free(&after);
	*kvm_ns = kvm / (double)num;
	*vmm_ns = vmm / (double)num;
	return known;
}
