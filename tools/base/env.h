/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_ENV_H
#define L1TUNE_ENV_H

/* Loads the module again, with what /etc/l1tune.conf says. */
#define RELOAD		"rmmod l1tune && l1tune apply --load"

/* What to do about a module of another version. */
#define LOAD_OURS	"load the module that came with this l1tune: " RELOAD

struct past;

/* Where this machine is looked at: /sys, /proc and /dev, or directories used instead. */
struct env {
	const char *sysfs;
	const char *proc;
	const char *dev;
	/* Where the tool keeps files of its own. */
	const char *state;
	/* Records that are looked at instead; NULL for none. */
	struct past *past;
	int class_fd;
	int proc_fd;
};

/* STATUS_OK, or another exit status after a message. */
int env_open(struct env *env);
void env_close(struct env *env);

/*
 * Tells that a file below the class could not be read, and what to do about
 * it. Returns the exit status for that.
 */
int env_complain(const struct env *env, const char *file, int err);

/* Tells that the loaded module is older than the tool: it lacks this file. */
int env_complain_older(const struct env *env, const char *file);

/* Why a file of the machine cannot be read: what no record has is unknown. */
const char *env_why_not(const struct env *env, int err);

#endif
