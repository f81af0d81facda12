// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "export/export.h"

static void export_up(struct metrics *metrics, bool is_up)
{
	metrics_family(metrics, METRIC_GAUGE, "l1tune_up",
		       "Whether the module l1tune is loaded.");
	metrics_number(metrics, is_up, "");
}

void export_absence(struct metrics *metrics)
{
	export_up(metrics, false);
}

static void export_build(struct metrics *metrics, const struct host *host)
{
	char *module = metrics_escape(host->module);

	metrics_family(metrics, METRIC_INFO, "l1tune_build",
		       "Versions of the module, of its interface and of the tool.");
	metrics_number(metrics, 1, "module=\"%s\",abi=\"%llu\",tool=\"%s\"",
		       module, (unsigned long long)host->abi, L1TUNE_VERSION);
	free(module);
}

/* On a cloud, DMI's vendor is the cloud and its product the instance type. */
static void export_machine(struct metrics *metrics, const struct host *host,
			   const struct machine *machine)
{
	char *hypervisor = metrics_escape(host->hypervisor);
	char *kernel = metrics_escape(host->kernel);
	char *isa = metrics_escape(host->isa);
	char *vendor = metrics_escape(machine->vendor);
	char *type = metrics_escape(machine->product);
	char *cpu = metrics_escape(machine->cpu);

	metrics_family(metrics, METRIC_INFO, "l1tune_machine",
		       "This machine, and the hypervisor below it.");
	metrics_number(metrics, 1,
		       "isa=\"%s\",virtualized=\"%u\",hypervisor=\"%s\",kernel=\"%s\",vendor=\"%s\",type=\"%s\",cpu=\"%s\"",
		       isa, !!host->virtualized, hypervisor, kernel, vendor, type, cpu);
	free(cpu);
	free(type);
	free(vendor);
	free(isa);
	free(kernel);
	free(hypervisor);
}

static void export_hooks(struct metrics *metrics, const struct host *host)
{
	size_t i;

	metrics_family(metrics, METRIC_INFO, "l1tune_hook",
		       "State of each hook into KVM: ok, off (not needed), waiting or detached (KVM is not loaded), or unavailable.");
	for (i = 0; i < host->num_hooks; i++) {
		char *name = metrics_escape(host->hooks[i].name);
		char *state = metrics_escape(host->hooks[i].state);

		metrics_number(metrics, 1, "hook=\"%s\",state=\"%s\"", name,
			       state);
		free(state);
		free(name);
	}
}

/* A difference of two of them could go back: each file is a metric of its own. */
static void export_totals(struct metrics *metrics, const struct host *host)
{
	static const struct {
		const char *file;
		const char *name;
		const char *help;
		bool is_ns;
	} totals[] = {
		{ "vms", "l1tune_host_vms", "VMs since load, including those without vCPUs." },
		{ "vcpus", "l1tune_host_vcpus", "vCPUs since load." },
		{ "exits", "l1tune_host_exits", "Exits since load, including guests that have ended." },
		{ "exit_time_ns", "l1tune_host_exit_seconds",
		  "Time from exits to the next entries since load, including guests that have ended.", true },
		{ "kernel_time_ns", "l1tune_host_kernel_seconds",
		  "Part of l1tune_host_exit_seconds: on a CPU in KVM.", true },
		{ "vmm_time_ns", "l1tune_host_vmm_seconds",
		  "Part of l1tune_host_exit_seconds: on a CPU in VMMs.", true },
		{ "vmm_sleep_time_ns", "l1tune_host_vmm_sleep_seconds",
		  "Part of l1tune_host_exit_seconds: VMMs asleep.", true },
		{ "halted_time_ns", "l1tune_host_halted_seconds",
		  "Part of l1tune_host_exit_seconds: vCPUs halted.", true },
		{ "blocked_time_ns", "l1tune_host_blocked_seconds",
		  "Part of l1tune_host_exit_seconds: asleep in KVM for another reason than HLT.", true },
		{ "runq_time_ns", "l1tune_host_runq_seconds",
		  "Part of l1tune_host_exit_seconds: runnable without a CPU.", true },
		{ "throttled_time_ns", "l1tune_host_throttled_seconds",
		  "Part of l1tune_host_exit_seconds: throttled by max_exits_per_sec.", true },
		{ "guest_time_ns", "l1tune_host_guest_seconds",
		  "Time in guests, including those that have ended.", true },
		{ "stolen_time_ns", "l1tune_host_stolen_seconds",
		  "Time that L0 took from guests and their exits, including those that have ended.", true },
		{ "unattributed", "l1tune_host_unattributed_exits",
		  "Exits of vCPUs that were unknown to the module; in no other count." },
		{ "unpaired_entries", "l1tune_host_unpaired_entries",
		  "Entries without an exit since the previous entry." },
		{ "lost_cells", "l1tune_host_lost_cells",
		  "Exits counted under the reason OTHER for lack of memory." },
		{ "nested_unadmitted", "l1tune_host_nested_unadmitted",
		  "vCPUs found in a nested guest without a slot of max_nested_vms." },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(totals); i++) {
		uint64_t value = host_count(&host->totals, totals[i].file);

		if (!host_has_count(&host->totals, totals[i].file))
			continue;
		metrics_family(metrics, METRIC_COUNTER, totals[i].name,
			       totals[i].help);
		if (totals[i].is_ns)
			metrics_seconds(metrics, value, "");
		else
			metrics_number(metrics, value, "");
	}
}

