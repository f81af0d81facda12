#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Usage: dkms_root.sh SOURCES OUT
# In a clean Debian with DKMS and the headers of two kernels: runs l1tune's SOURCES
# through the DKMS life cycle. Leaves the module for the first kernel in the directory
# OUT.
set -uo pipefail
. "${0%/*}/root_lib.sh"

SOURCES=$1 OUT=$2
VERSION=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$SOURCES/dkms.conf")
NEXT=$VERSION.1
mapfile -t KERNELS < <(find /lib/modules -mindepth 1 -maxdepth 1 -printf '%f\n' | sort)

# add VERSION: installs the sources as a package does
add()
{
	mkdir -p "/usr/src/l1tune-$1"
	cp -R "$SOURCES"/{Kbuild,Makefile,dkms.conf,module} "/usr/src/l1tune-$1/"
	sed -i "s/^PACKAGE_VERSION=.*/PACKAGE_VERSION=\"$1\"/" "/usr/src/l1tune-$1/dkms.conf"
	sed -i "s/^L1TUNE_VERSION := .*/L1TUNE_VERSION := $1/" "/usr/src/l1tune-$1/Kbuild"
	dkms add -m l1tune -v "$1"
}

installed()
{
	find "/lib/modules/$1/updates/dkms" -name 'l1tune.ko*' 2> /dev/null | head -n 1
}

# has KERNEL VERSION: whether that version is installed for that kernel
has()
{
	local ko
	ko=$(installed "$1")
	[[ -n $ko && $(modinfo -F version "$ko") == "$2" && $(modinfo -F vermagic "$ko") == "$1 "* ]]
}

# none: whether no version is left for any kernel
none()
{
	[[ -z $(dkms status l1tune) && -z $(find /lib/modules /var/lib/dkms -name 'l1tune*') ]]
}

ktap_print_header
ktap_set_plan 11
echo "# $(dkms --version), kernels ${KERNELS[*]}"

[[ ${#KERNELS[@]} == 2 ]] && add "$VERSION" > "$LOG" 2>&1
result "dkms add accepts the sources"

for kernel in "${KERNELS[@]}"; do
	dkms build -m l1tune -v "$VERSION" -k "$kernel" > "$LOG" 2>&1 &&
		dkms install -m l1tune -v "$VERSION" -k "$kernel" >> "$LOG" 2>&1 && has "$kernel" "$VERSION"
	result "dkms builds and installs the module for $kernel"
done
! grep -E 'warning|error' "/var/lib/dkms/l1tune/$VERSION"/*/x86_64/log/make.log > "$LOG"
result "the dkms build has no warnings"
cp "$(installed "${KERNELS[0]}")" "$OUT/" && [[ -n $(modinfo -F signer "$OUT"/l1tune.ko*) ]]
result "the module is signed by this machine's key"

dkms remove -m l1tune -v "$VERSION" -k "${KERNELS[1]}" > "$LOG" 2>&1 &&
	[[ -z $(installed "${KERNELS[1]}") ]] && dkms autoinstall -k "${KERNELS[1]}" >> "$LOG" 2>&1 && has "${KERNELS[1]}" "$VERSION"
result "dkms autoinstall installs the module for a kernel that is added later"

add "$NEXT" > "$LOG" 2>&1 && dkms install -m l1tune -v "$NEXT" -k "${KERNELS[0]}" >> "$LOG" 2>&1 && has "${KERNELS[0]}" "$NEXT" &&
	has "${KERNELS[1]}" "$VERSION"
result "an upgrade replaces the previous version, kernel by kernel"
dkms remove -m l1tune -v "$NEXT" --all > "$LOG" 2>&1 && rm -r "/usr/src/l1tune-$NEXT" &&
	dkms install -m l1tune -v "$VERSION" -k "${KERNELS[0]}" >> "$LOG" 2>&1 && has "${KERNELS[0]}" "$VERSION" && has "${KERNELS[1]}" "$VERSION"
result "a downgrade restores the previous version"

# A future kernel that this version does not build for.
mkdir /lib/modules/99.0 &&
	cp -R "$(readlink -f "/lib/modules/${KERNELS[0]}/build")" /usr/src/linux-headers-99.0 &&
	ln -s /usr/src/linux-headers-99.0 /lib/modules/99.0/build &&
	echo '$(error a kernel that nothing builds for)' > /usr/src/linux-headers-99.0/Makefile
! dkms autoinstall -k 99.0 > "$LOG" 2>&1 && grep -q "l1tune/$VERSION" "$LOG" && grep -q 'make.log' "$LOG" &&
	[[ -z $(installed 99.0) ]] && has "${KERNELS[0]}" "$VERSION" && has "${KERNELS[1]}" "$VERSION"
result "dkms names the log of a kernel for which the build fails, and other kernels keep the module"

sed -i '/^CONFIG_KVM=/d' /usr/src/linux-headers-99.0/.config
dkms autoinstall -k 99.0 > "$LOG" 2>&1
[[ $? != 1 && -z $(installed 99.0) ]] && ! grep -qi 'bad exit status' "$LOG"
result "dkms skips a kernel without KVM"

dkms remove -m l1tune -v "$VERSION" --all > "$LOG" 2>&1 && rm -r "/usr/src/l1tune-$VERSION" && none
result "dkms remove leaves no files"

ktap_finished
