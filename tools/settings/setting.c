// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/nearest.h"
#include "base/sysfs.h"
#include "model/hlt-exits.h"
#include "model/machine.h"
#include "settings/limit-value.h"
#include "settings/setting.h"

static const char *parse_limit(const struct setting *setting, const char *text,
			       char **value)
{
	uint64_t number;
	const char *wrong = limit_parse_value(setting->limit, text, &number);

	if (!wrong)
		*value = limit_value_text(number);
	return wrong;
}

/* In the largest unit that leaves no remainder. */
static char *show_limit(const struct setting *setting, const char *value)
{
	static const char units[] = "KMGTP";
	size_t power = 0;
	uint64_t number;

	if (!setting->limit->is_bytes || parse_u64(value, &number) || !number)
		return xstrdup(value);
	while (number % 1024 == 0 && power < strlen(units)) {
		number /= 1024;
		power++;
	}
	return xasprintf("%llu%.*s", (unsigned long long)number, !!power,
			 power ? &units[power - 1] : "");
}

static const char *parse_tune(const struct setting *setting, const char *text,
			      char **value)
{
	bool is_user = !strcmp(setting->unset, "any");
	uint64_t number;

	if (strcmp(text, setting->unset)) {
		if (parse_u64(text, &number))
			return is_user ? "neither any nor a uid" :
					 "neither default nor a number";
		if (number > setting->most)
			return "too large";
		if (number < setting->least)
			return "exits cannot be forced: use default or 1";
	}
	*value = xstrdup(text);
	return NULL;
}

static const char *parse_action(const struct setting *setting, const char *text,
				char **value)
{
	if (strcmp(text, setting->unset))
		return "the only value is collapse";
	*value = xstrdup(text);
	return NULL;
}

/* Its module knows what it takes. */
static const char *parse_param(const struct setting *setting, const char *text,
			       char **value)
{
	(void)setting;
	*value = xstrdup(text);
	return NULL;
}

static const char *parse_group(const struct setting *setting, const char *text,
			       char **value)
{
	const struct group *group;
	uint64_t gid;

	(void)setting;
	if (parse_u64(text, &gid)) {
		group = getgrnam(text);
		if (!group)
			return "no such group: use a name from getent group, or a number";
		gid = group->gr_gid;
	}
	/* The largest number is not a gid. */
	if (gid >= UINT32_MAX)
		return "too large for a gid";
	*value = xasprintf("%llu", (unsigned long long)gid);
	return NULL;
}

static char *show_text(const struct setting *setting, const char *value)
{
	(void)setting;
	return xstrdup(value);
}

#define TUNE(_name, _unset, _least, _most, _what, ...)			\
	{ .kind = SETTING_TUNE, .name = _name, .conf_name = "tune." _name,	\
	  .path = "tune/" _name, .unset = _unset, .least = _least,	\
	  .most = _most, .what = _what, .parse = parse_tune,		\
	  .show = show_text, __VA_ARGS__ }
#define PARAM(_module, _name, _what)					\
	{ .kind = SETTING_PARAM, .name = _module "." _name,		\
	  .path = _module "/parameters/" _name, .what = _what,		\
	  .parse = parse_param, .show = show_text }

