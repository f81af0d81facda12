// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/error.h"
#include "base/sysfs.h"
#include "base/util.h"
#include "base/wait.h"
#include "model/proc.h"
#include "settings/collapse-guard.h"
#include "settings/collapse.h"

/* Since 6.1; a C library may not know it. */
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

#define PAGE_BYTES	4096
#define PAGES		(HUGE_BYTES / PAGE_BYTES)

/* See pagemap.rst in the kernel's documentation. */
#define PAGE_PRESENT	(1ULL << 63)
#define PAGE_SWAPPED	(1ULL << 62)
#define PAGE_EXCLUSIVE	(1ULL << 56)

/*
 * A call delays the guest's faults. It is followed by a pause of PAUSE_TIMES its
 * duration, unless it was too short to have done anything.
 */
#define PAUSE_TIMES	4
#define SHORT_CALL_NS	100000ULL
#define MOST_PAUSE_NS	NSEC_PER_SEC

/* Short calls and parts without pages are many: time to look at the machine. */
#define CHECK_NS	(NSEC_PER_SEC / 100)

/*
 * The kernel fails alike for a page that is pinned and for one that a fault holds
 * for a moment, or that NUMA balancing or the VMM has just unmapped or protected. So
 * it is tried again, unless MOST_HELD parts in a row have failed.
 */
#define MOST_TRIES	4
#define TRY_AGAIN_NS	(NSEC_PER_SEC / 100)
#define MOST_HELD	8

/* Stops after this many failures in a row: the kernel compacts memory for each. */
#define MOST_WITHOUT_HUGE_PAGE	8

/* One that is under way. */
struct collapse {
	const struct collapse_request *request;
	struct collapse_result *result;
	struct collapse_guard guard;
	int proc_fd, pagemap_fd, pid_fd;
	uint64_t checked_ns, done_bytes, all_bytes;
	unsigned int num_without_huge_page, num_held;
};

static int collapse_by_kernel(int pid_fd, uint64_t start)
{
	struct iovec part = { (void *)(uintptr_t)start, HUGE_BYTES };
	long done = syscall(SYS_process_madvise, pid_fd, &part, 1, MADV_COLLAPSE, 0);

	return done < 0 ? -errno : 0;
}

/* The kernel checks the advice before the length, so a length of 0 is enough. */
static bool kernel_can_collapse(void)
{
	return !madvise(NULL, 0, MADV_COLLAPSE);
}

static int check_kernel(void)
{
	struct utsname name;

	if (kernel_can_collapse())
		return STATUS_OK;
	uname(&name);
	complain("Linux %s cannot collapse the memory of a running process: that takes 6.1 or later with transparent huge pages (MADV_COLLAPSE); give a guest huge pages from its start: l1tune advise says how",
		 name.release);
	return STATUS_FAILED;
}

/* The guest's PID is one of the initial namespace, and so is to be this process. */
static int check_namespace(const struct env *env)
{
	if (proc_has_own_pids(env->proc) && proc_is_in_first_namespace())
		return STATUS_OK;
	complain("huge_pages=collapse acts on the VMM's process: run it on the host, in its PID namespace and with its /proc");
	return STATUS_FAILED;
}

static int complain_process(const struct guest *guest, const char *what, int err)
{
	if (err == -ESRCH || err == -ENOENT) {
		complain("the process of %s has ended, PID %llu", guest->name,
			 (unsigned long long)guest->pid);
		return STATUS_NO_GUEST;
	}
	complain("%s of process %llu: %s%s", what, (unsigned long long)guest->pid,
		 strerror(-err), err == -EACCES || err == -EPERM ?
		 ": needs CAP_SYS_PTRACE and CAP_SYS_NICE" : "");
	return err == -EACCES || err == -EPERM ? STATUS_NOT_PERMITTED :
						 STATUS_FAILED;
}

/* The PID may have been reused, before the process is held and after. */
static int open_process(struct collapse *c)
{
	const struct collapse_request *request = c->request;
	const struct guest *guest = request->guest;
	char dir[24];
	int err;

	snprintf(dir, sizeof(dir), "%llu", (unsigned long long)guest->pid);
	c->proc_fd = sysfs_open_dir(request->env->proc_fd, dir);
	if (c->proc_fd < 0)
		return complain_process(guest, "/proc", c->proc_fd);
	c->pagemap_fd = openat(c->proc_fd, "pagemap", O_RDONLY | O_CLOEXEC);
	if (c->pagemap_fd < 0)
		return complain_process(guest, "pagemap", -errno);
	if (!request->is_check && !request->collapse) {
		c->pid_fd = syscall(SYS_pidfd_open, (pid_t)guest->pid, 0);
		if (c->pid_fd < 0)
			return complain_process(guest, "pidfd_open", -errno);
	}
	err = proc_check_start(c->proc_fd, guest->created_ns);
	return err ? complain_process(guest, "stat", err) : STATUS_OK;
}

