// SPDX-License-Identifier: GPL-2.0
/*
 * KVM's own trace events have each port, address and MSR. A BPF program of
 * a few instructions on each of them counts in a map of the kernel: nothing is
 * written to a buffer, and all of it is freed with the files that hold it.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/kvm.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/util.h"
#include "base/wait.h"
#include "explain/sample.h"

#define MAX_COUNTS	8192
/* In less than that the events are hardly all on, and little is seen. */
#define MIN_TIME	(NSEC_PER_SEC / 20)
/* Turning them on may take a slow host longer than it was given. */
#define GRACE_TIME	(NSEC_PER_SEC / 4)

/* Types of kvm_mmio: a read that the VMM is asked for comes twice. */
enum { MMIO_READ_ASKED, MMIO_READ, MMIO_WRITE };

struct count_key {
	uint32_t tid;
	/* Which one it is, and its argument for read or write. */
	uint16_t event;
	uint16_t type;
	uint64_t address;
};

/* Beside a type: the same accesses, as far as they went on to the VMM. */
#define TO_VMM		0x100

/* What a thread on a CPU did last: an exit to user space is for that. */
struct last_access {
	uint64_t pid_tid;
	struct count_key key;
};

enum { EVENT_PIO, EVENT_MMIO, EVENT_FAST_MMIO, EVENT_MSR, EVENT_USER, EVENT_HYPERCALL, EVENT_FLUSH };

/* Which arguments of an event say what; a type below 0 is not among them. */
static const struct event {
	const char *name;
	enum access_kind kind;
	int type_arg, address_arg;
	/* The type that is a write. */
	int write;
	/* For who asks for it, and not each kernel needs to have it. */
	bool is_of_paravirt;
} events[SAMPLE_EVENTS] = {
	[EVENT_PIO] = { "kvm_pio", ACCESS_PORT, 0, 1, 1 },
	[EVENT_MMIO] = { "kvm_mmio", ACCESS_MMIO, 0, 2, MMIO_WRITE },
	[EVENT_FAST_MMIO] = { "kvm_fast_mmio", ACCESS_MMIO, -1, 0, MMIO_WRITE },
	[EVENT_MSR] = { "kvm_msr", ACCESS_MSR, 0, 1, 1 },
	[EVENT_USER] = { "kvm_userspace_exit" },
	[EVENT_HYPERCALL] = { "kvm_hypercall", ACCESS_HYPERCALL, -1, 0, 1, true },
	/* Its argument says whether there was something to flush. */
	[EVENT_FLUSH] = { "kvm_pv_tlb_flush", ACCESS_TLB_FLUSH, 1, 0, 1, true },
};

static int bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
	long ret = syscall(SYS_bpf, cmd, attr, sizeof(*attr));

	return ret < 0 ? -errno : (int)ret;
}

static uint64_t address_of(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

static int open_map(enum bpf_map_type type, size_t key_size, size_t value_size,
		    size_t max)
{
	union bpf_attr attr = {
		.map_type = type,
		.key_size = key_size,
		.value_size = value_size,
		.max_entries = max,
		.map_name = "l1tune",
	};

	return bpf(BPF_MAP_CREATE, &attr);
}

static int open_maps(struct sample *sample)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };

	/* Before 5.11 maps are locked memory; should that fail, they do. */
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	sample->counts_fd = open_map(BPF_MAP_TYPE_HASH, sizeof(struct count_key),
				     sizeof(uint64_t), MAX_COUNTS);
	sample->last_fd = open_map(BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(uint32_t),
				   sizeof(struct last_access), 1);
	return sample->counts_fd < 0 ? sample->counts_fd : sample->last_fd;
}

