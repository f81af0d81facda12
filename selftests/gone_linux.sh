#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A stock Linux as a guest of Debian's QEMU ends in known ways: l1tune gone names each
# cause. The guest is at /l2, see ./check.
. "${0%/*}/lib.sh"
. "${0%/*}/linux_lib.sh"

ktap_print_header
no_linux
ktap_set_plan 6
load

known_deaths QEMU
# A feature that KVM does not have on this CPU, and that the VMM shows to the guest all the same.
if grep -qw xsave /proc/cpuinfo; then
	feature=+avx512f refused="XSETBV of XCR0"
else
	feature=+xsave,+avx,level=13 refused="a write to a control register"
fi
LINUX_CPU=host,x-force-features=on,$feature
dies told_lies "triple fault, likely a restart after a panic: KVM answered $refused.* with #GP"
result "gone names the feature that KVM refused to a Linux that panics because its VMM had promised it"
unload
ktap_finished
