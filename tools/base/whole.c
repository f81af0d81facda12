// SPDX-License-Identifier: GPL-2.0
#include <stddef.h>

#include "base/util.h"
#include "base/whole.h"

void whole_begin(struct whole *whole)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t waiting;
	size_t i;

	sigemptyset(&waiting);
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		sigaddset(&waiting, signals[i]);
	sigprocmask(SIG_BLOCK, &waiting, &whole->unblocked);
	sigaction(SIGPIPE, &ignore, &whole->of_pipe);
}

void whole_end(const struct whole *whole)
{
	sigaction(SIGPIPE, &whole->of_pipe, NULL);
	sigprocmask(SIG_SETMASK, &whole->unblocked, NULL);
}
