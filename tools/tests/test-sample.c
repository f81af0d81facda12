// SPDX-License-Identifier: GPL-2.0
/*
 * The programs on KVM's trace events, run by the kernel on events that never
 * were: what they count is what is then taken for a guest's accesses.
 */
#define sample_start its_sample_start
#define sample_stop its_sample_stop
#define sample_wait its_sample_wait
#define sample_free its_sample_free
#define sample_has its_sample_has
#include "explain/sample.c"

#include <sched.h>
#include <stdio.h>

#include "ktap.h"

static int programs[SAMPLE_EVENTS];
static struct sample sample;

static void event(unsigned int which, uint64_t a, uint64_t b, uint64_t c)
{
	const uint64_t args[] = { a, b, c, 0 };
	union bpf_attr attr = {
		.test = {
			.prog_fd = programs[which],
			.ctx_in = address_of(args),
			.ctx_size_in = sizeof(args),
		},
	};

	if (bpf(BPF_PROG_TEST_RUN, &attr))
		abort();
}

static void port_write(uint64_t port)
{
	event(EVENT_PIO, 1, port, 1);
}

static void mmio(uint64_t type, uint64_t address)
{
	event(EVENT_MMIO, type, 4, address);
}

static void exit_to_user(uint64_t reason, int error)
{
	event(EVENT_USER, reason, (uint32_t)error, 0);
}

/* So often in the second that it is said to have taken. */
static bool is_counted(enum access_kind kind, unsigned int type, uint64_t address, double rate)
{
	size_t i;

	for (i = 0; i < sample.num; i++) {
		const struct access *a = &sample.list[i];

		if (a->kind == kind && a->type == type && a->address == address &&
		    a->tid == (uint64_t)gettid())
			return a->rate > rate * 0.9 && a->rate < rate * 1.1;
	}
	return !rate;
}

/* As often as that, and so often of it to the VMM. */
static bool are_written(enum access_kind kind, uint64_t address, double rate, double to_vmm)
{
	return is_counted(kind, ACCESS_WRITE, address, rate) &&
	       is_counted(kind, ACCESS_WRITE_TO_VMM, address, to_vmm);
}

static int start(void)
{
	size_t i;
	int err;

	sample = (struct sample){ };
	err = open_maps(&sample);
	for (i = 0; i < SAMPLE_EVENTS && err >= 0; i++) {
		err = programs[i] = i == EVENT_USER ? load_user(&sample) :
						      load_access(&events[i], &sample);
		sample.event_fds[i] = -1;
		sample.since_ns[i] = monotonic_ns() - NSEC_PER_SEC;
	}
	return err;
}

static void happen(void)
{
	size_t i;

	for (i = 0; i < 100; i++) {
		port_write(0x3f8);
		exit_to_user(KVM_EXIT_IO, 0);
	}
	for (i = 0; i < 70; i++)
		port_write(0xc010);
	/* For another reason, after a signal, for another one. */
	exit_to_user(KVM_EXIT_MMIO, 0);
	exit_to_user(KVM_EXIT_IO, -EINTR);
	exit_to_user(KVM_EXIT_INTR, 0);
	for (i = 0; i < 50; i++) {
		mmio(MMIO_WRITE, 0xfebc0000);
		exit_to_user(KVM_EXIT_MMIO, 0);
	}
	for (i = 0; i < 40; i++) {
		mmio(MMIO_READ_ASKED, 0xfebc0010);
		exit_to_user(KVM_EXIT_MMIO, 0);
		mmio(MMIO_READ, 0xfebc0010);
	}
	for (i = 0; i < 30; i++)
		event(EVENT_FAST_MMIO, 0xfe003000, 0, 0);
	for (i = 0; i < 20; i++)
		event(EVENT_MSR, 1, 0xc0000080, 0);
	for (i = 0; i < 10; i++)
		event(EVENT_MSR, 0, 0x6e0, 0);
	for (i = 0; i < 15; i++)
		event(EVENT_HYPERCALL, 11, 0x3f8, 0);
	for (i = 0; i < 12; i++)
		event(EVENT_FLUSH, 2, i % 3 == 0, 0);
	exit_to_user(KVM_EXIT_IO, 0);
}

int main(void)
{
	cpu_set_t first;
	size_t i;
	int err;

	CPU_ZERO(&first);
	CPU_SET(0, &first);
	sched_setaffinity(0, sizeof(first), &first);
	ktap_start();
	err = start();
	if (err == -EPERM || err == -ENOSYS) {
		printf("1..0 # SKIP BPF programs cannot be run here: %s\n", strerror(-err));
		return 0;
	}
	ktap_ok(err >= 0, "the kernel takes the programs");
	if (err < 0)
		return ktap_end();
	happen();
	sample_stop(&sample);

	ktap_ok(are_written(ACCESS_PORT, 0x3f8, 100, 100), "writes that go to the VMM");
	ktap_ok(are_written(ACCESS_PORT, 0xc010, 70, 0), "writes that KVM serves");
	ktap_ok(are_written(ACCESS_MMIO, 0xfebc0000, 50, 50), "by address");
	ktap_ok(is_counted(ACCESS_MMIO, ACCESS_READ, 0xfebc0010, 40) &&
		is_counted(ACCESS_MMIO, ACCESS_WRITE_TO_VMM, 0xfebc0010, 0), "a read is one, not two");
	ktap_ok(are_written(ACCESS_MMIO, 0xfe003000, 30, 0), "those that are not decoded");
	ktap_ok(is_counted(ACCESS_MSR, ACCESS_WRITE, 0xc0000080, 20) &&
		is_counted(ACCESS_MSR, ACCESS_READ, 0x6e0, 10), "MSRs");
	ktap_ok(are_written(ACCESS_HYPERCALL, 11, 15, 0), "hypercalls");
	ktap_ok(are_written(ACCESS_TLB_FLUSH, 2, 4, 0) &&
		is_counted(ACCESS_TLB_FLUSH, ACCESS_READ, 2, 8), "entries with a TLB to flush and without");
	ktap_ok(sample.num == 12 && !sample.is_cut, "and nothing else");
	ktap_ok(sample_has(&sample, ACCESS_HYPERCALL), "it is told that hypercalls were counted");
	sample.since_ns[EVENT_HYPERCALL] = 0;
	ktap_ok(!sample_has(&sample, ACCESS_HYPERCALL), "and of a kernel that has no such event that they were not");
	sample_free(&sample);

	if (start() < 0)
		abort();
	for (i = 0; i < MAX_COUNTS + 10; i++)
		port_write(i);
	sample_stop(&sample);
	ktap_ok(sample.num == MAX_COUNTS && sample.is_cut, "there is an end to what is counted, and it is told");
	sample_free(&sample);

	if (start() < 0)
		abort();
	port_write(0x3f8);
	sample.since_ns[EVENT_USER] = monotonic_ns();
	sample_stop(&sample);
	ktap_ok(!sample.num && sample.why_not, "of a moment nothing is told");
	sample_free(&sample);

	if (start() < 0)
		abort();
	port_write(0x3f8);
	sample.since_ns[EVENT_USER] = monotonic_ns();
	sample_wait(&sample, monotonic_ns());
	sample_stop(&sample);
	ktap_ok(sample.num == 1 && !sample.why_not, "a sample that began too late lasts long enough all the same");
	sample_free(&sample);
	return ktap_end();
}
