/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_UEVENT_H
#define L1TUNE_UEVENT_H

#include <stddef.h>
#include <sys/types.h>

/* The kernel's own bounds: UEVENT_NUM_ENVP, and UEVENT_BUFFER_SIZE and a path. */
#define UEVENT_MAX_KEYS	64
#define UEVENT_MAX_SIZE	8192

/* KEY=VALUE pairs, in the buffer that they came in. */
struct uevent_keys {
	size_t num;
	struct {
		const char *key;
		const char *value;
	} v[UEVENT_MAX_KEYS];
};

/* A message of the kernel about a device. */
struct uevent {
	const char *action;
	const char *devpath;
	struct uevent_keys keys;
};

/*
 * "ACTION@DEVPATH", then "KEY=VALUE", each with a NUL after it. Splits the
 * buffer in place. 0, or -EINVAL for an invalid message.
 */
int uevent_parse(char *buf, size_t len, struct uevent *uevent);

/* NULL if there is no such key. */
const char *uevent_get(const struct uevent_keys *keys, const char *key);

/*
 * Cuts "KEY=VALUE" up and adds it; what has no key or no value is passed over,
 * and so is what is too much.
 */
void uevent_add(struct uevent_keys *keys, char *pair);

/* The last part of the path: the device's name. */
const char *uevent_device(const struct uevent *uevent);

/* A socket that receives uevents, or -errno. */
int uevent_open(void);

/*
 * The next message: its length, 0 for one that is not the kernel's and must be
 * skipped, -EAGAIN if there is none, -ENOBUFS if some were lost.
 */
ssize_t uevent_receive(int fd, char *buf, size_t size);

#endif
