// SPDX-License-Identifier: GPL-2.0
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/util.h"
#include "ui/options.h"

#define MIN_INTERVAL	0.01
#define MAX_INTERVAL	86400.0

/* Those that have no letter. */
enum {
	OPTION_SYSFS = 0x100,
	OPTION_PROC,
	OPTION_SORT,
	OPTION_NOHEADINGS,
	OPTION_BYTES,
	OPTION_VCPUS,
	OPTION_SUM,
	OPTION_ONCE,
	OPTION_DEV,
	OPTION_STATE,
	OPTION_COMPARE,
	OPTION_SAVE,
	OPTION_TRANSIT,
	OPTION_TEXTFILE,
	OPTION_BY_REASON,
	OPTION_CHECK,
	OPTION_LOAD,
	OPTION_SINCE_START,
	OPTION_FOR,
	OPTION_L2,
};

static const struct {
	unsigned int set;
	struct option option;
} known[] = {
	{ OPTIONS_COMMON, { "json", no_argument, NULL, 'J' } },
	{ OPTIONS_COMMON | OPTIONS_PLACES, { "help", no_argument, NULL, 'h' } },
	{ OPTIONS_COMMON | OPTIONS_PLACES, { "sysfs", required_argument, NULL,
					     OPTION_SYSFS } },
	{ OPTIONS_COMMON | OPTIONS_PLACES, { "proc", required_argument, NULL,
					     OPTION_PROC } },
	{ OPTIONS_COMMON, { "bytes", no_argument, NULL, OPTION_BYTES } },
	{ OPTIONS_COLUMNS, { "output", required_argument, NULL, 'o' } },
	{ OPTIONS_COLUMNS, { "sort", required_argument, NULL, OPTION_SORT } },
	{ OPTIONS_COLUMNS, { "noheadings", no_argument, NULL,
			     OPTION_NOHEADINGS } },
	{ OPTIONS_INTERVAL, { "interval", required_argument, NULL, 'i' } },
	{ OPTIONS_REPEAT, { "count", required_argument, NULL, 'c' } },
	{ OPTIONS_EVENTS, { "count", required_argument, NULL, 'c' } },
	{ OPTIONS_ALL, { "all", no_argument, NULL, 'a' } },
	{ OPTIONS_VCPUS, { "vcpus", no_argument, NULL, OPTION_VCPUS } },
	{ OPTIONS_SUM, { "sum", no_argument, NULL, OPTION_SUM } },
	{ OPTIONS_TOP, { "delay", required_argument, NULL, 'd' } },
	{ OPTIONS_TOP, { "count", required_argument, NULL, 'n' } },
	{ OPTIONS_LEVEL, { "level", required_argument, NULL, 'l' } },
	{ OPTIONS_TOP, { "once", no_argument, NULL, OPTION_ONCE } },
	{ OPTIONS_MACHINE, { "dev", required_argument, NULL, OPTION_DEV } },
	{ OPTIONS_MACHINE | OPTIONS_TRANSIT | OPTIONS_ADVISE, { "state", required_argument, NULL,
					       OPTION_STATE } },
	{ OPTIONS_TRANSIT, { "transit", no_argument, NULL,
			     OPTION_TRANSIT } },
	{ OPTIONS_COMPARE, { "compare", required_argument, NULL,
			     OPTION_COMPARE } },
	{ OPTIONS_SAVE, { "save", no_argument, NULL, OPTION_SAVE } },
	{ OPTIONS_EXPORT, { "textfile", required_argument, NULL,
			    OPTION_TEXTFILE } },
	{ OPTIONS_EXPORT, { "by-reason", no_argument, NULL,
			    OPTION_BY_REASON } },
	{ OPTIONS_APPLY, { "check", no_argument, NULL, OPTION_CHECK } },
	{ OPTIONS_APPLY, { "load", no_argument, NULL, OPTION_LOAD } },
	{ OPTIONS_ADVISE, { "since-start", no_argument, NULL,
			    OPTION_SINCE_START } },
	{ OPTIONS_TRY, { "for", required_argument, NULL, OPTION_FOR } },
	{ OPTIONS_TRY, { "l2", required_argument, NULL, OPTION_L2 } },
	{ OPTIONS_MAIN, { "version", no_argument, NULL, 'V' } },
};