static void close_process(struct collapse *c)
{
	if (c->pid_fd >= 0)
		close(c->pid_fd);
	if (c->pagemap_fd >= 0)
		close(c->pagemap_fd);
	if (c->proc_fd >= 0)
		close(c->proc_fd);
}

/* Only pages that are present and not shared are collapsed, so that memory does not grow. */
static enum collapse_fate look_at_pages(struct collapse *c, uint64_t start,
					enum backing backing)
{
	uint64_t pages[PAGES];
	size_t present = 0, swapped = 0, exclusive = 0, i;

	if (pread(c->pagemap_fd, pages, sizeof(pages),
		  start / PAGE_BYTES * sizeof(*pages)) != sizeof(pages))
		return FATE_UNREADABLE;
	for (i = 0; i < PAGES; i++) {
		present += !!(pages[i] & PAGE_PRESENT);
		swapped += !!(pages[i] & PAGE_SWAPPED);
		exclusive += !!(pages[i] & PAGE_EXCLUSIVE);
	}
	if (swapped)
		return FATE_SWAPPED;
	if (present < PAGES)
		return FATE_ABSENT;
	/* Pages of a file are its own, whoever else has them mapped. */
	if (backing == BACKING_ANONYMOUS && exclusive < PAGES)
		return FATE_SHARED;
	return FATE_POSSIBLE;
}

static enum collapse_fate fate_of(int err)
{
	switch (err) {
	case 0:
		return FATE_COLLAPSED;
	case -ENOMEM:
		return FATE_NO_HUGE_PAGE;
	case -EBUSY:
		return FATE_NO_CHARGE;
	case -EAGAIN:
		return FATE_PINNED;
	default:
		return FATE_REFUSED;
	}
}

static void stop(struct collapse *c, char *why)
{
	if (c->result->stopped)
		free(why);
	else
		c->result->stopped = why;
}

static void check(struct collapse *c)
{
	uint64_t now = monotonic_ns();
	char *why;

	if (now - c->checked_ns < CHECK_NS)
		return;
	c->checked_ns = now;
	why = collapse_guard_check(&c->guard);
	if (why)
		stop(c, why);
	/* Without a wait a signal is not seen. */
	if (wait_until(now, -1) == WAIT_END)
		stop(c, xstrdup("interrupted"));
}

static void pause_after(struct collapse *c, uint64_t call_ns)
{
	uint64_t pause = call_ns * PAUSE_TIMES;

	if (call_ns < SHORT_CALL_NS)
		return;
	if (pause > MOST_PAUSE_NS)
		pause = MOST_PAUSE_NS;
	if (wait_until(monotonic_ns() + pause, -1) == WAIT_END)
		stop(c, xstrdup("interrupted"));
	/* What it did to the guest has been seen by now. */
	c->checked_ns = 0;
}

static void note_answer(struct collapse *c, enum collapse_fate fate, int err)
{
	if (err == -ESRCH)
		stop(c, xstrdup("the VMM's process has ended"));
	else if (err == -EPERM || err == -EACCES)
		stop(c, xasprintf("not permitted: needs %s",
				  err == -EPERM ? "CAP_SYS_NICE" : "CAP_SYS_PTRACE"));
	c->num_without_huge_page = fate == FATE_NO_HUGE_PAGE ?
				   c->num_without_huge_page + 1 : 0;
	if (c->num_without_huge_page >= MOST_WITHOUT_HUGE_PAGE)
		stop(c, xstrdup("the kernel finds no free 2M pages: echo 1 > /proc/sys/vm/compact_memory may help, or more free memory"));
}

static enum collapse_fate call_kernel(struct collapse *c, uint64_t start)
{
	uint64_t before = monotonic_ns();
	enum collapse_fate fate;
	int err;

	err = c->request->collapse ? c->request->collapse(c->pid_fd, start) :
				     collapse_by_kernel(c->pid_fd, start);
	fate = fate_of(err);
	note_answer(c, fate, err);
	pause_after(c, monotonic_ns() - before);
	return fate;
}