#define INSN(insn_code, dst, src, offset, value) \
	{ .code = (insn_code), .dst_reg = BPF_REG_##dst, \
	  .src_reg = BPF_REG_##src, .off = (offset), .imm = (value) }
#define MOVE(dst, src)	INSN(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define SET(dst, value)	INSN(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, value)
#define ADD(dst, value)	INSN(BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, value)
#define OR(dst, value)	INSN(BPF_ALU64 | BPF_OR | BPF_K, dst, 0, 0, value)
#define LOAD(size, dst, src, offset) INSN(BPF_LDX | BPF_MEM | (size), dst, src, offset, 0)
#define STORE(size, dst, offset, src) INSN(BPF_STX | BPF_MEM | (size), dst, src, offset, 0)
#define STORE_0(size, dst, offset) INSN(BPF_ST | BPF_MEM | (size), dst, 0, offset, 0)
#define JUMP(n)		INSN(BPF_JMP | BPF_JA, 0, 0, n, 0)
#define JUMP_IF(dst, value, n) INSN(BPF_JMP | BPF_JEQ | BPF_K, dst, 0, n, value)
#define JUMP_IF_NOT(dst, value, n) INSN(BPF_JMP | BPF_JNE | BPF_K, dst, 0, n, value)
#define JUMP_IF_DIFFER(dst, src, n) INSN(BPF_JMP | BPF_JNE | BPF_X, dst, src, n, 0)
#define CALL(function)	INSN(BPF_JMP | BPF_CALL, 0, 0, 0, function)
#define ATOMIC_ADD(dst, src) INSN(BPF_STX | BPF_XADD | BPF_DW, dst, src, 0, 0)
#define EXIT()		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
/* Two instructions. */
#define SET_MAP(dst, fd) \
	{ .code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = BPF_REG_##dst, \
	  .src_reg = BPF_PSEUDO_MAP_FD, .imm = (fd) }, { }

/* On the stack, which is what register 10 points to. */
#define KEY		(-(int)sizeof(struct count_key))
#define KEY_FIELD(field) (KEY + (int)offsetof(struct count_key, field))
#define ZERO		(KEY - 8)
#define LAST_KEY	((int)offsetof(struct last_access, key))

/* Register 0 is where in a map the value for a key on the stack is, or 0. */
#define LOOKUP(fd, key) \
	SET_MAP(1, fd), MOVE(2, 10), ADD(2, key), \
	CALL(BPF_FUNC_map_lookup_elem)
#define LOOKUP_LENGTH	5

/*
 * One more of the key on the stack, and the program's end. Of two vCPUs that
 * are the first to count it one finds that it is there.
 */
#define COUNT_AND_EXIT(fd) \
	LOOKUP(fd, KEY), \
	JUMP_IF_NOT(0, 0, 10 + LOOKUP_LENGTH), \
	STORE_0(BPF_DW, 10, ZERO), \
	SET_MAP(1, fd), MOVE(2, 10), ADD(2, KEY), MOVE(3, 10), ADD(3, ZERO), \
	SET(4, BPF_NOEXIST), CALL(BPF_FUNC_map_update_elem), \
	LOOKUP(fd, KEY), \
	/* There was no room for it. */ \
	JUMP_IF(0, 0, 2), \
	SET(1, 1), ATOMIC_ADD(0, 1), \
	SET(0, 0), EXIT()
#define COUNT_LENGTH	(2 * LOOKUP_LENGTH + 15)

static int load(const struct bpf_insn *insns, size_t num)
{
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT,
		.insns = address_of(insns),
		.insn_cnt = num,
		.license = address_of("GPL"),
		.prog_name = "l1tune",
	};

	return bpf(BPF_PROG_LOAD, &attr);
}

static int load_access(const struct event *event, const struct sample *sample)
{
	const struct bpf_insn type_in_r1 = (event->type_arg < 0) ?
		(struct bpf_insn)SET(1, event->write) :
		(struct bpf_insn)LOAD(BPF_DW, 1, 6, 8 * event->type_arg);
	const struct bpf_insn insns[] = {
		MOVE(6, 1),
		CALL(BPF_FUNC_get_current_pid_tgid),
		MOVE(7, 0),
		/* The lower half is the thread. */
		STORE(BPF_W, 10, KEY_FIELD(tid), 0),
		SET(1, event - events),
		STORE(BPF_H, 10, KEY_FIELD(event), 1),
		type_in_r1,
		STORE(BPF_H, 10, KEY_FIELD(type), 1),
		LOAD(BPF_DW, 1, 6, 8 * event->address_arg),
		STORE(BPF_DW, 10, KEY_FIELD(address), 1),
		/* It is the last one of this thread. */
		STORE_0(BPF_DW, 10, ZERO),
		LOOKUP(sample->last_fd, ZERO),
		JUMP_IF(0, 0, 5),
		STORE(BPF_DW, 0, 0, 7),
		LOAD(BPF_DW, 1, 10, KEY),
		STORE(BPF_DW, 0, LAST_KEY, 1),
		LOAD(BPF_DW, 1, 10, KEY + 8),
		STORE(BPF_DW, 0, LAST_KEY + 8, 1),
		COUNT_AND_EXIT(sample->counts_fd),
	};

	return load(insns, ARRAY_SIZE(insns));
}

