// SPDX-License-Identifier: GPL-2.0
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "options.h"
#include "util.h"

#define MIN_INTERVAL	0.01
#define MAX_INTERVAL	86400.0

static int take_interval(struct options *options, const char *arg)
{
	char *end;
	double seconds = strtod(arg, &end);

	if (end == arg || *end || !isfinite(seconds) ||
	    seconds < MIN_INTERVAL || seconds > MAX_INTERVAL) {
		complain("the interval is a number of seconds from %g to %g",
			 MIN_INTERVAL, MAX_INTERVAL);
		return STATUS_USAGE;
	}
	options->interval_ns = seconds * NSEC_PER_SEC;
	return STATUS_OK;
}

static int take_count(struct options *options, const char *arg)
{
	if (parse_u64(arg, &options->count) || !options->count) {
		complain("the count is a number from 1");
		return STATUS_USAGE;
	}
	return STATUS_OK;
}

static int take(struct options *options, int option, const char *arg)
{
	switch (option) {
	case 'J':
		options->json = true;
		break;
	case 'h':
		options->help = true;
		break;
	case 'V':
		options->version = true;
		break;
	case 'a':
		options->all = true;
		break;
	case OPTION_VCPUS:
		options->vcpus = true;
		break;
	case 'o':
		options->columns = arg;
		break;
	case 'i':
		return take_interval(options, arg);
	case 'c':
		return take_count(options, arg);
	case OPTION_SYSFS:
		options->env.sysfs = arg;
		break;
	case OPTION_PROC:
		options->env.proc = arg;
		break;
	case OPTION_SORT:
		options->sort = arg;
		break;
	case OPTION_NOHEADINGS:
		options->style.noheadings = true;
		break;
	case OPTION_BYTES:
		options->style.bytes = true;
		break;
	default:
		/* getopt_long() has said what is wrong. */
		return STATUS_USAGE;
	}
	return STATUS_OK;
}

int options_parse(struct options *options, int argc, char *argv[],
		  const char *shorts, const struct option *longs)
{
	int option, status = STATUS_OK;

	while (status == STATUS_OK && !options->help && !options->version) {
		option = getopt_long(argc, argv, shorts, longs, NULL);
		if (option < 0)
			break;
		status = take(options, option, optarg);
	}
	if (status == STATUS_OK && !options->help && options->count &&
	    !options->interval_ns) {
		complain("a count (-c) needs an interval (-i)");
		status = STATUS_USAGE;
	}
	return status;
}

void options_print_common(void)
{
	printf("  -J, --json            one JSON document; with -i one a line\n"
	       "      --bytes           sizes in bytes and times in ns, not in units for people\n"
	       "      --sysfs DIR       what stands for /sys, as in a container\n"
	       "      --proc DIR        what stands for /proc\n"
	       "  -h, --help            this text\n");
}

void options_print_table(void)
{
	printf("  -i, --interval SEC    what happens in intervals, from now on\n"
	       "  -c, --count N         end after so many of them\n"
	       "  -o, --output COLUMNS  show these, or with +COLUMNS these too\n"
	       "      --sort COLUMN     largest first, text from A to Z; -COLUMN the other way\n"
	       "      --noheadings      no line of headings\n");
}
