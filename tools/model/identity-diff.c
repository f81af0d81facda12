// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "model/identity-caps.h"
#include "model/identity.h"

/* Measurements of the TSC agree if they differ by no more than 1/TSC_PARTS. */
#define TSC_PARTS	100
#define KHZ_PER_GHZ	1e6

static void start(char **text)
{
	if (**text)
		append(text, "; ");
}

static uint64_t number_of(const char *value)
{
	return strtoull(value, NULL, 16);
}

/* "VMX lost ept, pml", and what has no name as the register's bits. */
static void add_bits(char **text, const char *reg, const char *what, uint64_t has, uint64_t lacks)
{
	char *names;

	if (!(has & ~lacks))
		return;
	names = xstrdup("");
	identity_caps_missing(&names, reg, has, lacks);
	start(text);
	if (*names)
		append(text, "%s %s: %s", begins_with(reg, "msr_") ? "VMX" : "SVM", what, names);
	else
		append(text, "%s %s: bits %#llx", reg, what, (unsigned long long)(has & ~lacks));
	free(names);
}

static void add_register(char **text, const char *reg, const char *was, const char *is)
{
	add_bits(text, reg, "lost", number_of(was), number_of(is));
	add_bits(text, reg, "gained", number_of(is), number_of(was));
}

static bool is_register(const char *name)
{
	return begins_with(name, "msr_") || begins_with(name, "cpuid_");
}

/* The capabilities that are read now are newer than those of the module's load. */
static bool is_older(const struct identity *then, const struct identity *now, const char *name)
{
	char newer[64];

	if (!begins_with(name, "load:"))
		return false;
	snprintf(newer, sizeof(newer), "now:%s", name + 5);
	return identity_fact(then, newer) && identity_fact(now, newer);
}

static void add_fact(char **text, const char *name, const char *was, const char *is)
{
	const char *colon = strchr(name, ':'), *plain = colon ? colon + 1 : name;

	if (is_register(plain)) {
		add_register(text, plain, was, is);
	} else {
		start(text);
		append(text, "%s: %s, was %s", plain, is, was);
	}
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

static bool is_same_boot(const struct identity *then, const struct identity *now)
{
	return !strcmp(then->boot_id, now->boot_id);
}

static void add_tsc(char **text, const struct identity *then, const struct identity *now)
{
	double elapsed_ns = (double)now->raw_ns - then->raw_ns, jump_ns;

	if (!then->has_tsc || !now->has_tsc || !then->tsc_khz || !now->tsc_khz)
		return;
	if (distance(then->tsc_khz, now->tsc_khz) > then->tsc_khz / TSC_PARTS) {
		start(text);
		append(text, "TSC: %.2f GHz, was %.2f GHz", now->tsc_khz / KHZ_PER_GHZ,
		       then->tsc_khz / KHZ_PER_GHZ);
		return;
	}
	if (!is_same_boot(then, now) || elapsed_ns < 0 ||
	    distance(then->suspended_ns, now->suspended_ns) > NSEC_PER_SEC)
		return;
	jump_ns = ((double)now->tsc - then->tsc) / now->tsc_khz * 1e6 - elapsed_ns;
	if (jump_ns > NSEC_PER_SEC + elapsed_ns / TSC_PARTS ||
	    -jump_ns > NSEC_PER_SEC + elapsed_ns / TSC_PARTS) {
		start(text);
		append(text, "TSC: %.0f s %s than the clock", jump_ns < 0 ? -jump_ns / 1e9 : jump_ns / 1e9,
		       jump_ns < 0 ? "less" : "more");
	}
}

static void add_stolen(char **text, const struct identity *then, const struct identity *now)
{
	if (!is_same_boot(then, now) || !then->has_stolen || !now->has_stolen ||
	    now->stolen_ticks >= then->stolen_ticks)
		return;
	start(text);
	append(text, "the steal clock went back: %llu ticks, were %llu",
	       (unsigned long long)now->stolen_ticks, (unsigned long long)then->stolen_ticks);
}

char *identity_diff(const struct identity *then, const struct identity *now)
{
	char *text = xstrdup("");
	size_t i;

	for (i = 0; i < now->num_facts; i++) {
		const struct identity_fact *fact = &now->facts[i];
		const char *was = identity_fact(then, fact->name);

		if (was && strcmp(was, fact->value) && !is_older(then, now, fact->name))
			add_fact(&text, fact->name, was, fact->value);
	}
	add_tsc(&text, then, now);
	add_stolen(&text, then, now);
	return text;
}