static bool may_pass(enum collapse_fate fate)
{
	return fate == FATE_PINNED || fate == FATE_REFUSED;
}

/* False if it has been stopped. */
static bool wait_for_next_try(struct collapse *c)
{
	if (!c->result->stopped)
		check(c);
	if (!c->result->stopped &&
	    wait_until(monotonic_ns() + TRY_AGAIN_NS, -1) == WAIT_END)
		stop(c, xstrdup("interrupted"));
	return !c->result->stopped;
}

static enum collapse_fate collapse_one(struct collapse *c, uint64_t start,
				       enum backing backing)
{
	unsigned int most = c->num_held < MOST_HELD ? MOST_TRIES : 1, tries = 0;
	enum collapse_fate fate;

	do {
		/* A try unmaps pages of a file, which are there nevertheless. */
		if (!tries || backing == BACKING_ANONYMOUS)
			fate = look_at_pages(c, start, backing);
		else
			fate = FATE_POSSIBLE;
		if (fate != FATE_POSSIBLE || c->request->is_check)
			return fate;
		fate = call_kernel(c, start);
	} while (may_pass(fate) && ++tries < most && wait_for_next_try(c));
	c->num_held = may_pass(fate) ? c->num_held + 1 : 0;
	return fate;
}

static void collapse_span(struct collapse *c, const struct collapse_span *span)
{
	uint64_t *bytes = c->result->bytes[span->backing];
	uint64_t at;

	for (at = span->start; at < span->end; at += HUGE_BYTES) {
		if (!c->request->is_check)
			check(c);
		if (c->result->stopped)
			break;
		bytes[collapse_one(c, at, span->backing)] += HUGE_BYTES;
		c->done_bytes += HUGE_BYTES;
		if (c->request->progress)
			c->request->progress(c->done_bytes, c->all_bytes);
	}
	bytes[FATE_POSSIBLE] += span->end - at;
}

static void work(struct collapse *c, const struct collapse_plan *plan)
{
	size_t i;

	for (i = 0; i < plan->num; i++)
		if (plan->v[i].fate == FATE_POSSIBLE)
			c->all_bytes += plan->v[i].end - plan->v[i].start;
	for (i = 0; i < plan->num; i++) {
		const struct collapse_span *span = &plan->v[i];

		if (span->fate == FATE_POSSIBLE)
			collapse_span(c, span);
		else
			c->result->bytes[span->backing][span->fate] +=
				span->end - span->start;
	}
	/* What the last calls did to the guest. */
	c->checked_ns = 0;
	if (!c->request->is_check && c->all_bytes)
		check(c);
}

static int prepare(struct collapse *c)
{
	const struct collapse_request *r = c->request;
	int status = STATUS_OK;

	if (!r->is_check && !r->collapse) {
		status = check_kernel();
		if (status == STATUS_OK)
			status = check_namespace(r->env);
	}
	if (status == STATUS_OK)
		status = open_process(c);
	if (status == STATUS_OK && !r->is_check)
		status = collapse_guard_start(&c->guard, r->env, r->host,
					      r->guest, r->most_stall_ns);
	return status;
}

int collapse_run(const struct collapse_request *request,
		 struct collapse_result *result)
{
	struct collapse c = {
		.request = request, .result = result,
		.proc_fd = -1, .pagemap_fd = -1, .pid_fd = -1,
	};
	struct collapse_plan plan = { };
	int status;

	*result = (struct collapse_result){ };
	status = prepare(&c);
	if (status == STATUS_OK)
		status = collapse_plan(request->env, request->guest, &plan);
	if (status == STATUS_OK) {
		result->has_more = plan.has_more;
		work(&c, &plan);
		result->stall_ns = c.guard.stall_ns;
		result->is_stall_at_most = c.guard.is_stall_at_most;
		result->is_pressure_unknown = !request->is_check &&
					      !c.guard.is_pressure_known;
	}
	collapse_plan_free(&plan);
	collapse_guard_free(&c.guard);
	close_process(&c);
	return status;
}

void collapse_result_free(struct collapse_result *result)
{
	free(result->stopped);
	*result = (struct collapse_result){ };
}

uint64_t collapse_bytes(const struct collapse_result *result,
			enum collapse_fate fate)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < NUM_BACKINGS; i++)
		sum += result->bytes[i][fate];
	return sum;
}