/* uid is set before the settings that need one. */
static const struct setting others[] = {
	TUNE("uid", "any", 0, UINT32_MAX - 1,
	     "uid whose new guests get the next three settings, or any"),
	TUNE("halt_poll_ns", "default", 0, UINT32_MAX,
	     "how long a halted vCPU polls before it sleeps; 0: never polls",
	     .is_guests = true),
	TUNE("pause_in_guest", "default", 1, 1,
	     "1: spinning on PAUSE does not exit; for vCPUs with a CPU each"),
	TUNE("hlt_in_guest", "default", 1, 1,
	     "1: HLT does not exit and keeps the CPU; for vCPUs with a CPU each"),
	{ .kind = SETTING_ACTION, .name = "huge_pages", .unset = "collapse",
	  .what = "collapse: puts the memory of a running guest into 2M pages",
	  .is_guests = true, .parse = parse_action, .show = show_text },
	PARAM("kvm", "halt_poll_ns", "how long halted vCPUs of all guests poll at most; 0: never"),
	PARAM("kvm", "halt_poll_ns_grow", "factor by which polling grows when too short; 0: never"),
	PARAM("kvm", "halt_poll_ns_grow_start", "value that it grows from"),
	PARAM("kvm", "halt_poll_ns_shrink", "divisor by which it shrinks; 0: to 0 at once"),
	PARAM("kvm", "nx_huge_pages", "split large pages that the guest executes (iTLB multihit); costs EPT violations"),
	PARAM("kvm", "nx_huge_pages_recovery_ratio", "1/N of the split pages is merged again per period; 0: none"),
	PARAM("kvm", "eager_page_split", "split large pages when dirty logging starts, not at each write"),
	PARAM("kvm", "pi_inject_timer", "1: another CPU injects timer interrupts, if the guest has APICv and HLT or MWAIT without exits"),
	PARAM("kvm", "min_timer_period_us", "the shortest period of a guest's APIC timer"),
	PARAM("kvm", "tdp_mmu", "the MMU that handles faults in parallel"),
	PARAM("kvm", "lapic_timer_advance_ns", "start timers early and spin for the rest; -1: as measured"),
	PARAM("kvm", "lapic_timer_advance", "the same for KVM without a number: Y: as measured; N: not early"),
	PARAM("kvm", "mmio_caching", "remember which addresses are devices: EPT_MISCONFIG instead of EPT_VIOLATION"),
	PARAM("kvm", "ignore_msrs", "MSRs that KVM does not know read as 0, and writes are ignored; N: #GP"),
	PARAM("kvm_intel", "vmentry_l1d_flush", "flush L1D before entries (L1TF), unless L0 says that it does"),
	PARAM("kvm_intel", "ple_gap", "cycles between PAUSEs of one loop; 0: no exits for PAUSE"),
	PARAM("kvm_intel", "ple_window", "cycles in a loop before PAUSE exits"),
	PARAM("kvm_intel", "enable_apicv", "the CPU virtualizes the guest's APIC, if L0 offers it"),
	PARAM("kvm_intel", "preemption_timer", "use the VMX preemption timer for guest timers; L0 emulates it"),
	PARAM("kvm_intel", "ept", "the CPU walks the guest's page tables; without it each change exits"),
	PARAM("kvm_intel", "eptad", "accessed and dirty bits in EPT"),
	PARAM("kvm_intel", "vpid", "TLB entries survive exits"),
	PARAM("kvm_intel", "unrestricted_guest", "run real mode without emulation"),
	PARAM("kvm_intel", "pml", "the CPU logs dirty pages, if L0 offers it"),
	PARAM("kvm_intel", "enlightened_vmcs", "keep the VMCS in memory shared with L0, if L0 is Hyper-V"),
	PARAM("kvm_intel", "nested", "guests may run guests"),
	PARAM("kvm_amd", "npt", "the CPU walks the guest's page tables; without it each change exits"),
	PARAM("kvm_amd", "avic", "the CPU virtualizes the guest's APIC, if L0 offers it"),
	PARAM("kvm_amd", "pause_filter_count", "PAUSEs in a loop before PAUSE exits; 0: never"),
	PARAM("kvm_amd", "vgif", "a nested hypervisor's global interrupt flag without exits"),
	PARAM("kvm_amd", "vls", "a nested hypervisor's VMLOAD and VMSAVE without exits"),
	PARAM("kvm_amd", "nested", "guests may run guests"),
	{ .kind = SETTING_LOAD, .conf_name = "gid", .unset = "0",
	  .path = "l1tune/parameters/gid", .parse = parse_group,
	  .show = show_text },
};

static struct setting of_limit(const struct limit_kind *kind, bool is_audit)
{
	const char *name = is_audit ? xasprintf("audit.%s", kind->name) :
				      kind->name;

	return (struct setting) {
		.kind = is_audit ? SETTING_AUDIT : SETTING_LIMIT,
		.name = name, .conf_name = name, .limit = kind, .unset = "max",
		.path = xasprintf("%s/%s", is_audit ? "audit" : "limits", kind->name),
		.what = kind->help,
		.is_guests = !is_audit && kind->is_guests,
		.parse = parse_limit, .show = show_limit,
	};
}

static struct setting of_tenant(const struct limit_kind *kind, bool is_audit)
{
	struct setting setting = of_limit(kind, is_audit);

	setting.kind = SETTING_TENANT;
	setting.conf_name = NULL;
	return setting;
}

const struct setting *settings_all(size_t *num)
{
	static struct setting all[2 * NUM_LIMITS + 2 * NUM_TENANT_LIMITS + ARRAY_SIZE(others)];
	struct setting *tenants = &all[2 * NUM_LIMITS];
	size_t i;

	*num = ARRAY_SIZE(all);
	if (all[0].name)
		return all;
	for (i = 0; i < NUM_LIMITS; i++) {
		all[i] = of_limit(&limit_kinds[i], false);
		all[NUM_LIMITS + i] = of_limit(&limit_kinds[i], true);
	}
	for (i = 0; i < NUM_TENANT_LIMITS; i++) {
		tenants[i] = of_tenant(&tenant_limit_kinds[i], false);
		tenants[NUM_TENANT_LIMITS + i] = of_tenant(&tenant_limit_kinds[i], true);
	}
	memcpy(&tenants[2 * NUM_TENANT_LIMITS], others, sizeof(others));
	return all;
}

