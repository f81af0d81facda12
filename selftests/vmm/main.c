// SPDX-License-Identifier: GPL-2.0
/* vmm: run guests that take exactly known VM exits. */
#include <errno.h>
#include <error.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "vmm.h"

#define EXIT_USAGE	2

struct options {
	struct vmm_config cfg;
	const char *name;
	uint64_t seconds;
	uint64_t churn;
	bool paused;
	bool hold;
	bool probe;
	bool expect;
	bool stats;
	bool time;
	bool written;
};

enum {
	OPT_NAME = 256, OPT_VCPUS, OPT_ORDER, OPT_NESTED, OPT_ROUNDS, OPT_FOREVER, OPT_SECONDS,
	OPT_PERIOD, OPT_DEADLINE, OPT_SPIN, OPT_SLOW_EVERY, OPT_SLOW,
	OPT_IOEVENTFD, OPT_HUGE, OPT_PAUSED, OPT_HOLD, OPT_PROBE, OPT_CHURN, OPT_EXPECT, OPT_STATS, OPT_MISTAKES,
	OPT_FAILURES, OPT_CONTROL, OPT_WRITTEN,
	OPT_TIME, OPT_HELP,
};

static const struct option longopts[] = {
	{ "name", required_argument, NULL, OPT_NAME },
	{ "vcpus", required_argument, NULL, OPT_VCPUS },
	{ "order", required_argument, NULL, OPT_ORDER },
	{ "nested", no_argument, NULL, OPT_NESTED },
	{ "mistakes", required_argument, NULL, OPT_MISTAKES },
	{ "failures", required_argument, NULL, OPT_FAILURES },
	{ "control", required_argument, NULL, OPT_CONTROL },
	{ "rounds", required_argument, NULL, OPT_ROUNDS },
	{ "forever", no_argument, NULL, OPT_FOREVER },
	{ "seconds", required_argument, NULL, OPT_SECONDS },
	{ "period-us", required_argument, NULL, OPT_PERIOD },
	{ "deadline", no_argument, NULL, OPT_DEADLINE },
	{ "spin-user-us", required_argument, NULL, OPT_SPIN },
	{ "slow-every", required_argument, NULL, OPT_SLOW_EVERY },
	{ "slow-us", required_argument, NULL, OPT_SLOW },
	{ "ioeventfd", no_argument, NULL, OPT_IOEVENTFD },
	{ "huge-pages", no_argument, NULL, OPT_HUGE },
	{ "paused", no_argument, NULL, OPT_PAUSED },
	{ "hold", no_argument, NULL, OPT_HOLD },
	{ "probe", no_argument, NULL, OPT_PROBE },
	{ "churn", required_argument, NULL, OPT_CHURN },
	{ "expect", no_argument, NULL, OPT_EXPECT },
	{ "stats", no_argument, NULL, OPT_STATS },
	{ "time", no_argument, NULL, OPT_TIME },
	{ "written", no_argument, NULL, OPT_WRITTEN },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 }
};

static void usage(FILE *f)
{
	unsigned int i;

	fputs("Usage: vmm [OPTION]... KIND=N...\n"
	      "Runs a guest whose vCPUs take N exits of each KIND in every round.\n\nKinds:\n", f);
	for (i = 0; vmm_kind_name(i); i++)
		fprintf(f, "  %-10s %s\n", vmm_kind_name(i), vmm_kind_help(i));
	fputs("\nOptions:\n"
	      "  --name NAME          only to be seen in the command line; also -name guest=NAME\n"
	      "  --vcpus N            vCPUs, one thread each (1)\n"
	      "  --order ORDER        blocks: kind after kind; mixed: one of each in turn (blocks)\n"
	      "  --nested             the guest becomes a hypervisor even without l3 kinds\n"
	      "  --mistakes N         the guest first enters its own guest N times in ways that KVM\n"
	      "                       refuses; print for each what KVM's message must contain\n"
	      "  --failures N         the guest executes failing VMX instructions in N rounds; print how\n"
	      "                       often each error number must occur\n"
	      "  --control WHERE=BITS sets bits of its VMCS (WHERE is a field's encoding) or VMCB (an offset)\n"
	      "  --rounds N           rounds (1)\n"
	      "  --forever            until SIGINT or SIGTERM ends it after a round; twice: at once\n"
	      "  --seconds S          the first round that ends after S seconds is the last\n"
	      "  --period-us US       how long a halt sleeps (1000)\n"
	      "  --deadline           a halt ends at a TSC deadline set before it begins\n"
	      "  --spin-user-us US    CPU time the VMM burns for each out and l3out (0)\n"
	      "  --slow-every N       the VMM sleeps in every Nth out (0: in none)\n"
	      "  --slow-us US         how long that sleep lasts (5000)\n"
	      "  --ioeventfd          KVM tells an eventfd of each out, and does not exit to the VMM\n"
	      "  --huge-pages         memory in pages as large as the host has them for all\n"
	      "  --paused             create the guest, run it after SIGUSR1 or a line on stdin\n"
	      "  --hold               keep the guest after its run until SIGUSR1 or a line on stdin\n"
	      "  --probe              a VM without vCPUs, as a feature probe makes it\n"
	      "  --churn N            create, run and destroy the guest N times\n"
	      "  --expect             print the exits that each vCPU must have taken\n"
	      "  --stats              print KVM's own statistics of each vCPU (kernels from 5.14)\n"
	      "  --time               print how long each vCPU ran, and its thread\n"
	      "  --written            print the fields of its VMCS or the controls of its VMCB\n"
	      "  --help               this text\n", f);
}

