// SPDX-License-Identifier: GPL-2.0
/* huge_pages=collapse of l1tune tune and l1tune try, and its messages. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/format.h"
#include "base/terminal.h"
#include "base/util.h"
#include "base/wait.h"
#include "cmd/collapse.h"
#include "explain/kvm-counts.h"
#include "model/json.h"

#define BAR_COLUMNS	30

/* KVM maps large pages when the guest uses them. */
#define MOST_WAIT_NS	(2 * NSEC_PER_SEC)
#define LOOK_NS		(NSEC_PER_SEC / 10)

/* What KVM itself says of large pages, before and after. */
struct large_pages {
	struct kvm_count before, after;
};

static void show_progress(uint64_t done, uint64_t all)
{
	char *has = format_bytes(done), *wants = format_bytes(all);
	int bar = all ? done * BAR_COLUMNS / all : BAR_COLUMNS, i;

	fputs("\r\033[K[", stderr);
	for (i = 0; i < BAR_COLUMNS; i++)
		fputc(i < bar ? '#' : '.', stderr);
	fprintf(stderr, "] %s of %s ", has, wants);
	fflush(stderr);
	free(has);
	free(wants);
}

static struct kvm_count read_large_pages(const struct env *env,
					 const struct guest *guest)
{
	const struct guest_snapshot without_vcpus = { .guest = *guest };

	return kvm_count_read(env, &without_vcpus, KVM_LARGE_PAGES);
}

/* Until KVM maps as many more as were collapsed, or for some time. */
static void wait_for_large_pages(const struct options *options,
				 const struct guest *guest, uint64_t collapsed,
				 struct large_pages *pages)
{
	uint64_t end = monotonic_ns() + MOST_WAIT_NS;

	do {
		pages->after = read_large_pages(&options->env, guest);
		if (!pages->after.is_known ||
		    pages->after.value >= pages->before.value + collapsed / HUGE_BYTES)
			break;
	} while (monotonic_ns() < end &&
		 wait_until(monotonic_ns() + LOOK_NS, -1) != WAIT_END);
}

static void print_large_pages(const struct large_pages *pages, uint64_t collapsed)
{
	if (!pages->after.is_known || !pages->before.is_known) {
		int err = pages->after.is_known ? pages->before.err : pages->after.err;

		terminal_print("KVM      large pages: not known: %s\n",
			       kvm_count_why_not(err));
		return;
	}
	printf("KVM      %llu large pages mapped, %llu before%s\n",
	       (unsigned long long)pages->after.value,
	       (unsigned long long)pages->before.value,
	       pages->after.value < pages->before.value + collapsed / HUGE_BYTES ?
	       "; the rest when the guest uses them" : "");
}

static void print_stall(const struct options *options,
			const struct collapse_result *result)
{
	char *seen = format_ns(result->stall_ns);
	char *bound = format_ns(options->most_stall_ns);

	printf("stall    longest wait of a vCPU for memory: %s%s, bound %s\n",
	       result->is_stall_at_most ? "at most " : "",
	       result->stall_ns ? seen : "none seen", bound);
	if (result->is_pressure_unknown)
		puts("pressure not checked: this kernel has no /proc/pressure/memory (psi=1)");
	free(seen);
	free(bound);
}

static void print(const struct options *options, const struct guest *guest,
		  const struct collapse_result *result,
		  const struct large_pages *pages)
{
	size_t backing, fate;

	char *id = xasprintf("l2-%llu", (unsigned long long)guest->id);

	terminal_print("%-8s %s\n", id, guest->name);
	free(id);
	for (fate = 0; fate < NUM_FATES; fate++)
		for (backing = 0; backing < NUM_BACKINGS; backing++) {
			uint64_t bytes = result->bytes[backing][fate];
			char *text = format_bytes(bytes);

			if (bytes)
				printf("%-8s %s: %s\n", text, backing_names[backing],
				       collapse_fates[fate].text);
			free(text);
		}
	if (result->has_more)
		puts("more     the guest has more memory slots than the module lists; the rest is left alone");
	if (options->check)
		return;
	print_large_pages(pages, collapse_bytes(result, FATE_COLLAPSED));
	print_stall(options, result);
}

