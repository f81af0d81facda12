#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A stock Linux as a guest of Debian's QEMU, which dies in ways that are known: what
# l1tune gone says of each. The guest is at /l2, see ./check.
. "${0%/*}/lib.sh"
. "${0%/*}/linux_lib.sh"

ktap_print_header
no_linux
ktap_set_plan 6
load

dies panics "triple fault" l2.panic && grep -q 'a deliberate restart' "$TMP/gone"
result "a Linux that panics and restarts by a triple fault is said to have ended by one, maybe on purpose"
dies exits "triple fault" l2.exit
result "a Linux whose init exits is said to have ended by a triple fault"
dies lost_root "triple fault" rdinit=/none root=/dev/none
result "a Linux without a root file system is said to have ended by a triple fault"
LINUX_MACHINE=pc
dies resets "keyboard controller" l2.panic reboot=k
result "a Linux that panics and restarts by the keyboard controller of a PC is said to have reset itself by it"
LINUX_MACHINE=
# A feature that KVM does not have on this CPU, of which the VMM tells the guest nevertheless.
if grep -qw xsave /proc/cpuinfo; then
	feature=+avx512f refused="XSETBV of XCR0"
else
	feature=+xsave,+avx,level=13 refused="a write to a control register"
fi
LINUX_CPU=host,x-force-features=on,$feature
dies told_lies "triple fault, likely a restart after a panic: KVM answered $refused.* with #GP"
result "a Linux that panics as KVM refuses to turn on a feature that its VMM has promised is said to have died of that"
LINUX_CPU=
linux killed
within 120 is_up killed && kill -KILL "$(pid killed)" && wait_for has_ended killed && has_cause killed SIGKILL
result "a Linux whose QEMU is killed is said to have ended by that"
unload
ktap_finished