/*
 * A KVM_RUN that ends for I/O without an error ends for the last access: only
 * a read of a port has its event when it has been answered, so the first one
 * after a write that KVM served is taken for that.
 */
static int load_user(const struct sample *sample)
{
	const struct bpf_insn insns[] = {
		SET(9, EVENT_PIO),
		LOAD(BPF_DW, 8, 1, 0),
		LOAD(BPF_DW, 1, 1, 8),
		JUMP_IF_NOT(1, 0, 2),
		JUMP_IF(8, KVM_EXIT_IO, 3),
		JUMP_IF(8, KVM_EXIT_MMIO, 1),
		JUMP(16 + LOOKUP_LENGTH + COUNT_LENGTH - 2),
		SET(9, EVENT_MMIO),
		CALL(BPF_FUNC_get_current_pid_tgid),
		MOVE(7, 0),
		STORE_0(BPF_DW, 10, ZERO),
		LOOKUP(sample->last_fd, ZERO),
		JUMP_IF(0, 0, 11 + COUNT_LENGTH - 2),
		LOAD(BPF_DW, 1, 0, 0),
		JUMP_IF_DIFFER(1, 7, 9 + COUNT_LENGTH - 2),
		LOAD(BPF_DW, 1, 0, LAST_KEY),
		STORE(BPF_DW, 10, KEY, 1),
		LOAD(BPF_DW, 1, 0, LAST_KEY + 8),
		STORE(BPF_DW, 10, KEY + 8, 1),
		LOAD(BPF_H, 1, 10, KEY_FIELD(event)),
		JUMP_IF_DIFFER(1, 9, 3 + COUNT_LENGTH - 2),
		LOAD(BPF_H, 1, 10, KEY_FIELD(type)),
		OR(1, TO_VMM),
		STORE(BPF_H, 10, KEY_FIELD(type), 1),
		COUNT_AND_EXIT(sample->counts_fd),
	};

	return load(insns, ARRAY_SIZE(insns));
}

/* Returns a file that keeps the program on the event. */
static int count_event(const struct event *event, const struct sample *sample)
{
	int prog_fd = event == &events[EVENT_USER] ? load_user(sample) :
						     load_access(event, sample);
	int fd;
	union bpf_attr attr = {
		.raw_tracepoint = {
			.name = address_of(event->name), .prog_fd = prog_fd,
		},
	};

	if (prog_fd < 0)
		return prog_fd;
	fd = bpf(BPF_RAW_TRACEPOINT_OPEN, &attr);
	close(prog_fd);
	return fd;
}

static char *explain(int err)
{
	switch (err) {
	case -EPERM:
	case -EACCES:
		return xstrdup(geteuid() ?
			       "needs root (CAP_BPF and CAP_PERFMON)" :
			       "needs CAP_BPF and CAP_PERFMON, which this process lacks");
	case -ENOSYS:
	case -EINVAL:
		return xstrdup("needs a kernel with CONFIG_BPF_SYSCALL and CONFIG_BPF_EVENTS");
	case -ENOENT:
		return xstrdup("needs KVM's trace events; this kernel has none (CONFIG_TRACEPOINTS)");
	default:
		return xasprintf("the kernel does not count them: %s",
				 strerror(-err));
	}
}