static uint64_t parse_number(const char *what, const char *arg, uint64_t min, uint64_t max)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(arg, &end, 0);
	if (errno || end == arg || *end || *arg == '-' || value < min || value > max)
		error(EXIT_USAGE, 0, "%s: '%s' is not a number from %" PRIu64 " to %" PRIu64, what,
		      arg, min, max);
	return value;
}

static void parse_kind(struct options *o, const char *arg)
{
	const char *eq = strchr(arg, '=');
	unsigned int i;

	for (i = 0; eq && vmm_kind_name(i); i++) {
		if (strlen(vmm_kind_name(i)) == (size_t)(eq - arg) &&
		    !strncmp(arg, vmm_kind_name(i), eq - arg)) {
			o->cfg.count[i] = parse_number(vmm_kind_name(i), eq + 1, 0, UINT32_MAX);
			return;
		}
	}
	error(EXIT_USAGE, 0, "'%s' is not KIND=N with a known kind, see --help", arg);
}

static void parse_control(struct options *o, char *arg)
{
	struct vmm_control *control = &o->cfg.controls[o->cfg.ncontrols];
	char *eq = strchr(arg, '=');

	if (!eq || o->cfg.ncontrols == VMM_MAX_CONTROLS)
		error(EXIT_USAGE, 0, "--control: '%s' is not WHERE=BITS, or one too many", arg);
	*eq = '\0';
	control->where = parse_number("--control", arg, 0, UINT16_MAX);
	control->bits = parse_number("--control", eq + 1, 0, UINT64_MAX);
	o->cfg.ncontrols++;
}

