// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/util.h"
#include "model/machine.h"
#include "model/module-rules.h"
#include "settings/modules.h"

/* Its exit status, or -errno. */
static int run(char *const argv[], const posix_spawn_file_actions_t *files)
{
	int err, status;
	pid_t pid;

	err = posix_spawnp(&pid, argv[0], files, NULL, argv, environ);
	if (err)
		return -err;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

/* Is there a module for this kernel, wherever this system keeps modules? True if unknown. */
static bool is_built(void)
{
	char *const argv[] = { "modinfo", "-F", "version", "l1tune", NULL };
	posix_spawn_file_actions_t files;
	int result;

	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	result = run(argv, &files);
	posix_spawn_file_actions_destroy(&files);
	return result <= 0;
}

/* To free. */
static char *why_not_built(const struct env *env)
{
	char kernel[128];

	if (modules_are_gone(env))
		return xstrdup("/lib/modules has none of the kernel that runs, as after an upgrade of the kernel: start the machine again, into the kernel that is installed; in a container, load it on the host");
	machine_file(env->proc, kernel, sizeof(kernel), "sys/kernel/osrelease");
	return xasprintf("there is none for the kernel %s: install that kernel's headers, with which dkms builds it (dkms status l1tune; dkms autoinstall); in a container, load it on the host",
			 kernel);
}

/* To free. */
static char *why_not_loaded(const struct env *env)
{
	char *rule, *why;

	if (geteuid())
		return xstrdup("only root may load modules");
	if (modules_are_disabled(env))
		return xstrdup("this kernel loads no module until the next boot (kernel.modules_disabled is 1): list l1tune in /etc/modules-load.d, which comes before sysctl.d at boot");
	if (!is_built())
		return why_not_built(env);
	rule = modules_why_signed(env);
	why = rule ? xasprintf("this kernel loads only modules that are signed by a key that it trusts (%s): l1tune doctor has the commands", rule) :
		     xstrdup("modprobe or dmesg says why: a module for another kernel (dkms status l1tune; dkms autoinstall), or a security module or container that forbids loading");
	free(rule);
	return why;
}

static int load_l1tune(const struct env *env, const char *gid)
{
	char *parameter = gid ? xasprintf("gid=%s", gid) : NULL, *why;
	char *const argv[] = { "modprobe", "l1tune", parameter, NULL };
	int result = run(argv, NULL);

	free(parameter);
	if (!result)
		return STATUS_OK;
	if (result < 0) {
		complain("cannot run modprobe: %s: install kmod, with /sbin or /usr/sbin in PATH", strerror(-result));
		return STATUS_NO_MODULE;
	}
	why = why_not_loaded(env);
	complain("the module l1tune cannot be loaded, modprobe ended with status %d: %s", result, why);
	free(why);
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
	if (run(argv, NULL))
		complain("%s cannot be loaded: l1tune doctor says what is missing",
			 argv[1]);
}

int load_modules(const struct env *env, const char *gid)
{
	int status = STATUS_OK;

	if (!machine_has(env->sysfs, "class/l1tune/l1"))
		status = load_l1tune(env, gid);
	if (status == STATUS_OK)
		load_kvm(env);
	return status;
}
