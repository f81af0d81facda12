/* SPDX-License-Identifier: GPL-2.0 */
#ifndef L1TUNE_NAME_PATH_H
#define L1TUNE_NAME_PATH_H

/*
 * The path in an option's value: "/run/a.sock", "path=/run/a.sock",
 * "unix:/run/a.sock,server", "file=/a/b.img,if=none", or QEMU's JSON. A copy, or
 * NULL if no file is in it.
 */
char *name_find_path(const char *value);

/*
 * The name that a path of a guest's own socket, disk or configuration gives it:
 * its file name, or the nearest directory above it without a generic name:
 * "/run/ch/web1.sock" is web1, "/srv/vms/web2/disk.qcow2" is web2. A copy, or
 * NULL.
 */
char *name_from_path(const char *path);

/* The part of a path that follows "/vault/instances/", say. A copy, or NULL. */
char *name_after(const char *path, const char *marker);

#endif
