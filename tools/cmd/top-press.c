// SPDX-License-Identifier: GPL-2.0
/* What the keys of top do. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "cmd/top.h"
#include "ui/screen.h"

#define MIN_DELAY_NS	(NSEC_PER_SEC / 8)
#define MAX_DELAY_NS	(3600 * NSEC_PER_SEC)

void top_choose_nothing(struct top_choice *choice)
{
	free(choice->row_name);
	choice->row_name = NULL;
}

void top_use_rows(struct top *top)
{
	if (top->choice.by_cgroup == top->wants_cgroups)
		return;
	top_choose_nothing(&top->choice);
	top->choice.by_cgroup = top->wants_cgroups;
}

static void choose(struct top_choice *choice, const struct guest *guest)
{
	top_choose_nothing(choice);
	choice->row_id = guest->id;
	choice->row_name = xstrdup(guest->label);
}

/* Up from the first row are all of them. */
static void choose_next(struct top *top, int step)
{
	const struct top_model *model = &top->model;
	struct top_choice *choice = &top->choice;
	size_t at = 0;

	while (at < model->num_rows && !top_is_chosen(choice, &model->rows[at]))
		at++;
	if (at == model->num_rows)
		at = step > 0 || !model->num_rows ? 0 : model->num_rows - 1;
	else if (step < 0 && !at)
		at = model->num_rows;
	else if (step < 0 || at + 1 < model->num_rows)
		at += step;
	if (at < model->num_rows)
		choose(choice, &model->rows[at].snapshot->guest);
	else
		top_choose_nothing(choice);
}

static void type(struct top *top, int key)
{
	size_t len = strlen(top->prompt);

	if (key == KEY_IS_ENTER) {
		strcpy(top->choice.filter, top->prompt);
		top->status.prompt = NULL;
	} else if (key == KEY_IS_ESCAPE) {
		top->status.prompt = NULL;
	} else if (key == KEY_IS_ERASE) {
		/* A whole character: its last byte and what continues it. */
		while (len && (top->prompt[--len] & 0xc0) == 0x80)
			;
		top->prompt[len] = '\0';
	} else if (key < KEY_IS_UP && len + 1 < sizeof(top->prompt)) {
		top->prompt[len] = key;
		top->prompt[len + 1] = '\0';
	}
}

static void change_delay(struct top *top, bool longer)
{
	uint64_t ns = top->options->interval_ns;

	ns = longer ? ns * 2 : ns / 2;
	if (ns >= MIN_DELAY_NS && ns <= MAX_DELAY_NS)
		top->options->interval_ns = ns;
}

static bool press_sort(struct top_choice *choice, int key)
{
	static const char keys[NUM_TOP_SORTS] = {
		[TOP_BY_BUSY] = 'b', [TOP_BY_EXITS] = 'e',
		[TOP_BY_KERNEL] = 'k', [TOP_BY_VMM] = 'm',
		[TOP_BY_VMM_SLEEP] = 'z', [TOP_BY_HALTED] = 'l',
		[TOP_BY_BLOCKED] = 'o',
		[TOP_BY_RUNQ] = 'r',
		[TOP_BY_THROTTLED] = 't', [TOP_BY_STOLEN] = 's',
		[TOP_BY_GUEST] = 'g',
		[TOP_BY_NAME] = 'n', [TOP_BY_ID] = 'i',
	};
	int i;

	for (i = 0; i < NUM_TOP_SORTS; i++) {
		if (keys[i] != key)
			continue;
		choice->sort = i;
		return true;
	}
	return false;
}

/* Whether a key asks for another time. */
static bool press_past(struct top *top, int key)
{
	int64_t interval_ns, by;

	if (!top->options->env.past)
		return false;
	interval_ns = top_past_interval_ns(top);
	by = key == KEY_IS_LEFT ? -interval_ns : key == KEY_IS_RIGHT ? interval_ns :
	     key == '[' ? -TOP_HOUR_NS : key == ']' ? TOP_HOUR_NS : 0;
	top->move_ns += by;
	return by;
}

/* What guests are charged to is read with them, so it is known of the next ones. */
static void change_rows(struct top *top)
{
	top->wants_cgroups = !top->wants_cgroups;
	if (top->options->env.past)
		top_use_rows(top);
	else
		top_keep_message(top->wants_cgroups ? "the next interval is by control group" :
						  "the next interval is by guest");
}

void top_press(struct top *top, int key)
{
	struct top_choice *choice = &top->choice;

	if (top->status.prompt) {
		type(top, key);
		return;
	}
	if (top->is_help) {
		top->is_help = key == KEY_IS_RESIZE;
		return;
	}
	if (press_sort(choice, key) || press_past(top, key))
		return;
	switch (key) {
	case 'q':
		top->is_ended = true;
		break;
	case 'R':
		choice->is_reversed = !choice->is_reversed;
		break;
	case '/':
		strcpy(top->prompt, choice->filter);
		top->status.prompt = top->prompt;
		break;
	case KEY_IS_UP:
		choose_next(top, -1);
		break;
	case KEY_IS_DOWN:
		choose_next(top, 1);
		break;
	case KEY_IS_ESCAPE:
		top_choose_nothing(choice);
		break;
	case 'c':
		change_rows(top);
		break;
	case 'v':
		choice->panels = (choice->panels + 1) % NUM_TOP_PANELS;
		break;
	case ' ':
		top->status.is_paused = !top->status.is_paused;
		break;
	case '+':
	case '-':
		change_delay(top, key == '+');
		break;
	case 'h':
	case '?':
		top->is_help = true;
		break;
	}
}
