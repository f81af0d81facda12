// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: hog MS
 * Computes until it has had MS milliseconds of CPU time, by the kernel's count.
 */
#include <err.h>
#include <stdlib.h>
#include <time.h>

int main(int argc, char **argv)
{
	struct timespec t;
	long long ns;

	if (argc != 2)
		errx(2, "usage: hog MS");
	ns = atoll(argv[1]) * 1000000;
	do {
		if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t))
			err(1, "clock_gettime");
	} while (t.tv_sec * 1000000000ll + t.tv_nsec < ns);
}
