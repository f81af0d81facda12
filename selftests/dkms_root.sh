#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Usage: dkms_root.sh SOURCES OUT
# In a clean Debian with DKMS and the headers of two kernels: l1tune's SOURCES
# live through what DKMS does with them over the years. The module for the first
# kernel is left in the directory OUT.
set -uo pipefail
. "${0%/*}/root_lib.sh"

SOURCES=$1 OUT=$2
VERSION=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$SOURCES/dkms.conf")
NEXT=$VERSION.1
mapfile -t KERNELS < <(find /lib/modules -mindepth 1 -maxdepth 1 -printf '%f\n' | sort)

# add VERSION: the sources in their place, as a package puts them there
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

# has KERNEL VERSION: is that one installed there
has()
{
	local ko
	ko=$(installed "$1")
	[[ -n $ko && $(modinfo -F version "$ko") == "$2" && $(modinfo -F vermagic "$ko") == "$1 "* ]]
}

# none: of all versions and kernels
none()
{
	[[ -z $(dkms status l1tune) && -z $(find /lib/modules /var/lib/dkms -name 'l1tune*') ]]
}

ktap_print_header
ktap_set_plan 11
echo "# $(dkms --version), kernels ${KERNELS[*]}"

[[ ${#KERNELS[@]} == 2 ]] && add "$VERSION" > "$LOG" 2>&1
result "dkms add"

for kernel in "${KERNELS[@]}"; do
	dkms build -m l1tune -v "$VERSION" -k "$kernel" > "$LOG" 2>&1 &&
		dkms install -m l1tune -v "$VERSION" -k "$kernel" >> "$LOG" 2>&1 && has "$kernel" "$VERSION"
	result "dkms build and install for $kernel"
done
! grep -E 'warning|error' "/var/lib/dkms/l1tune/$VERSION"/*/x86_64/log/make.log > "$LOG"
result "the compiler has nothing to say"
cp "$(installed "${KERNELS[0]}")" "$OUT/" && [[ -n $(modinfo -F signer "$OUT"/l1tune.ko*) ]]
result "the module is signed by this machine's key"

dkms remove -m l1tune -v "$VERSION" -k "${KERNELS[1]}" > "$LOG" 2>&1 &&
	[[ -z $(installed "${KERNELS[1]}") ]] && dkms autoinstall -k "${KERNELS[1]}" >> "$LOG" 2>&1 && has "${KERNELS[1]}" "$VERSION"
result "a kernel that comes later gets it by itself"

add "$NEXT" > "$LOG" 2>&1 && dkms install -m l1tune -v "$NEXT" -k "${KERNELS[0]}" >> "$LOG" 2>&1 && has "${KERNELS[0]}" "$NEXT" &&
	has "${KERNELS[1]}" "$VERSION"
result "an upgrade replaces the version before, kernel by kernel"
dkms remove -m l1tune -v "$NEXT" --all > "$LOG" 2>&1 && rm -r "/usr/src/l1tune-$NEXT" &&
	dkms install -m l1tune -v "$VERSION" -k "${KERNELS[0]}" >> "$LOG" 2>&1 && has "${KERNELS[0]}" "$VERSION" && has "${KERNELS[1]}" "$VERSION"
result "and can be taken back"

# A kernel to come that this version does not build for.
mkdir /lib/modules/99.0 &&
	cp -R "$(readlink -f "/lib/modules/${KERNELS[0]}/build")" /usr/src/linux-headers-99.0 &&
	ln -s /usr/src/linux-headers-99.0 /lib/modules/99.0/build &&
	echo '$(error a kernel that nothing builds for)' > /usr/src/linux-headers-99.0/Makefile
! dkms autoinstall -k 99.0 > "$LOG" 2>&1 && grep -q "l1tune/$VERSION" "$LOG" && grep -q 'make.log' "$LOG" &&
	[[ -z $(installed 99.0) ]] && has "${KERNELS[0]}" "$VERSION" && has "${KERNELS[1]}" "$VERSION"
result "a kernel for which it does not build: says where to look, and the others keep theirs"

sed -i '/^CONFIG_KVM=/d' /usr/src/linux-headers-99.0/.config
dkms autoinstall -k 99.0 > "$LOG" 2>&1
[[ $? != 1 && -z $(installed 99.0) ]] && ! grep -qi 'bad exit status' "$LOG"
result "a kernel without KVM is passed over"

dkms remove -m l1tune -v "$VERSION" --all > "$LOG" 2>&1 && rm -r "/usr/src/l1tune-$VERSION" && none
result "dkms remove leaves nothing"

ktap_finished
