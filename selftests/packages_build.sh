#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# In a clean Debian with the build dependencies: builds the packages of
# /out/l1tune.tar.gz, and those of a later version, and leaves them in /out.
set -uo pipefail
. "${0%/*}/root_lib.sh"

# next VERSION: changes the version of the sources
next()
{
	sed -i "s/^L1TUNE_VERSION := .*/L1TUNE_VERSION := $1/" Kbuild
	sed -i "s/^PACKAGE_VERSION=.*/PACKAGE_VERSION=\"$1\"/" dkms.conf
	sed "1s/(.*)/($1)/" debian/changelog > /tmp/entry
	{ cat /tmp/entry; echo; cat debian/changelog; } > /tmp/changelog
	mv /tmp/changelog debian/changelog
}

ktap_print_header
ktap_set_plan 6

mkdir /build && cd /build && tar -xf /out/l1tune.tar.gz --strip-components=1 || ktap_exit_fail_msg "no tarball"
version=$(sed -n 's/^L1TUNE_VERSION := //p' Kbuild)
[[ $(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf) == "$version" && $(dpkg-parsechangelog -S Version) == "$version" ]]
result "module, DKMS and packages have the same version"
packaging/deb "$version" /out/l1tune.tar.gz > "$LOG" 2>&1
result "the packages build from the tarball"
! grep -E 'warning:' "$LOG" > /tmp/warnings
result "the packages build without warnings"
# Debian's rules for a first upload do not apply here.
lintian --allow-root --info --fail-on error,warning --suppress-tags initial-upload-closes-no-bugs build/deb/*.changes > "$LOG" 2>&1
result "lintian finds no error and no warning"
cp build/deb/*.deb /out/

next "$version.1"
tar -czf /tmp/next.tar.gz --transform="s,^\.,l1tune-$version.1," --exclude=./build . && packaging/deb "$version.1" /tmp/next.tar.gz > "$LOG" 2>&1 &&
	cp build/deb/*.deb /out/
result "the packages of a later version build"

make tool > "$LOG" 2>&1 && make install-tool DESTDIR=/tmp/dest prefix=/usr >> "$LOG" 2>&1 && /tmp/dest/usr/sbin/l1tune --version | grep -qx "l1tune $version.1" &&
	grep -q '^ExecStart=/usr/sbin/l1tune apply --load' /tmp/dest/usr/lib/systemd/system/l1tune.service &&
	echo mine > /tmp/dest/etc/l1tune.conf && make install-tool DESTDIR=/tmp/dest prefix=/usr >> "$LOG" 2>&1 &&
	[[ $(cat /tmp/dest/etc/l1tune.conf) == mine ]] && make uninstall DESTDIR=/tmp/dest prefix=/usr >> "$LOG" 2>&1 &&
	[[ $(find /tmp/dest -type f) == /tmp/dest/etc/l1tune.conf ]]
result "make install and uninstall with DESTDIR keep an existing configuration"

ktap_finished
