// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "scene.h"

static struct vcpu_snapshot vcpu_of_sample = {
	.stats = { .has[STAT_TID] = true, .value[STAT_TID] = TID },
};

const struct guest_snapshot guest_of_sample = {
	.vcpus = &vcpu_of_sample, .num_vcpus = 1,
};

void start(struct scene *s)
{
	*s = (struct scene){
		.env = { .sysfs = "/nowhere", .proc = "/nowhere" },
		.guest = {
			.guest = { .id = 1, .pid = 1000 },
			.interval_ns = NSEC_PER_SEC,
		},
		.facts = {
			.transit = { true, 10000, 10000 },
			.machine.num_cpus = 2, .num_vcpus = 1, .scale = 1,
		},
	};
	s->guest.stats.cells = s->cells;
	s->facts.env = &s->env;
	s->facts.host = &s->host;
	s->facts.guest = &s->guest;
	s->snapshot = (struct snapshot){ .guests = &s->guest, .num_guests = 1 };
	s->cpus.snapshot = &s->snapshot;
	s->facts.cpus = &s->cpus;
	s->facts.memory = &s->memory;
}

void exits(struct scene *s, const char *reason, uint64_t rate,
	   uint64_t kernel, uint64_t vmm)
{
	struct exit_cell *cell = &s->cells[s->guest.stats.num_cells++];
	const uint64_t ms = NSEC_PER_SEC / 1000;

	cell->key.level = 2;
	strcpy(cell->key.reason, reason);
	memset(cell->has, true, sizeof(cell->has));
	cell->value[CELL_COUNT] = rate;
	cell->value[CELL_TIME] = (kernel + vmm) * ms;
	cell->value[CELL_KERNEL] = kernel * ms;
	cell->value[CELL_VMM] = vmm * ms;
}

void set_cmdline(struct scene *s, const char *line)
{
	static char words[256];
	size_t i;

	for (i = 0; line[i]; i++)
		words[i] = line[i] == ' ' ? '\0' : line[i];
	words[i] = '\0';
	s->facts.cmdline = words;
	s->facts.cmdline_len = i + 1;
}

void sampled(struct scene *s, const struct access *list, size_t num)
{
	const struct sample sample = {
		.time_ns = NSEC_PER_SEC, .list = (struct access *)list, .num = num,
	};

	s->facts.is_sampled = true;
	s->facts.accesses = access_groups(&sample, &guest_of_sample);
}

void end(struct scene *s)
{
	cpus_of_guests_free(&s->cpus);
	free(s->facts.accesses.v);
	advice_free(&s->advice);
}

bool explains(struct scene *s, const struct symptom *symptom)
{
	advice_free(&s->advice);
	s->advice = (struct advice){ };
	return symptom_explain(symptom, &s->facts, &s->advice);
}

bool explains_by(struct scene *s, const struct symptom *symptom, const char *cause)
{
	return explains(s, symptom) && !strcmp(s->advice.name, cause);
}

bool is_near(double got, double wanted)
{
	return got > wanted * 0.999 && got < wanted * 1.001;
}