static void parse(struct options *o, int argc, char **argv)
{
	int opt;

	*o = (struct options){ .cfg = { .vcpus = 1, .rounds = 1, .slow_us = 5000 }, .name = "vmm" };
	while ((opt = getopt_long_only(argc, argv, "", longopts, NULL)) != -1) {
		switch (opt) {
		case OPT_NAME:
			o->name = strncmp(optarg, "guest=", 6) ? optarg : optarg + 6;
			break;
		case OPT_VCPUS:
			o->cfg.vcpus = parse_number("--vcpus", optarg, 1, VMM_MAX_VCPUS);
			break;
		case OPT_ORDER:
			o->cfg.mixed = !strcmp(optarg, "mixed");
			if (!o->cfg.mixed && strcmp(optarg, "blocks"))
				error(EXIT_USAGE, 0, "--order: '%s' is neither mixed nor blocks", optarg);
			break;
		case OPT_NESTED:
			o->cfg.nested = true;
			break;
		case OPT_MISTAKES:
			o->cfg.mistakes = parse_number("--mistakes", optarg, 0, VMM_MAX_MISTAKES);
			o->cfg.nested = true;
			break;
		case OPT_FAILURES:
			o->cfg.failures = parse_number("--failures", optarg, 0, UINT32_MAX);
			o->cfg.nested = true;
			break;
		case OPT_CONTROL:
			parse_control(o, optarg);
			break;
		case OPT_WRITTEN:
			o->written = true;
			break;
		case OPT_ROUNDS:
			o->cfg.rounds = parse_number("--rounds", optarg, 1, UINT32_MAX);
			break;
		case OPT_FOREVER:
			o->cfg.rounds = 0;
			break;
		case OPT_SECONDS:
			o->seconds = parse_number("--seconds", optarg, 1, INT32_MAX);
			o->cfg.rounds = 0;
			break;
		case OPT_PERIOD:
			o->cfg.halt_period_us = parse_number("--period-us", optarg, 1, 4000000);
			break;
		case OPT_DEADLINE:
			o->cfg.halt_deadline = true;
			break;
		case OPT_SPIN:
			o->cfg.user_spin_us = parse_number("--spin-user-us", optarg, 0, 1000000);
			break;
		case OPT_SLOW_EVERY:
			o->cfg.slow_every = parse_number("--slow-every", optarg, 0, UINT32_MAX);
			break;
		case OPT_SLOW:
			o->cfg.slow_us = parse_number("--slow-us", optarg, 1, 10000000);
			break;
		case OPT_IOEVENTFD:
			o->cfg.ioeventfd = true;
			break;
		case OPT_HUGE:
			o->cfg.huge_pages = true;
			break;
		case OPT_PAUSED:
			o->paused = true;
			break;
		case OPT_HOLD:
			o->hold = true;
			break;
		case OPT_PROBE:
			o->probe = true;
			o->cfg.vcpus = 0;
			break;
		case OPT_CHURN:
			o->churn = parse_number("--churn", optarg, 1, UINT32_MAX);
			break;
		case OPT_EXPECT:
			o->expect = true;
			break;
		case OPT_STATS:
			o->stats = true;
			break;
		case OPT_TIME:
			o->time = true;
			break;
		case OPT_HELP:
			usage(stdout);
			exit(0);
		default:
			fputs("Try 'vmm --help'.\n", stderr);
			exit(EXIT_USAGE);
		}
	}
	while (optind < argc)
		parse_kind(o, argv[optind++]);
}

/* All are blocked from the start and only taken where they are waited for. */
static void signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGUSR1);
	sigaddset(set, SIGUSR2);
}

/* SIGUSR1 or a line on stdin: true. SIGINT, SIGTERM: false. */
static bool wait_for_go(const char *state)
{
	struct pollfd fds[2] = { { .events = POLLIN }, { .fd = STDIN_FILENO, .events = POLLIN } };
	struct signalfd_siginfo info = { 0 };
	sigset_t set;
	bool go = true;
	char c = 0;

	signals(&set);
	fds[0].fd = signalfd(-1, &set, SFD_CLOEXEC);
	printf("%s\n", state);
	while (c != '\n' && !info.ssi_signo) {
		if (poll(fds, 2, -1) < 0)
			continue;
		/* End of file is no line: in the background stdin is /dev/null. */
		if (fds[1].revents && read(STDIN_FILENO, &c, 1) <= 0)
			fds[1].fd = -1;
		if (fds[0].revents && read(fds[0].fd, &info, sizeof(info)) == sizeof(info))
			go = info.ssi_signo == SIGUSR1;
	}
	close(fds[0].fd);
	return go;
}

struct watch {
	struct vmm *vm;
	uint64_t seconds;
};

/* Ends the run for a signal or when its time is up; SIGUSR2: the run has ended. */
static void *watch(void *arg)
{
	struct watch *w = arg;
	struct timespec timeout = { .tv_sec = w->seconds };
	bool stopping = false;
	sigset_t set;
	int sig;

	signals(&set);
	for (;;) {
		if (w->seconds && !stopping)
			sig = sigtimedwait(&set, NULL, &timeout);
		else
			sig = sigwaitinfo(&set, NULL);
		if (sig == SIGUSR2)
			return NULL;
		if (sig == SIGUSR1 || (sig < 0 && errno != EAGAIN))
			continue;
		if (stopping)
			vmm_kill(w->vm);
		else
			vmm_stop(w->vm);
		stopping = true;
	}
}

static int run(struct options *o, struct vmm *vm)
{
	struct watch w = { .vm = vm, .seconds = o->seconds };
	pthread_t watcher;
	int ret;

	if (pthread_create(&watcher, NULL, watch, &w)) {
		fputs("vmm: cannot create a thread\n", stderr);
		return -1;
	}
	ret = vmm_start(vm);
	if (!ret)
		ret = vmm_wait(vm);
	pthread_kill(watcher, SIGUSR2);
	pthread_join(watcher, NULL);
	if (ret)
		fprintf(stderr, "vmm: %s\n", vmm_error());
	return ret;
}