const struct setting *setting_at(size_t i, unsigned int kinds)
{
	const struct setting *s;
	size_t num;

	for (s = settings_all(&num); num--; s++)
		if (s->kind & kinds && !i--)
			return s;
	return NULL;
}

/* By name, or without kinds by conf_name; the others are offered to nearest. */
static const struct setting *look_up(unsigned int kinds, struct nearest *nearest)
{
	const struct setting *s;
	size_t num;

	for (s = settings_all(&num); num--; s++) {
		const char *name = kinds ? s->name : s->conf_name;

		if (!name || (kinds && !(s->kind & kinds)))
			continue;
		if (!strcmp(name, nearest->word))
			return s;
		nearest_offer(nearest, name);
	}
	return NULL;
}

const struct setting *setting_find(const char *name, unsigned int kinds)
{
	return look_up(kinds, &(struct nearest){ .word = name });
}

const struct setting *setting_find_conf(const char *name)
{
	return setting_find(name, 0);
}

static int unknown(const char *name, unsigned int kinds, const char *otherwise,
		   struct error *error)
{
	struct nearest nearest = { .word = name };
	char *text;

	if (kinds == SETTING_TENANT && setting_find(name, SETTING_LIMIT | SETTING_AUDIT))
		return error_set(error, "a tenant has no %s: set it for this host", name);
	if ((!kinds || kinds & SETTING_LIMIT) && setting_find(name, SETTING_TENANT))
		return error_set(error, "%s is a limit of tenants: set it for a cgroup, or as that of tenant:/ for all guests",
				 name);
	look_up(kinds, &nearest);
	text = nearest_text(&nearest, otherwise);
	error_set(error, "unknown setting '%s'%s", name, text);
	free(text);
	return STATUS_USAGE;
}

int setting_unknown(const char *name, unsigned int kinds, struct error *error)
{
	return unknown(name, kinds, ": --help lists the settings; for a guest whose name contains =, use name:NAME",
		       error);
}

int setting_unknown_conf(const char *name, bool is_tenants, struct error *error)
{
	return unknown(name, is_tenants ? SETTING_TENANT : 0, ": l1tune.conf(5) lists them", error);
}

/* Below the class, or with is_whole from the root. */
static char *path_of(const struct setting *setting, const struct env *env,
		     const char *device, bool *is_whole)
{
	*is_whole = setting->kind & (SETTING_PARAM | SETTING_LOAD);
	if (*is_whole)
		return xasprintf("%s/module/%s", env->sysfs, setting->path);
	return xasprintf("%s/%s", device ? device : "l1", setting->path);
}

int setting_read(const struct setting *setting, const struct env *env,
		 const char *device, char *value, size_t size)
{
	bool is_whole;
	char *path = path_of(setting, env, device, &is_whole);
	int len = sysfs_read(is_whole ? AT_FDCWD : env->class_fd, path, value, size);

	free(path);
	return len;
}

int setting_read_guest(const struct setting *setting, const struct env *env,
		       const struct guest *guest, char *value, size_t size)
{
	char *device = guest_device(guest);
	int len = setting_read(setting, env, device, value, size);

	free(device);
	return len;
}

int setting_complain(const struct setting *setting, const struct env *env,
		     const char *device, int err)
{
	bool is_whole;
	char *path = path_of(setting, env, device, &is_whole);
	int status = env_complain(env, path, err);

	free(path);
	return status;
}

bool setting_needs_reload(const struct setting *setting, const struct env *env)
{
	bool is_whole, is_fixed;
	char *path = path_of(setting, env, NULL, &is_whole);
	struct stat st;

	/* Root may write what has no such mode, and the kernel then refuses. */
	is_fixed = is_whole && !stat(path, &st) && !(st.st_mode & 0222);
	free(path);
	return is_fixed;
}

