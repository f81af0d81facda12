// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: creates SECONDS
 * Creates VMs one after the other as fast as KVM lets it, and closes each. Prints how
 * many there were, how many failed with EAGAIN, how long it took, and how long of that
 * it was on a CPU.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static double now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	unsigned long created = 0, refused = 0;
	double start, end;
	int kvm, vm;

	if (argc != 2)
		errx(2, "usage: creates SECONDS");
	kvm = open("/dev/kvm", O_RDWR);
	if (kvm < 0)
		err(1, "/dev/kvm");
	start = now(CLOCK_MONOTONIC);
	end = start + atof(argv[1]);
	while (now(CLOCK_MONOTONIC) < end) {
		vm = ioctl(kvm, KVM_CREATE_VM, 0);
		if (vm >= 0) {
			created++;
			close(vm);
		} else if (errno == EAGAIN) {
			refused++;
			/* KVM_CREATE_VM costs, a refusal less. */
			usleep(200);
		} else {
			err(1, "KVM_CREATE_VM");
		}
	}
	printf("created=%lu refused=%lu seconds=%.3f cpu=%.6f\n", created, refused,
	       now(CLOCK_MONOTONIC) - start, now(CLOCK_PROCESS_CPUTIME_ID));
	return 0;
}
