// SPDX-License-Identifier: GPL-2.0
/* Running a VM: one thread per vCPU, which serves what KVM leaves to the VMM. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "vmm-int.h"

#define KICK_SIGNAL	SIGRTMIN

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/* By this thread, on a CPU. */
static uint64_t spent_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* CPU time: what another thread has of the CPU meanwhile does not count. */
static void spin_us(uint32_t us)
{
	const uint64_t end = spent_ns() + us * 1000ull;

	while (spent_ns() < end)
		_mm_pause();
}

static void sleep_us(uint32_t us)
{
	struct timespec left = { us / 1000000, us % 1000000 * 1000 };

	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

static void kicked(int sig)
{
	(void)sig;
}

/* With vm->lock held: go on when all vCPU threads still running are here. */
static void meet(struct vmm *vm)
{
	const unsigned int meeting = vm->meeting;

	if (++vm->waiting < vm->running) {
		while (vm->meeting == meeting && !vm->kill)
			pthread_cond_wait(&vm->cond, &vm->lock);
		return;
	}
	vm->waiting = 0;
	vm->meeting++;
	pthread_cond_broadcast(&vm->cond);
}

static void recycle_together(struct vcpu *vcpu)
{
	struct vmm *vm = vcpu->vm;

	pthread_mutex_lock(&vm->lock);
	meet(vm);
	program_recycle_fresh(vcpu);
	meet(vm);
	pthread_mutex_unlock(&vm->lock);
}

/*
 * vCPUs start one after the other: two that build the upper levels of the EPT
 * at the same time take a fault more than they need.
 */
static void begin_start(struct vmm *vm)
{
	pthread_mutex_lock(&vm->lock);
	while (vm->starting && !vm->kill)
		pthread_cond_wait(&vm->cond, &vm->lock);
	vm->starting = true;
	pthread_mutex_unlock(&vm->lock);
}

static void end_start(struct vmm *vm)
{
	pthread_mutex_lock(&vm->lock);
	vm->starting = false;
	pthread_cond_broadcast(&vm->cond);
	pthread_mutex_unlock(&vm->lock);
}

/* Returns true when it was the last round. */
static bool round_done(struct vcpu *vcpu)
{
	struct vmm *vm = vcpu->vm;
	const struct vmm_config *cfg = &vm->cfg;

	if (vcpu->ready) {
		vcpu->res.rounds++;
	} else {
		vcpu->ready = true;
		end_start(vm);
	}
	if (vm->stop || (cfg->rounds && vcpu->res.rounds == cfg->rounds))
		return true;
	if (vcpu->res.rounds && (cfg->count[VMM_EPT] || cfg->count[VMM_L3EPT]))
		recycle_together(vcpu);
	program_next_round(vcpu);
	return false;
}

static const char *guest_failure(uint32_t code)
{
	static const char * const names[] = {
		[FAIL_VMXON] = "VMXON failed",
		[FAIL_VMCLEAR] = "VMCLEAR failed",
		[FAIL_VMPTRLD] = "VMPTRLD failed",
		[FAIL_VMWRITE] = "VMWRITE failed",
		[FAIL_VMENTRY] = "VMLAUNCH or VMRESUME failed",
		[FAIL_VMREAD] = "VMREAD failed",
		[FAIL_L3_EXIT] = "the nested guest exited with an unexpected reason",
		[FAIL_MISTAKE] = "the nested guest was entered in spite of a mistake",
	};

	return code < ARRAY_SIZE(names) && names[code] ? names[code] : "unknown failure";
}

static void serve_out(struct vcpu *vcpu)
{
	const struct vmm_config *cfg = &vcpu->vm->cfg;

	if (cfg->user_spin_us)
		spin_us(cfg->user_spin_us);
	if (!cfg->slow_every || ++vcpu->res.outs % cfg->slow_every)
		return;
	vcpu->res.slow_outs++;
	sleep_us(cfg->slow_us);
}

/* 1: the program is over, 0: go on, -1: failed */
static int serve_io(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	void *data = (uint8_t *)run + run->io.data_offset;
	uint32_t value = 0;

	switch (run->io.port) {
	case PORT_ROUND:
		return round_done(vcpu);
	case PORT_OUT:
		serve_out(vcpu);
		return 0;
	case PORT_IN:
		memcpy(data, &value, sizeof(value));
		return 0;
	case PORT_FAIL:
		memcpy(&value, data, sizeof(value));
		return vmm_fail("vCPU %u: the guest says: %s", vcpu->index, guest_failure(value));
	default:
		return vmm_fail("vCPU %u: unexpected access to port %#x", vcpu->index,
				run->io.port);
	}
}

static int serve_mmio(struct vcpu *vcpu)
{
	const uint64_t addr = vcpu->run->mmio.phys_addr;

	if (addr == VCPU_GPA(vcpu->index) + GUEST_MMIO)
		return 0;
	return vmm_fail("vCPU %u: unexpected MMIO at %#llx", vcpu->index,
			(unsigned long long)addr);
}

static int serve_exit(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		return serve_io(vcpu);
	case KVM_EXIT_MMIO:
		return serve_mmio(vcpu);
	case KVM_EXIT_HLT:
		return 0;
	case KVM_EXIT_SHUTDOWN:
		return vmm_fail("vCPU %u: triple fault in the guest", vcpu->index);
	case KVM_EXIT_FAIL_ENTRY:
		return vmm_fail("vCPU %u: the CPU refuses to enter the guest, reason %#llx",
				vcpu->index, (unsigned long long)
				run->fail_entry.hardware_entry_failure_reason);
	case KVM_EXIT_INTERNAL_ERROR:
		return vmm_fail("vCPU %u: KVM internal error, suberror %u", vcpu->index,
				run->internal.suberror);
	default:
		return vmm_fail("vCPU %u: unexpected KVM exit reason %u", vcpu->index,
				run->exit_reason);
	}
}

