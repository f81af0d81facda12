// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: scribble COUNT FILE…
 * Writes COUNT strings to each file, random and nearly valid ones: each must be
 * refused with EINVAL or ERANGE and change nothing, or be a value that the file
 * then has. Decides by itself what is valid. Status 1 if a file disagrees.
 */
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned int seed = 1;
static unsigned int nr_taken, nr_refused, nr_bad;

static unsigned int below(unsigned int n)
{
	return rand_r(&seed) % n;
}

static size_t make_text(char *text, size_t max)
{
	static const char * const words[] = {
		"max", "max\n", "default", "any", "0", "-1", "+1", " 1", "1 ", "0x10", "1e3", "64G", "64g",
		"1K\n", "1KB", "K", "99999999999999999999", "18446744073709551615",
		"18446744073709551616", "4294967295", "4294967296", "9223372036854775807",
		"9223372036854775808", "8388608T", "8388607T", "1P", "8192P", "8191P", "max max",
		"", "\n", "1\n2", "1\n\n", "00012", "maximum", "ma", "1000000000", "1000000001",
	};
	size_t i, len;

	switch (below(4)) {
	case 0:
		len = below(max);
		for (i = 0; i < len; i++)
			text[i] = below(256);
		return len;
	case 1:
		return snprintf(text, max, "%u%s", below(1u << (1 + below(30))), below(2) ? "\n" : "");
	case 2:
		len = snprintf(text, max, "%u%c", below(5000), "KMGTPkmgtpEBX,."[below(15)]);
		return len;
	default:
		return snprintf(text, max, "%s", words[below(sizeof(words) / sizeof(words[0]))]);
	}
}

/* The value that @text is for @file as the file shows it; false if none. */
static bool means(const char *file, const char *text, size_t len, char *value, size_t max)
{
	const char *name = strrchr(file, '/') + 1;
	bool bytes = strstr(name, "_bytes"), tune = strstr(file, "/tune/");
	bool uid = !strcmp(name, "uid"), only_1 = !strcmp(name, "pause_in_guest");
	const char *unset = uid ? "any" : tune || strstr(file, "/l2-") ? "default" : "max";
	uint64_t most = bytes ? INT64_MAX : uid ? UINT32_MAX - 1 : only_1 ? 1 : UINT32_MAX, n = 0;
	unsigned int shift = 0;
	size_t i;

	if (!strcmp(name, "max_exits_per_sec"))
		most = 1000000000;
	if (len && text[len - 1] == '\n')
		len--;
	if (!tune && len == 3 && !memcmp(text, "max", 3)) {
		snprintf(value, max, "max\n");
		return true;
	}
	if (len == strlen(unset) && !memcmp(text, unset, len)) {
		snprintf(value, max, "%s\n", unset);
		return true;
	}
	if (bytes && len && memchr("KMGTP", text[len - 1], 5))
		shift = 10 * (strchr("KMGTP", text[--len]) - "KMGTP" + 1);
	if (!len || len > 20)
		return false;
	for (i = 0; i < len; i++) {
		if (!isdigit((unsigned char)text[i]) || n > (most - (text[i] - '0')) / 10)
			return false;
		n = n * 10 + (text[i] - '0');
	}
	if (n > most >> shift || (only_1 && !n))
		return false;
	snprintf(value, max, "%llu\n", (unsigned long long)n << shift);
	return true;
}

static void read_value(int fd, char *value, size_t max)
{
	ssize_t n = pread(fd, value, max - 1, 0);

	if (n < 0)
		err(1, "read");
	value[n] = '\0';
}

static void scribble(const char *file, int fd)
{
	char text[64], before[64], after[64], wanted[64];
	size_t len = make_text(text, sizeof(text));
	bool valid = len && means(file, text, len, wanted, sizeof(wanted));
	ssize_t n;

	/* sysfs does not pass an empty write to the file's owner. */
	if (!len)
		return;
	read_value(fd, before, sizeof(before));
	n = pwrite(fd, text, len, 0);
	if (n < 0 && errno != EINVAL && errno != ERANGE) {
		warn("%s", file);
		nr_bad++;
	}
	read_value(fd, after, sizeof(after));
	if ((n == (ssize_t)len) != valid || strcmp(after, valid ? wanted : before)) {
		warnx("%s: '%.*s': %s, then %s", file, (int)len, text, n < 0 ? "refused" : "taken",
		      after);
		nr_bad++;
	}
	if (n < 0)
		nr_refused++;
	else
		nr_taken++;
}

int main(int argc, char **argv)
{
	unsigned int count, i;
	int arg, fd;

	if (argc < 3)
		errx(2, "usage: scribble COUNT FILE...");
	count = atoi(argv[1]);
	for (arg = 2; arg < argc; arg++) {
		fd = open(argv[arg], O_RDWR);
		if (fd < 0)
			err(1, "%s", argv[arg]);
		for (i = 0; i < count; i++)
			scribble(argv[arg], fd);
		close(fd);
	}
	printf("%u taken, %u refused, %u wrong\n", nr_taken, nr_refused, nr_bad);
	return nr_bad || !nr_taken || !nr_refused;
}
