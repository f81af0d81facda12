// SPDX-License-Identifier: GPL-2.0
/* ticks COMMAND [ARG]...: runs it, then prints what passed on the machine's clock meanwhile, and how long it had a CPU. */
#include <err.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

static unsigned long long cpu_ns(const struct rusage *used)
{
	return (used->ru_utime.tv_sec + used->ru_stime.tv_sec) * 1000000000ull +
	       (used->ru_utime.tv_usec + used->ru_stime.tv_usec) * 1000ull;
}

int main(int argc, char **argv)
{
	const unsigned long long tsc = __rdtsc();
	struct rusage used;
	pid_t pid;
	int status;

	if (argc < 2)
		errx(2, "usage: ticks COMMAND [ARG]...");
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		execvp(argv[1], argv + 1);
		err(127, "%s", argv[1]);
	}
	if (wait4(pid, &status, 0, &used) < 0)
		err(1, "wait");
	fprintf(stderr, "ticks=%llu cpu_ns=%llu max_rss_kb=%ld\n", __rdtsc() - tsc, cpu_ns(&used), used.ru_maxrss);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
