// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "record/uevent.h"

/* Group 1 is the kernel's, group 2 is udev's. */
#define KERNEL_GROUP	1
/* For a storm of some ten thousand messages; it is taken only when there is one. */
#define QUEUE_BYTES	(16 << 20)

void uevent_add(struct uevent_keys *keys, char *pair)
{
	char *value = strchr(pair, '=');

	if (!value || value == pair || keys->num == UEVENT_MAX_KEYS)
		return;
	*value = '\0';
	keys->v[keys->num].key = pair;
	keys->v[keys->num++].value = value + 1;
}

int uevent_parse(char *buf, size_t len, struct uevent *uevent)
{
	char *end = buf + len, *next, *at;

	*uevent = (struct uevent){ };
	if (!len || end[-1])
		return -EINVAL;
	at = strchr(buf, '@');
	if (!at || at == buf || at[1] != '/')
		return -EINVAL;
	next = at + strlen(at) + 1;
	*at = '\0';
	uevent->action = buf;
	uevent->devpath = at + 1;
	while (next < end) {
		char *pair = next;

		next += strlen(next) + 1;
		uevent_add(&uevent->keys, pair);
	}
	return 0;
}

const char *uevent_get(const struct uevent_keys *keys, const char *key)
{
	size_t i;

	for (i = 0; i < keys->num; i++)
		if (!strcmp(keys->v[i].key, key))
			return keys->v[i].value;
	return NULL;
}

const char *uevent_device(const struct uevent *uevent)
{
	return strrchr(uevent->devpath, '/') + 1;
}

int uevent_open(void)
{
	const struct sockaddr_nl address = {
		.nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP,
	};
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			NETLINK_KOBJECT_UEVENT);
	int size = QUEUE_BYTES, err;

	if (fd < 0)
		return -errno;
	/* Beyond the usual maximum, where that is permitted. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (!bind(fd, (const struct sockaddr *)&address, sizeof(address)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

ssize_t uevent_receive(int fd, char *buf, size_t size)
{
	struct sockaddr_nl from = { };
	struct iovec part = { .iov_base = buf, .iov_len = size };
	struct msghdr message = {
		.msg_name = &from, .msg_namelen = sizeof(from),
		.msg_iov = &part, .msg_iovlen = 1,
	};
	ssize_t len = recvmsg(fd, &message, MSG_DONTWAIT);

	if (len < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	/* Any process may send to this socket; port 0 is the kernel's alone. */
	if (from.nl_pid || from.nl_groups != KERNEL_GROUP ||
	    message.msg_flags & MSG_TRUNC)
		return 0;
	return len;
}
