// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: hog MS [EVERY_MS [TURN_MS]]
 * Computes until it has had MS milliseconds of CPU time, by the kernel's count: at
 * a stretch, or for TURN_NS at a time with sleeps of EVERY_MS between. With TURN_MS it is
 * for so long at a time, and ahead of all tasks that are not real-time.
 */
#include <err.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#define TURN_NS		200000

static long long used_ns(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t))
		err(1, "clock_gettime");
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

int main(int argc, char **argv)
{
	const struct sched_param lowest = { .sched_priority = 1 };
	long long ns, turn_ends, turn_ns = TURN_NS;
	struct timespec rest = { };

	if (argc < 2 || argc > 4)
		errx(2, "usage: hog MS [EVERY_MS [TURN_MS]]");
	ns = atoll(argv[1]) * 1000000;
	if (argc > 2)
		rest.tv_nsec = atol(argv[2]) * 1000000;
	if (argc > 3) {
		turn_ns = atoll(argv[3]) * 1000000;
		if (sched_setscheduler(0, SCHED_FIFO, &lowest))
			err(1, "sched_setscheduler");
	}
	while (used_ns() < ns) {
		turn_ends = rest.tv_nsec ? used_ns() + turn_ns : ns;
		while (used_ns() < turn_ends)
			;
		if (rest.tv_nsec && nanosleep(&rest, NULL))
			err(1, "nanosleep");
	}
}
