// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/util.h"
#include "base/wait.h"
#include "explain/starved-threads.h"
#include "explain/vmm-wait.h"
#include "model/thread-call.h"

#define NUM_LOOKS	20
#define LOOK_NS		(5 * NSEC_PER_SEC / 1000)

/* Of a thread that is mostly in the guest few looks say nothing. */
#define FEWEST_FOUND	5

static const long writes[] = { SYS_write, SYS_writev, SYS_sendto, SYS_sendmsg };
static const long accesses[] = {
	SYS_read, SYS_readv, SYS_pread64, SYS_preadv, SYS_preadv2, SYS_pwrite64, SYS_pwritev,
	SYS_pwritev2, SYS_fsync, SYS_fdatasync, SYS_fallocate, SYS_ftruncate, SYS_sync_file_range,
};

static bool is_among(int64_t number, const long *numbers, size_t num)
{
	size_t i;

	for (i = 0; i < num; i++)
		if (number == numbers[i])
			return true;
	return false;
}

static bool is_write(const struct thread_call *call)
{
	return is_among(call->number, writes, ARRAY_SIZE(writes));
}

static bool has_fd(const struct thread_call *call)
{
	return is_write(call) || is_among(call->number, accesses, ARRAY_SIZE(accesses));
}

/* Empty if that is not known. */
static void read_target(const struct facts *f, uint64_t fd, char *target, size_t size)
{
	char *path = xasprintf("%llu/fd/%llu", (unsigned long long)f->guest->guest.pid,
			       (unsigned long long)fd);
	ssize_t len = readlinkat(f->env->proc_fd, path, target, size - 1);

	target[len > 0 ? len : 0] = '\0';
	free(path);
}

static bool has_reader(const char *target)
{
	return begins_with(target, "pipe:") || begins_with(target, "socket:") ||
	       begins_with(target, "/dev/pts/") || begins_with(target, "/dev/tty") ||
	       begins_with(target, "/dev/ptmx") || begins_with(target, "/dev/console");
}

static enum vmm_wait kind_of(const struct thread_call *call, const char *target)
{
	if (call->number == SYS_futex)
		return VMM_WAIT_THREAD;
	if (has_reader(target))
		return is_write(call) ? VMM_WAIT_READER : VMM_WAIT_OTHER;
	return *target == '/' ? VMM_WAIT_FILE : VMM_WAIT_OTHER;
}

static void look_at_thread(const struct facts *f, uint64_t tid, struct vmm_waits *waits)
{
	char target[sizeof(waits->target[0])] = "";
	struct thread_call call;
	int err = thread_call_read(f->env, f->guest->guest.pid, tid, &call);
	enum vmm_wait kind;

	if (err && err != -EAGAIN)
		waits->err = err;
	if (err || (call.number == SYS_ioctl && call.args[1] == KVM_RUN))
		return;
	if (has_fd(&call))
		read_target(f, call.args[0], target, sizeof(target));
	kind = kind_of(&call, target);
	strcpy(waits->target[kind], target);
	waits->num[kind]++;
	waits->all++;
}

static void look_at_threads(const struct facts *f, struct vmm_waits *waits)
{
	const struct guest_snapshot *guest = f->guest;
	size_t i;

	if (!snapshot_thread(guest))
		waits->err = -ENODATA;
	for (i = 0; i < guest->num_vcpus && !waits->err; i++)
		if (guest->vcpus[i].stats.value[STAT_TID])
			look_at_thread(f, guest->vcpus[i].stats.value[STAT_TID], waits);
}

static void look_on(const struct facts *f, struct vmm_waits *waits)
{
	unsigned int i;

	look_at_threads(f, waits);
	for (i = 1; i < NUM_LOOKS && !waits->err; i++) {
		if (wait_until(monotonic_ns() + LOOK_NS, -1) == WAIT_END)
			break;
		look_at_threads(f, waits);
	}
}

static void look(const struct facts *f, struct vmm_waits *waits)
{
	uint64_t start_ns = monotonic_ns(), before_ns, after_ns, took_ns;
	bool is_known = starved_threads_read(f, &before_ns);

	waits->is_read = true;
	look_on(f, waits);
	took_ns = monotonic_ns() - start_ns;
	waits->is_starved_known = is_known && starved_threads_read(f, &after_ns) &&
				  took_ns >= NUM_LOOKS * LOOK_NS / 2;
	if (waits->is_starved_known)
		waits->starved = (double)sub_clamped(after_ns, before_ns) / took_ns;
}

static const struct vmm_waits *waits_of(const struct facts *f)
{
	if (!f->waits || (!f->waits->is_read && !take_look(f)))
		return NULL;
	if (!f->waits->is_read)
		look(f, f->waits);
	return f->waits;
}

static char *found_text(const struct vmm_waits *waits)
{
	static const char *const names[NUM_VMM_WAITS] = {
		[VMM_WAIT_THREAD] = "for another thread (futex)",
		[VMM_WAIT_READER] = "in writes to",
		[VMM_WAIT_FILE] = "in accesses to",
		[VMM_WAIT_OTHER] = "in other system calls",
	};
	char *text = xasprintf("its vCPUs' threads slept outside KVM_RUN in %u looks", waits->all);
	const char *separator = ": ";
	enum vmm_wait kind;

	for (kind = 0; kind < NUM_VMM_WAITS; kind++) {
		if (!waits->num[kind])
			continue;
		append(&text, "%s%u %s%s%s", separator, waits->num[kind], names[kind],
		       *waits->target[kind] ? " " : "", waits->target[kind]);
		separator = ", ";
	}
	return text;
}

static enum answer waits_for(const struct facts *f, enum vmm_wait kind, char **seen)
{
	const struct vmm_waits *waits = waits_of(f);
	enum vmm_wait other;

	if (!waits)
		return ANSWER_UNKNOWN;
	if (waits->err) {
		*seen = xasprintf("what its vCPUs' threads sleep in cannot be read: %s",
				  waits->err == -ENODATA ? "which these are is not known" :
				  env_why_not(f->env, waits->err));
		return ANSWER_UNKNOWN;
	}
	*seen = found_text(waits);
	if (waits->all < FEWEST_FOUND)
		return ANSWER_UNKNOWN;
	for (other = 0; other < NUM_VMM_WAITS; other++)
		if (waits->num[other] > waits->all / 2)
			return other == kind ? ANSWER_YES : ANSWER_NO;
	return ANSWER_UNKNOWN;
}

enum answer waits_for_thread(const struct facts *f, char **seen)
{
	return waits_for(f, VMM_WAIT_THREAD, seen);
}

enum answer waits_for_reader(const struct facts *f, char **seen)
{
	return waits_for(f, VMM_WAIT_READER, seen);
}

enum answer waits_for_file(const struct facts *f, char **seen)
{
	return waits_for(f, VMM_WAIT_FILE, seen);
}

bool starved_threads(const struct facts *f, double *cpus)
{
	const struct vmm_waits *waits = waits_of(f);

	*cpus = waits ? waits->starved : 0;
	return waits && waits->is_starved_known;
}

const char *awaited_reader(const struct facts *f)
{
	const struct vmm_waits *waits = waits_of(f);

	return waits && *waits->target[VMM_WAIT_READER] ? waits->target[VMM_WAIT_READER] : NULL;
}
