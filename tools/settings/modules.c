// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/util.h"
#include "model/machine.h"
#include "settings/modules.h"

/* Its exit status, or -errno. */
static int run(char *const argv[])
{
	int err, status;
	pid_t pid;

	err = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
	if (err)
		return -err;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

static int load_l1tune(const char *gid)
{
	char *parameter = gid ? xasprintf("gid=%s", gid) : NULL;
	char *const argv[] = { "modprobe", "l1tune", parameter, NULL };
	int result = run(argv);

	free(parameter);
	if (!result)
		return STATUS_OK;
	if (result < 0)
		complain("cannot run modprobe: %s", strerror(-result));
	else
		complain("the module l1tune cannot be loaded, modprobe ended with status %d: after a kernel upgrade, dkms has to build it (dkms status l1tune; dkms autoinstall); with Secure Boot, it has to be signed; see dmesg",
			 result);
	return STATUS_NO_MODULE;
}

static void load_kvm(const struct env *env)
{
	struct machine machine;
	char *argv[] = { "modprobe", NULL, NULL };

	machine_read(env, &machine);
	argv[1] = machine.vmx ? "kvm_intel" : machine.svm ? "kvm_amd" : NULL;
	if (!argv[1])
		return;
	if (run(argv))
		complain("%s cannot be loaded: l1tune doctor says what is missing",
			 argv[1]);
}

int load_modules(const struct env *env, const char *gid)
{
	int status = STATUS_OK;

	if (!machine_has(env->sysfs, "class/l1tune/l1"))
		status = load_l1tune(gid);
	if (status == STATUS_OK)
		load_kvm(env);
	return status;
}