/* Those that died young, or have no record, are among the others. */
static void export_ended(struct metrics *metrics, const struct host *host)
{
	static const char *const among[] = { "young", "unkept" };
	size_t i;

	if (!host->ended.num)
		return;
	metrics_family(metrics, METRIC_COUNTER, "l1tune_guests_ended",
		       "Guests that ended since load, by kind of end.");
	for (i = 0; i < host->ended.num; i++) {
		const struct host_count *count = &host->ended.v[i];
		char *name;

		if (!strcmp(count->name, among[0]) || !strcmp(count->name, among[1]))
			continue;
		name = metrics_escape(count->name);
		metrics_number(metrics, count->value, "end=\"%s\"", name);
		free(name);
	}
	metrics_family(metrics, METRIC_COUNTER, "l1tune_guests_ended_young",
		       "Guests that ended within a second of their first exit, since load.");
	metrics_number(metrics, host_count(&host->ended, "young"), "");
}

/* A difference of counts of KVM's and ours, and exits may be between them. */
static void export_untraced(struct metrics *metrics, const struct host *host)
{
	if (!host_has_count(&host->totals, "untraced"))
		return;
	metrics_family(metrics, METRIC_GAUGE, "l1tune_host_untraced_exits",
		       "Exits that KVM counted but did not trace, or has not traced yet; in no other count.");
	metrics_number(metrics, host_count(&host->totals, "untraced"), "");
}

static void export_usage(struct metrics *metrics, const struct host *host)
{
	static const struct {
		const char *file;
		const char *name;
		const char *help;
	} usage[] = {
		{ "vms", "l1tune_vms", "Current VMs, including those without vCPUs." },
		{ "vcpus", "l1tune_vcpus", "Current vCPUs." },
		{ "memory_bytes", "l1tune_memory_bytes", "Sum of the peak memory of each current guest." },
		{ "nested_vms", "l1tune_nested_vms", "Guests that use VMX or SVM themselves." },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(usage); i++) {
		if (!host_has_count(&host->usage, usage[i].file))
			continue;
		metrics_family(metrics, METRIC_GAUGE, usage[i].name,
			       usage[i].help);
		metrics_number(metrics, host_count(&host->usage, usage[i].file),
			       "");
	}
}

void export_host(struct metrics *metrics, const struct host *host,
		 const struct machine *machine)
{
	export_up(metrics, true);
	export_build(metrics, host);
	export_machine(metrics, host, machine);
	metrics_family(metrics, METRIC_GAUGE, "l1tune_load_boottime_seconds",
		       "When the module was loaded, since boot: a change means that all counters restarted.");
	metrics_seconds(metrics, host->loaded_ns, "");
	export_hooks(metrics, host);
	export_totals(metrics, host);
	export_untraced(metrics, host);
	export_ended(metrics, host);
	export_usage(metrics, host);
}
