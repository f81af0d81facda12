// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/terminal.h"
#include "base/util.h"

bool terminal_has_colors(void)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no_color && *no_color) &&
	       term && *term && strcmp(term, "dumb");
}

static const char *sequence(const char *s)
{
	return terminal_has_colors() ? s : "";
}

const char *terminal_bold(void)
{
	return sequence("\033[1m");
}

const char *terminal_warning(void)
{
	return sequence("\033[33m");
}

const char *terminal_alarm(void)
{
	return sequence("\033[31m");
}

const char *terminal_normal(void)
{
	return sequence("\033[0m");
}

unsigned int terminal_columns(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) ? 0 : size.ws_col;
}

int terminal_flush(void)
{
	/* Not kept across calls: the stream's error flag lasts, errno does not. */
	errno = 0;
	if (!fflush(stdout) && !ferror(stdout))
		return STATUS_OK;
	if (errno != EPIPE)
		complain("cannot write: %s",
			 errno ? strerror(errno) : "output was lost");
	return STATUS_FAILED;
}