static json_t *ranges_to_json(const struct collapse_result *result)
{
	json_t *array = json_array();
	size_t backing, fate;

	for (fate = 0; fate < NUM_FATES; fate++)
		for (backing = 0; backing < NUM_BACKINGS; backing++) {
			json_t *one;

			if (!result->bytes[backing][fate])
				continue;
			one = json_object();
			json_set(one, "backing", json_text(backing_names[backing]));
			json_set(one, "result", json_text(collapse_fates[fate].name));
			json_set(one, "what", json_text(collapse_fates[fate].text));
			json_set(one, "bytes", json_number(result->bytes[backing][fate]));
			json_array_append_new(array, one);
		}
	return array;
}

static int print_json(const struct options *options, const struct host *host,
		      const struct guest *guest,
		      const struct collapse_result *result,
		      const struct large_pages *pages)
{
	json_t *json = json_object();

	json_set(json, "id", json_number(guest->id));
	json_set(json, "name", json_text(guest->name));
	json_set(json, "check", json_boolean(options->check));
	json_set(json, "ranges", ranges_to_json(result));
	json_set(json, "has_more_slots", json_boolean(result->has_more));
	json_set(json, "pages_2m_before", json_number_or_null(pages->before.is_known,
							      pages->before.value));
	json_set(json, "pages_2m", json_number_or_null(pages->after.is_known,
						       pages->after.value));
	json_set(json, "stall_ns", json_number_or_null(!options->check,
						       result->stall_ns));
	json_set(json, "stall_is_upper_bound", json_boolean(result->is_stall_at_most));
	json_set(json, "max_stall_ns", json_number(options->most_stall_ns));
	json_set(json, "pressure_known", json_boolean(!options->check &&
						      !result->is_pressure_unknown));
	json_set(json, "stopped", json_text(result->stopped));
	return json_print_value(host, "collapse", json);
}

/* Memory that is in huge pages already is no failure. */
static int conclude(const struct options *options, const struct guest *guest,
		    const struct collapse_result *result)
{
	if (result->stopped) {
		complain("stopped: %s; what was collapsed stays collapsed", result->stopped);
		return STATUS_FAILED;
	}
	if (collapse_bytes(result, FATE_COLLAPSED) || collapse_bytes(result, FATE_HUGE) ||
	    (options->check && collapse_bytes(result, FATE_POSSIBLE)))
		return STATUS_OK;
	complain("no memory of %s %s", guest->name, options->check ?
		 "can be collapsed" : "was collapsed");
	return STATUS_FAILED;
}

int collapse_guest(const struct options *options, const struct host *host,
		   const struct guest *guest, bool is_quiet)
{
	bool has_bar = isatty(STDERR_FILENO) && !options->json;
	const struct collapse_request request = {
		.env = &options->env, .host = host, .guest = guest,
		.most_stall_ns = options->most_stall_ns,
		.is_check = options->check,
		.progress = has_bar ? show_progress : NULL,
	};
	struct large_pages pages = { read_large_pages(&options->env, guest) };
	struct collapse_result result;
	int status, printed = STATUS_OK;

	wait_catch_signals();
	status = collapse_run(&request, &result);
	if (has_bar)
		terminal_show_progress(NULL, 0, 0);
	if (status == STATUS_OK) {
		pages.after = pages.before;
		if (collapse_bytes(&result, FATE_COLLAPSED))
			wait_for_large_pages(options, guest,
					     collapse_bytes(&result, FATE_COLLAPSED),
					     &pages);
		if (!is_quiet && options->json)
			printed = print_json(options, host, guest, &result, &pages);
		else if (!is_quiet)
			print(options, guest, &result, &pages);
		status = conclude(options, guest, &result);
	}
	collapse_result_free(&result);
	return status == STATUS_OK ? printed : status;
}
