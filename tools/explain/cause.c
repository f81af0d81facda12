// SPDX-License-Identifier: GPL-2.0
/* Which causes of a symptom were shown, ruled out, or neither. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "explain/cause.h"

/* Adds what was seen to a list of such, if it is not among them. */
static void add_seen(char **seen, char *more)
{
	if (more && *seen)
		append(seen, "; %s", more);
	else if (more)
		*seen = xstrdup(more);
	free(more);
}

enum answer and_then(const struct facts *facts, enum answer first, clue_fn second, char **seen)
{
	enum answer answer;
	char *more = NULL;

	if (first != ANSWER_YES)
		return first;
	answer = second(facts, &more);
	add_seen(seen, more);
	return answer;
}

/* Reports the clue that decides; for an open cause, all that was seen. */
static struct looked look_for(const struct cause *cause,
			      const struct facts *facts)
{
	char *seen[3] = { };
	struct looked looked = {
		.cause = cause->title, .verdict = VERDICT_OPEN, .how = cause->how,
	};
	size_t i;

	for (i = 0; i < MAX_CLUES && cause->clues[i].look; i++) {
		const struct clue *clue = &cause->clues[i];
		enum verdict verdict = VERDICT_OPEN;
		char *text = NULL;

		switch (clue->look(facts, &text)) {
		case ANSWER_YES:
			verdict = clue->if_yes;
			break;
		case ANSWER_NO:
			verdict = clue->if_no;
			break;
		default:
			break;
		}
		if (verdict > looked.verdict)
			looked.verdict = verdict;
		add_seen(&seen[verdict], text);
	}
	looked.seen = seen[looked.verdict];
	for (i = 0; i < ARRAY_SIZE(seen); i++)
		if (i != looked.verdict)
			free(seen[i]);
	return looked;
}

static size_t count_of(const struct advice *advice, enum verdict verdict)
{
	size_t i, num = 0;

	for (i = 0; i < advice->num_looked; i++)
		num += advice->looked[i].verdict == verdict;
	return num;
}

/* Parts of a sample that differ by less are equal: the next sample may have it the other way. */
#define SAME_PART	0.95

static double part_of(const struct cause *cause, const struct facts *facts)
{
	return cause->part ? cause->part(facts) : 1;
}

static double largest_part(const struct symptom *symptom,
			   const struct facts *facts,
			   const struct advice *advice, enum verdict wanted)
{
	double most = 0;
	size_t i;

	for (i = 0; i < symptom->num_causes; i++) {
		double part = part_of(&symptom->causes[i], facts);

		if (advice->looked[i].verdict == wanted && part > most)
			most = part;
	}
	return most;
}

/*
 * The shown cause with the largest part, the first of equal ones; or, if none is
 * shown, the only one that is not ruled out.
 */
static const struct cause *find_cause(const struct symptom *symptom,
				      const struct facts *facts,
				      const struct advice *advice)
{
	enum verdict wanted = count_of(advice, VERDICT_SHOWN) ?
			      VERDICT_SHOWN : VERDICT_OPEN;
	double enough;
	size_t i;

	if (wanted == VERDICT_OPEN && count_of(advice, VERDICT_OPEN) != 1)
		return NULL;
	enough = largest_part(symptom, facts, advice, wanted) * SAME_PART;
	for (i = 0; i < symptom->num_causes; i++)
		if (advice->looked[i].verdict == wanted &&
		    part_of(&symptom->causes[i], facts) >= enough)
			return &symptom->causes[i];
	return NULL;
}

/* In words that begin with high, medium or low. */
static char *confidence_of(const struct advice *advice,
			   const struct cause *cause)
{
	size_t num_shown = count_of(advice, VERDICT_SHOWN);
	size_t num_open = count_of(advice, VERDICT_OPEN);

	if (!cause)
		return xasprintf("low: no cause was shown; ruled out: %zu of %zu",
				 count_of(advice, VERDICT_RULED_OUT), advice->num_looked);
	if (!num_shown)
		return xstrdup("medium: the other known causes were ruled out");
	if (num_shown > 1)
		return xasprintf("medium: %zu causes were shown; fix this one first",
				 num_shown);
	return num_open ?
	       xasprintf("medium: shown; not ruled out: %zu of %zu causes",
			 num_open, advice->num_looked) :
	       xstrdup("high: shown, and the other known causes were ruled out");
}

/* The program, which may have a version in its name. */
static bool is_named(const struct facts *facts, const char *text)
{
	static const char *const names[] = { "firecracker", "cloud-hypervisor", "crosvm" };
	const char *slash = strrchr(facts->cmdline, '/');
	const char *program = slash ? slash + 1 : facts->cmdline;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (begins_with(program, names[i]))
			return strcasestr(text, names[i]);
	return false;
}

/* Most options are named as QEMU has them; what all other VMMs call them is not known here. */
static char *change_of(const struct cause *cause, const struct facts *facts)
{
	char *text;

	if (!cause)
		return xstrdup("find out first which of the open causes it is, as described with each");
	text = cause->change ? xstrdup(cause->change) : cause->change_of(facts);
	if (facts->cmdline_len && !is_qemu(facts) && strstr(text, "QEMU") &&
	    !is_named(facts, text))
		append(&text, ". Its VMM does not appear to be QEMU: look for an option of it that does the same");
	return text;
}

struct gain gain_of_part(const struct facts *facts, const struct gain *all)
{
	(void)facts;
	if (all->kind == GAIN_UNKNOWN)
		return *all;
	return (struct gain){ GAIN_AT_MOST, 0, all->high,
			      .lacks_transit = all->lacks_transit };
}

struct gain gain_not_counted(const struct facts *facts, const struct gain *all)
{
	(void)facts;
	return (struct gain){ GAIN_UNKNOWN, 0, all->high };
}

bool symptom_explain(const struct symptom *symptom, const struct facts *facts,
		     struct advice *advice)
{
	const struct cause *cause;
	struct gain all;
	size_t i;

	if (!symptom->is_there(facts, advice))
		return false;
	for (i = 0; i < symptom->num_causes; i++) {
		struct looked looked = look_for(&symptom->causes[i], facts);

		*GROW(advice->looked, advice->num_looked) = looked;
	}
	/* All causes in the table are ruled out: it is one that the table lacks. */
	if (count_of(advice, VERDICT_RULED_OUT) == symptom->num_causes)
		*GROW(advice->looked, advice->num_looked) = (struct looked){
			.cause = "a cause unknown to l1tune",
			.how = symptom->how ? symptom->how :
			       "perf trace -p PID of the VMM, and perf kvm stat live",
		};
	cause = advice->num_looked == symptom->num_causes ?
		find_cause(symptom, facts, advice) : NULL;
	advice->symptom = symptom->name;
	advice->confidence = confidence_of(advice, cause);
	advice->name = cause ? cause->name : symptom->name;
	advice->title = cause ? cause->title : symptom->title;
	advice->owner = cause ? cause->owner : "not known";
	advice->risk = cause ? cause->risk : "none";
	advice->change = change_of(cause, facts);
	advice->change_for_all = cause ? cause->change_for_all : NULL;
	all = advice->gain;
	if (!cause)
		advice->gain = gain_of_part(facts, &all);
	else if (cause->gain)
		advice->gain = cause->gain(facts, &all);
	return true;
}