char *setting_reload(const struct setting *setting, const struct env *env,
		     const char *value)
{
	const char *dot = strchr(setting->name, '.');
	const char *vendor = machine_has(env->sysfs, "module/kvm_amd") ?
			     "kvm_amd" : "kvm_intel";
	char *module = xmemdup0(setting->name, dot - setting->name), *how;

	if (machine_is_built_in(env->sysfs, module))
		how = xasprintf("%s=%s on the kernel's command line, then reboot: KVM is built into this kernel",
				setting->name, value);
	else
		how = xasprintf("a line 'options %s %s=%s' in a file of /etc/modprobe.d, and then, with no guest running: modprobe -r %s kvm; modprobe %s",
				module, dot + 1, value, vendor, vendor);
	free(module);
	return how;
}

const char *setting_why_harmful(const struct setting *setting, const struct env *env,
				const char *value)
{
	if (setting->kind != SETTING_TUNE || strcmp(setting->name, "hlt_in_guest") ||
	    strcmp(value, "1"))
		return NULL;
	return hlt_exits_why_needed(env->sysfs);
}

void setting_plan(const struct setting *setting, const struct env *env,
		  const char *device, const char *value,
		  struct class_write *write)
{
	char *path = path_of(setting, env, device, &write->is_whole);

	snprintf(write->path, sizeof(write->path), "%s", path);
	write->after = xstrdup(value);
	free(path);
}

bool assignment_is(const char *word)
{
	struct selector selector;

	/* Names of guests may hold one. */
	return strchr(word, '=') && (selector_parse(word, &selector) ||
				     selector.kind == SELECT_NAME);
}

static const char *parse_value(const struct setting *setting, const char *text,
			       bool for_guest, char **value)
{
	bool is_limit = setting->limit;

	if (for_guest && !setting->is_guests)
		return is_limit ?
		       "only max_exits_per_sec can be set for one guest; leave the guest out to set the limit for all" :
		       "only halt_poll_ns and huge_pages can be set for one guest; leave the guest out to set it for new guests, or for all";
	if (is_limit && !strcmp(text, "default")) {
		if (!for_guest)
			return "default applies to single guests: use max for no limit";
		*value = xstrdup(text);
		return NULL;
	}
	return *text ? setting->parse(setting, text, value) : "a value is missing";
}

static int add(struct assignments *list, const char *word, unsigned int kinds,
	       bool for_guest, struct error *error)
{
	const char *text = strchr(word, '=') + 1, *wrong;
	char *name = xmemdup0(word, text - word - 1);
	struct assignment new = { .setting = setting_find(name, kinds) };
	int status = STATUS_USAGE;
	size_t i;

	if (!*name || !strcmp(name, "audit.")) {
		error_set(error, "a name is missing before '=': NAME=VALUE, without spaces");
	} else if (!new.setting) {
		setting_unknown(name, kinds, error);
	} else {
		wrong = parse_value(new.setting, text, for_guest, &new.value);
		for (i = 0; i < list->num && !wrong; i++)
			if (list->v[i].setting == new.setting)
				wrong = "set twice";
		status = wrong ? error_set(error, "%s: %s", word, wrong) : STATUS_OK;
	}
	free(name);
	if (status == STATUS_OK)
		*GROW(list->v, list->num) = new;
	else
		free(new.value);
	return status;
}

int assignments_parse(char *const words[], int num, unsigned int kinds,
		      struct selection *guests, struct assignments *assignments,
		      struct error *error)
{
	char **named = xcalloc(num, sizeof(*named));
	int num_named = 0, status, i;

	*assignments = (struct assignments){ };
	for (i = 0; i < num; i++)
		if (!assignment_is(words[i]))
			named[num_named++] = words[i];
	status = selection_parse(named, num_named, guests, error);
	free(named);
	for (i = 0; i < num && status == STATUS_OK; i++)
		if (assignment_is(words[i]))
			status = add(assignments, words[i], kinds, num_named, error);
	return status;
}

void assignments_free(struct assignments *assignments)
{
	size_t i;

	for (i = 0; i < assignments->num; i++)
		free(assignments->v[i].value);
	free(assignments->v);
	*assignments = (struct assignments){ };
}

static int compare(const void *a, const void *b)
{
	const struct assignment *x = a, *y = b;

	return x->setting < y->setting ? -1 : x->setting > y->setting;
}

int assignments_apply(const struct assignments *assignments,
		      const struct env *env, const char *device)
{
	struct class_write *writes = xcalloc(assignments->num, sizeof(*writes));
	size_t i;
	int status;

	qsort(assignments->v, assignments->num, sizeof(*assignments->v), compare);
	for (i = 0; i < assignments->num; i++)
		setting_plan(assignments->v[i].setting, env, device,
			     assignments->v[i].value, &writes[i]);
	status = class_writes_apply(env, writes, assignments->num);
	class_writes_free(writes, assignments->num);
	return status;
}