/* What getopt_long() wants, of the options of some sets. */
struct wanted {
	char shorts[2 + 2 * ARRAY_SIZE(known)];
	struct option longs[ARRAY_SIZE(known) + 1];
};

static void want(struct wanted *wanted, unsigned int sets)
{
	struct option *next = wanted->longs;
	char *letter = wanted->shorts;
	size_t i;

	*wanted = (struct wanted){ };
	if (sets & OPTIONS_MAIN)
		*letter++ = '+';
	for (i = 0; i < ARRAY_SIZE(known); i++) {
		const struct option *option = &known[i].option;

		if (!(known[i].set & sets))
			continue;
		*next++ = *option;
		if (option->val >= OPTION_SYSFS)
			continue;
		*letter++ = option->val;
		if (option->has_arg)
			*letter++ = ':';
	}
}

static int take_interval(struct options *options, const char *arg,
			 bool may_have_unit)
{
	char *end;
	double seconds = strtod(arg, &end);

	if (may_have_unit && end != arg && *end == 's')
		end++;
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

static int take_level(struct options *options, const char *arg)
{
	if (parse_u64(arg, &options->level) || options->level < 2 ||
	    options->level > 3) {
		complain("the level is 2, the guest itself, or 3, a guest inside it");
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
	case OPTION_SUM:
		options->sum = true;
		break;
	case 'o':
		options->columns = arg;
		break;
	case OPTION_ONCE:
		options->once = true;
		break;
	case 'l':
		return take_level(options, arg);
	case 'i':
	case 'd':
		return take_interval(options, arg, false);
	case OPTION_FOR:
		return take_interval(options, arg, true);
	case OPTION_L2:
		options->guest = arg;
		break;
	case 'c':
	case 'n':
		return take_count(options, arg);
	case OPTION_SYSFS:
		options->env.sysfs = arg;
		break;
	case OPTION_PROC:
		options->env.proc = arg;
		break;
	case OPTION_DEV:
		options->env.dev = arg;
		break;
	case OPTION_STATE:
		options->env.state = arg;
		break;
	case OPTION_COMPARE:
		options->compare = arg;
		break;
	case OPTION_TRANSIT:
		options->transit = true;
		break;
	case OPTION_SAVE:
		options->save = true;
		break;
	case OPTION_TEXTFILE:
		options->textfile = arg;
		break;
	case OPTION_BY_REASON:
		options->by_reason = true;
		break;
	case OPTION_CHECK:
		options->check = true;
		break;
	case OPTION_LOAD:
		options->load = true;
		break;
	case OPTION_SINCE_START:
		options->since_start = true;
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
		  unsigned int sets)
{
	struct wanted wanted;
	int option, status = STATUS_OK;

	want(&wanted, sets);
	while (status == STATUS_OK && !options->help && !options->version) {
		option = getopt_long(argc, argv, wanted.shorts,
				     wanted.longs, NULL);
		if (option < 0)
			break;
		status = take(options, option, optarg);
	}
	if (status == STATUS_OK && !options->help && options->count &&
	    !options->interval_ns && !(sets & OPTIONS_EVENTS)) {
		complain("a count (-c) needs an interval (-i)");
		status = STATUS_USAGE;
	}
	return status;
}

void options_print_common(void)
{
	printf("  -J, --json            one JSON document; with -i one a line\n"
	       "      --bytes           sizes in bytes and times in ns, not in units for people\n");
	options_print_places();
}

void options_print_places(void)
{
	printf("      --sysfs DIR       what stands for /sys, as in a container\n"
	       "      --proc DIR        what stands for /proc\n"
	       "  -h, --help            this text\n");
}

void options_print_table(void)
{
	printf("  -i, --interval SEC    what happens in intervals, from now on\n"
	       "  -c, --count N         end after so many of them\n");
	options_print_columns();
}

void options_print_columns(void)
{
	printf("  -o, --output COLUMNS  show these, or with +COLUMNS these too\n"
	       "      --sort COLUMN     largest first, text from A to Z; -COLUMN the other way\n"
	       "      --noheadings      no line of headings\n");
}