struct vcpu_id {
	unsigned int index;
	pid_t tid;
};

static void print_stat(const char *name, uint64_t value, void *data)
{
	const struct vcpu_id *id = data;

	printf("stat %s vcpu=%u tid=%d value=%" PRIu64 "\n", name, id->index, id->tid, value);
}

static int report(struct options *o, struct vmm *vm)
{
	struct vmm_exits exits[VMM_MAX_EXITS];
	struct vmm_result res;
	struct vcpu_id id;
	unsigned int i, n, v, number;
	struct vmm_control control;
	int ret = 0;

	for (v = 0; v < o->cfg.vcpus; v++) {
		vmm_result(vm, v, &res);
		id = (struct vcpu_id){ v, res.tid };
		if (!res.complete) {
			fprintf(stderr, "vmm: vCPU %u was ended within a round\n", v);
			ret = -1;
		}
		n = o->expect ? vmm_expect(vm, v, exits, VMM_MAX_EXITS) : 0;
		for (i = 0; i < n; i++)
			printf("expect %s code=%u level=%u vcpu=%u tid=%d count=%" PRIu64 "\n",
			       exits[i].reason, exits[i].code, exits[i].level, v, res.tid,
			       exits[i].count);
		for (i = 0; o->written && vmm_written(vm, v, i, &control); i++)
			printf("written vcpu=%u where=0x%x value=0x%" PRIx64 "\n", v, control.where,
			       control.bits);
		if (vmm_undefined(vm, v))
			printf("undefined vcpu=%u tid=%d count=%" PRIu32 "\n", v, res.tid,
			       vmm_undefined(vm, v));
		if (vmm_early(vm, v))
			printf("early vcpu=%u tid=%d count=%" PRIu32 "\n", v, res.tid,
			       vmm_early(vm, v));
		if (o->cfg.slow_every)
			printf("slow vcpu=%u tid=%d count=%" PRIu64 "\n", v, res.tid, res.slow_outs);
		if (o->time)
			printf("time vcpu=%u tid=%d rounds=%" PRIu64 " wall_ns=%" PRIu64
			       " wall_tsc=%" PRIu64 " cpu_ns=%" PRIu64 " user_exits=%" PRIu64 "\n",
			       v, res.tid, res.rounds, res.wall_ns, res.wall_tsc, res.cpu_ns,
			       res.user_exits);
		if (o->stats && vmm_has_stats(vm) && vmm_read_stats(vm, v, print_stat, &id)) {
			fprintf(stderr, "vmm: %s\n", vmm_error());
			return -1;
		}
	}
	for (i = 0; o->cfg.failures && (number = vmm_failure(vmm_isa(), i, &n)); i++)
		printf("failure error=%u count=%" PRIu64 "\n", number, (uint64_t)n * o->cfg.failures);
	for (i = 0; i < o->cfg.mistakes && vmm_mistake(vmm_isa(), i); i++)
		printf("mistake %s\n", vmm_mistake(vmm_isa(), i));
	for (i = 0; o->expect && vmm_host_caused(i, &exits[0]); i++)
		printf("excluded %s code=%u\n", exits[0].reason, exits[0].code);
	return ret;
}

/* 0: done, 1: ended by a signal, -1: failed */
static int one_guest(struct options *o)
{
	struct vmm *vm = vmm_create(&o->cfg);
	int ret = 0;

	if (!vm) {
		fprintf(stderr, "vmm: %s\n", vmm_error());
		return -1;
	}
	if (o->paused && !wait_for_go("paused"))
		ret = 1;
	if (!ret && !o->probe) {
		ret = run(o, vm);
		if (!ret)
			ret = report(o, vm);
	}
	if (!ret && o->hold && !wait_for_go("holding"))
		ret = 1;
	vmm_destroy(vm);
	return ret;
}

int main(int argc, char **argv)
{
	struct options o;
	uint64_t done = 0;
	sigset_t set;
	int ret;

	parse(&o, argc, argv);
	signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("vmm name=%s isa=%s pid=%d vcpus=%u\n", o.name,
	       vmm_isa() == VMM_VMX ? "vmx" : "svm", getpid(), o.cfg.vcpus);
	do {
		ret = one_guest(&o);
	} while (!ret && ++done < o.churn);
	if (o.churn)
		printf("churned %" PRIu64 "\n", done);
	return ret < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
