// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/escape.h"
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

/* Narrower than this, wrapped text is harder to read than a line that the terminal cuts. */
#define MIN_WRAPPED	20

unsigned int terminal_columns(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) ? 0 : size.ws_col;
}

void terminal_print(const char *fmt, ...)
{
	bool ends_line = fmt[strlen(fmt) - 1] == '\n';
	char *text, *shown;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	if (ends_line)
		text[strlen(text) - 1] = '\0';
	shown = escape_for_terminal(text);
	printf("%s%s", shown, ends_line ? "\n" : "");
	free(shown);
	free(text);
}

/* Its words in lines of WIDTH; TEXT is cut at spaces and newlines. */
static void print_words(char *text, unsigned int indent, unsigned int width)
{
	unsigned int column = indent;
	char *word, *rest;

	for (word = strtok_r(text, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest)) {
		unsigned int len = strlen(word);

		if (column > indent && column + 1 + len > width) {
			printf("\n%*s", indent, "");
			column = indent;
		}
		printf("%s%s", column > indent ? " " : "", word);
		column += len + (column > indent);
	}
	putchar('\n');
}

void terminal_wrap(const char *words, unsigned int indent, unsigned int width)
{
	char *shown = escape_for_terminal(words);

	if (width < indent + MIN_WRAPPED)
		printf("%s\n", shown);
	else
		print_words(shown, indent, width);
	free(shown);
}

static size_t longest_line(const char *text)
{
	size_t most = 0, len;

	for (;; text += len + 1) {
		len = strcspn(text, "\n");
		if (len > most)
			most = len;
		if (!text[len])
			return most;
	}
}

void terminal_print_text(const char *text, unsigned int indent)
{
	unsigned int width = terminal_columns();

	if (width >= indent + MIN_WRAPPED && indent + longest_line(text) > width) {
		char *words = xstrdup(text);

		print_words(words, indent, width);
		free(words);
		return;
	}
	for (; *text; text++) {
		putchar(*text);
		if (*text == '\n')
			printf("%*s", indent, "");
	}
	putchar('\n');
}

void terminal_print_entry(const char *name, unsigned int name_width, const char *text)
{
	printf("  %-*s", (int)name_width, name);
	terminal_print_text(text, 2 + name_width);
}

void print_and_free(const char *fmt, char *s)
{
	terminal_print(fmt, s);
	free(s);
}

/* The first failure: the stream's error flag lasts, errno does not. */
static int failure;

static void note_failure(int result)
{
	if ((result || ferror(stdout)) && !failure)
		failure = errno ? errno : EIO;
}

int terminal_flush(void)
{
	errno = 0;
	note_failure(fflush(stdout));
	return failure ? STATUS_FAILED : STATUS_OK;
}

int terminal_close(void)
{
	errno = 0;
	note_failure(fflush(stdout));
	/* Some file systems report errors only now; EBADF: it was never open. */
	if (close(STDOUT_FILENO) && errno != EBADF)
		note_failure(EOF);
	/* A reader that closed its end is no error. */
	if (failure && failure != EPIPE)
		complain("cannot write: %s", strerror(failure));
	return failure ? STATUS_FAILED : STATUS_OK;
}

void terminal_show_progress(const char *name, size_t done, size_t all)
{
	fputs("\r\033[K", stderr);
	if (name)
		fprintf(stderr, "%zu of %zu: %s ", done, all, name);
	fflush(stderr);
}
