// SPDX-License-Identifier: GPL-2.0
/* ticks COMMAND [ARG]...: runs it, then prints what passed on the machine's clock meanwhile, and how long the command had a CPU. */
#include <err.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

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
	fprintf(stderr, "ticks=%llu max_rss_kb=%ld\n", __rdtsc() - tsc, used.ru_maxrss);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