static void close_file(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void close_all(struct sample *sample)
{
	size_t i;

	for (i = 0; i < SAMPLE_EVENTS; i++)
		close_file(&sample->event_fds[i]);
	close_file(&sample->counts_fd);
	close_file(&sample->last_fd);
}

/* Also in a container, where it is mounted elsewhere. */
static bool is_of_this_machine(const struct env *env)
{
	struct statfs fs;

	return !statfs(env->sysfs, &fs) && fs.f_type == SYSFS_MAGIC;
}

bool sample_start(struct sample *sample, const struct env *env, bool with_paravirt)
{
	size_t i;
	int err;

	*sample = (struct sample){ .counts_fd = -1, .last_fd = -1 };
	for (i = 0; i < SAMPLE_EVENTS; i++)
		sample->event_fds[i] = -1;
	if (env->past) {
		sample->why_not = xstrdup("not recorded");
		return false;
	}
	if (!is_of_this_machine(env)) {
		sample->why_not = xasprintf("needs the live machine; %s is a copy of files",
					    env->sysfs);
		return false;
	}
	err = open_maps(sample);
	for (i = 0; i < SAMPLE_EVENTS && err >= 0; i++) {
		if (events[i].is_of_paravirt && !with_paravirt)
			continue;
		err = sample->event_fds[i] = count_event(&events[i], sample);
		if (err >= 0)
			sample->since_ns[i] = monotonic_ns();
		else if (err == -ENOENT && events[i].is_of_paravirt)
			err = 0;
	}
	if (err >= 0)
		return true;
	close_all(sample);
	sample->why_not = explain(err);
	return false;
}

static void take(struct sample *sample, const struct count_key *key,
		 uint64_t count, uint64_t now_ns)
{
	const struct event *event = &events[key->event];
	struct access access = {
		.tid = key->tid,
		.kind = event->kind,
		.type = ACCESS_READ,
		.address = key->address,
		.rate = (double)count * NSEC_PER_SEC /
			(now_ns - sample->since_ns[key->event]),
	};

	if (key->type == event->write)
		access.type = ACCESS_WRITE;
	else if (key->type == (event->write | TO_VMM))
		access.type = ACCESS_WRITE_TO_VMM;
	/* Reads that go to the VMM are reads once they have been answered. */
	else if (key->type & TO_VMM ||
		 (key->event == EVENT_MMIO && key->type == MMIO_READ_ASKED))
		return;
	*GROW(sample->list, sample->num) = access;
}

static void take_all(struct sample *sample, uint64_t now_ns)
{
	struct count_key keys[2], *key = NULL, *next = &keys[0];
	unsigned int num = 0;
	uint64_t count;
	union bpf_attr attr = { .map_fd = sample->counts_fd };

	for (;;) {
		attr.key = address_of(key);
		attr.next_key = address_of(next);
		if (bpf(BPF_MAP_GET_NEXT_KEY, &attr))
			break;
		key = next;
		next = &keys[key == &keys[0]];
		attr.key = address_of(key);
		attr.value = address_of(&count);
		if (!bpf(BPF_MAP_LOOKUP_ELEM, &attr))
			take(sample, key, count, now_ns);
		num++;
	}
	sample->is_cut = num >= MAX_COUNTS;
}

void sample_wait(const struct sample *sample, uint64_t end_ns)
{
	uint64_t enough_ns = sample->since_ns[EVENT_USER] + GRACE_TIME;

	wait_until(end_ns > enough_ns ? end_ns : enough_ns, -1);
}

void sample_stop(struct sample *sample)
{
	uint64_t now_ns = monotonic_ns();

	sample->time_ns = now_ns - sample->since_ns[EVENT_USER];
	/* First: it takes a while until the events are off. */
	if (sample->time_ns >= MIN_TIME)
		take_all(sample, now_ns);
	else
		sample->why_not = xstrdup("needs a longer interval");
	close_all(sample);
}

bool sample_has(const struct sample *sample, enum access_kind kind)
{
	size_t i;

	for (i = 0; i < SAMPLE_EVENTS; i++)
		if (events[i].kind == kind && sample->since_ns[i] && !sample->why_not)
			return true;
	return false;
}

void sample_free(struct sample *sample)
{
	free(sample->list);
	free(sample->why_not);
}
