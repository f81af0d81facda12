#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# In a clean Debian with rpm, rpmlint, DKMS and the headers of a kernel: the rpm
# packages of /out/l1tune.tar.gz. Debian's rpm does not know installed packages, so
# dependencies are only read, not resolved.
set -uo pipefail
. "${0%/*}/root_lib.sh"
KERNEL=$(find /lib/modules -mindepth 1 -maxdepth 1 -printf '%f\n' | head -n 1)

# build VERSION TARBALL
build()
{
	RPMBUILD_OPTIONS=--nodeps packaging/rpm "$1" "$2" > "$LOG" 2>&1 && cp build/rpm/*.rpm /tmp/
}

# in_empty COMMAND…: runs rpm in a root with only its database
in_empty()
{
	rpm --root /tmp/empty --nodeps --noscripts "$@" > "$LOG" 2>&1
}

# module VERSION: whether that version is installed for the kernel
module()
{
	local ko
	ko=$(find "/lib/modules/$KERNEL" -name 'l1tune.ko*' 2> /dev/null)
	[[ -n $ko && $(modinfo -F version "$ko") == "$1" ]]
}

ktap_print_header
ktap_set_plan 9

mkdir /build && cd /build && tar -xf /out/l1tune.tar.gz --strip-components=1 || ktap_exit_fail_msg "no tarball"
version=$(sed -n 's/^L1TUNE_VERSION := //p' Kbuild) next=$version.1
build "$version" /out/l1tune.tar.gz
result "the packages build from the tarball"
rpmlint -r selftests/packages.rpmlintrc packaging/l1tune.spec build/rpm/*.rpm > "$LOG" 2>&1
result "rpmlint finds nothing"
sed -i "s/^L1TUNE_VERSION := .*/L1TUNE_VERSION := $next/" Kbuild && sed -i "s/^PACKAGE_VERSION=.*/PACKAGE_VERSION=\"$next\"/" dkms.conf &&
	tar -czf /tmp/l1tune-"$next".tar.gz --transform="s,^\.,l1tune-$next," --exclude=./build . && build "$next" /tmp/l1tune-"$next".tar.gz
result "the packages of a later version build"
[[ $(rpm -qp --requires /tmp/l1tune-"$version"-1.x86_64.rpm) == *l1tune-module* && $(rpm -qp --provides /tmp/l1tune-dkms-"$version"-1.noarch.rpm) == *l1tune-module* ]]
result "the tool's package requires l1tune-module, which the DKMS package provides"

mkdir /tmp/empty
in_empty -i /tmp/l1tune{,-dkms}-"$version"-1.*.rpm && rpm --root /tmp/empty -V --nodeps l1tune l1tune-dkms > "$LOG" 2>&1 &&
	[[ -x /tmp/empty/usr/sbin/l1tune && -e /tmp/empty/usr/lib/systemd/system/l1tune.service && -e /tmp/empty/usr/src/l1tune-$version/dkms.conf ]] &&
	[[ $(/tmp/empty/usr/sbin/l1tune --version) == "l1tune $version" ]]
result "installation into an empty root has all files, unchanged"
echo 'max_vms = 20' >> /tmp/empty/etc/l1tune.conf
in_empty -U /tmp/l1tune{,-dkms}-"$next"-1.*.rpm && grep -qx 'max_vms = 20' /tmp/empty/etc/l1tune.conf &&
	[[ $(/tmp/empty/usr/sbin/l1tune --version) == "l1tune $next" && ! -e /tmp/empty/usr/src/l1tune-$version ]]
result "an upgrade keeps the configuration"
in_empty -e l1tune l1tune-dkms && [[ -z $(find /tmp/empty -name '*l1tune*' ! -name 'l1tune.conf.rpmsave') ]]
result "removal leaves only a changed configuration"

# With the packages' own scripts.
rpm -i --nodeps /tmp/l1tune-dkms-"$version"-1.noarch.rpm > "$LOG" 2>&1 && module "$version" &&
	rpm -U --nodeps /tmp/l1tune-dkms-"$next"-1.noarch.rpm > "$LOG" 2>&1 && module "$next" && [[ $(dkms status -m l1tune) != *"$version,"* ]]
result "DKMS builds the module for $KERNEL, and its next version after an upgrade"
rpm -e l1tune-dkms > "$LOG" 2>&1 && [[ -z $(dkms status -m l1tune) && -z $(find /lib/modules -name 'l1tune*') && ! -e /usr/src/l1tune-$next ]]
result "removal of the DKMS package removes the module"

ktap_finished