static int run_vcpu(struct vcpu *vcpu)
{
	int ret = 0;

	while (!ret) {
		if (vcpu->vm->kill)
			return 0;
		if (ioctl(vcpu->fd, KVM_RUN, 0) == 0) {
			vcpu->res.user_exits++;
			ret = serve_exit(vcpu);
		} else if (errno != EINTR && errno != EAGAIN) {
			ret = vmm_fail_errno("KVM_RUN", NULL);
		}
	}
	return ret;
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *vcpu = arg;
	struct vmm *vm = vcpu->vm;
	uint64_t tsc, ns, spent;
	int ret;

	vcpu->res.tid = syscall(SYS_gettid);
	begin_start(vm);
	spent = spent_ns();
	ns = now_ns();
	tsc = __rdtsc();
	ret = run_vcpu(vcpu);
	vcpu->res.wall_tsc = __rdtsc() - tsc;
	vcpu->res.wall_ns = now_ns() - ns;
	vcpu->res.cpu_ns = spent_ns() - spent;
	vcpu->res.complete = ret > 0;
	if (ret < 0) {
		memcpy(vcpu->error, vmm_error(), sizeof(vcpu->error));
		vcpu->failed = true;
		vmm_kill(vm);
	}
	if (!vcpu->ready)
		end_start(vm);

	pthread_mutex_lock(&vm->lock);
	vm->running--;
	if (vm->waiting && vm->waiting == vm->running) {
		vm->waiting = 0;
		vm->meeting++;
	}
	pthread_cond_broadcast(&vm->cond);
	pthread_mutex_unlock(&vm->lock);
	return NULL;
}

int vmm_start(struct vmm *vm)
{
	struct sigaction kick = { .sa_handler = kicked };
	struct vcpu *vcpu;
	unsigned int i;
	int err;

	if (sigaction(KICK_SIGNAL, &kick, NULL))
		return vmm_fail_errno("sigaction", NULL);
	pthread_mutex_lock(&vm->lock);
	vm->running = vm->cfg.vcpus;
	for (i = 0; i < vm->cfg.vcpus; i++) {
		vcpu = &vm->vcpus[i];
		err = pthread_create(&vcpu->thread, NULL, vcpu_thread, vcpu);
		if (err)
			break;
		vcpu->started = true;
	}
	vm->running = i;
	pthread_mutex_unlock(&vm->lock);
	if (i == vm->cfg.vcpus)
		return 0;
	vmm_kill(vm);
	vmm_wait(vm);
	return vmm_fail("cannot create the thread of vCPU %u: %s", i, strerror(err));
}

void vmm_stop(struct vmm *vm)
{
	vm->stop = true;
}

void vmm_kill(struct vmm *vm)
{
	unsigned int i;

	vm->kill = true;
	pthread_mutex_lock(&vm->lock);
	for (i = 0; i < vm->cfg.vcpus; i++) {
		if (!vm->vcpus[i].started)
			continue;
		/* KVM_RUN not yet begun returns at once, begun is interrupted. */
		vm->vcpus[i].run->immediate_exit = 1;
		pthread_kill(vm->vcpus[i].thread, KICK_SIGNAL);
	}
	pthread_cond_broadcast(&vm->cond);
	pthread_mutex_unlock(&vm->lock);
}

int vmm_wait(struct vmm *vm)
{
	struct vcpu *failed = NULL;
	unsigned int i;

	for (i = 0; i < vm->cfg.vcpus; i++) {
		struct vcpu *vcpu = &vm->vcpus[i];

		if (!vcpu->started)
			continue;
		pthread_join(vcpu->thread, NULL);
		pthread_mutex_lock(&vm->lock);
		vcpu->started = false;
		pthread_mutex_unlock(&vm->lock);
		if (vcpu->failed && !failed)
			failed = vcpu;
	}
	return failed ? vmm_fail("%s", failed->error) : 0;
}

uint32_t vmm_undefined(struct vmm *vm, unsigned int vcpu)
{
	return vcpu_params(&vm->vcpus[vcpu])->undefined;
}

uint32_t vmm_early(struct vmm *vm, unsigned int vcpu)
{
	return vcpu_params(&vm->vcpus[vcpu])->early;
}

void vmm_result(struct vmm *vm, unsigned int vcpu, struct vmm_result *res)
{
	*res = vm->vcpus[vcpu].res;
}
