// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: steady MILLISECONDS
 * Reads the clock in a loop, and prints how many thousandths of the time it was
 * off the CPU, counting only gaps of a millisecond or more.
 */
#define _GNU_SOURCE
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NS_PER_SEC	1000000000ll
#define NS_PER_MS	1000000ll

static long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS_PER_SEC + t.tv_nsec;
}

int main(int argc, char **argv)
{
	long long start = now_ns(), last = start, now, end, gone = 0;

	if (argc != 2 || atoi(argv[1]) < 1)
		errx(2, "usage: steady MILLISECONDS");
	end = start + atoi(argv[1]) * NS_PER_MS;
	for (; last < end; last = now) {
		now = now_ns();
		if (now - last >= NS_PER_MS)
			gone += now - last;
	}
	printf("%lld\n", gone * 1000 / (last - start));
	return 0;
}
