// SPDX-License-Identifier: GPL-2.0
/* The line of keys, and the help of top. */
#include <stdlib.h>

#include "base/escape.h"
#include "base/util.h"
#include "ui/top-view.h"

void top_draw_keys(const struct top_status *status, struct frame *frame)
{
	static const char *const keys[][2] = {
		{ "q", "quit" }, { "bekmzlortgni", "sort" }, { "R", "reverse" },
		{ "/", "filter" }, { "up/down", "guest" }, { "v", "view" },
		{ "h", "help" },
	};
	static const char *const past_keys[][2] = {
		{ "q", "quit" }, { "left/right", "back, forward" }, { "[ ]", "an hour" },
		{ "/", "filter" }, { "up/down", "guest" }, { "v", "view" }, { "h", "help" },
	};
	const char *const (*shown)[2] = status->is_past ? past_keys : keys;
	size_t i;

	frame_line(frame);
	if (status->prompt) {
		char *typed = escape_for_terminal(status->prompt);

		frame_add(frame, FRAME_KEY, xasprintf("filter: %s_", typed));
		frame_add(frame, FRAME_DIM, xstrdup("  part of a name, 3, pid:N, uid:N, name:GLOB; Enter, Esc"));
		free(typed);
		return;
	}
	if (status->message) {
		frame_add(frame, FRAME_MESSAGE,
			  escape_for_terminal(status->message));
		return;
	}
	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		frame_add(frame, FRAME_KEY,
			  xasprintf("%s%s", i ? "  " : "", shown[i][0]));
		frame_add(frame, FRAME_DIM, xasprintf(" %s", shown[i][1]));
	}
}

void top_draw_help(struct frame *frame)
{
	static const char *const lines[] = {
		"Sort:   b busy      e exits     k kernel   m vmm      z vmm asleep",
		"        l halted    o blocked   r runq     t throttled s stolen",
		"        g guest     n name      i id",
		"        R reverses the order",
		"",
		"Guests: / shows those with part of the name, or 3, pid:N, uid:N,",
		"          name:GLOB, cgroup:GLOB, tenant:PATH; an empty filter shows all",
		"        up, down: one guest's reasons; Esc: those of all",
		"",
		"View:   v guests and reasons, guests, reasons   c guests or control groups",
		"        space pauses   + - change the interval   q quits",
		"Replay: left, right: the interval before and after; [ ] an hour",
		"",
		"KERNEL  on a CPU in KVM, halt polling included",
		"VMM     on a CPU in the VMM; SLEEP: the VMM asleep, as while a guest is paused",
		"HALTED  asleep as the vCPU is halted; BLOCK: asleep in KVM, for a page, a mutex",
		"RUNQ    runnable without a CPU; THROT: asleep for a limit",
		"GUEST   in the guest itself; BUSY: KERNEL and VMM",
		"STOLEN  taken by L0, a part of all of these; shown if L0 reports it",
		"100% is one CPU; bars are parts of what the vCPUs could have.",
		"",
		"Any key returns.",
	};
	size_t i;

	frame_line(frame);
	frame_add(frame, FRAME_TITLE, xstrdup("l1tune top"));
	frame_line(frame);
	for (i = 0; i < ARRAY_SIZE(lines); i++) {
		frame_line(frame);
		frame_add(frame, FRAME_NORMAL, xstrdup(lines[i]));
	}
}
