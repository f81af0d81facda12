#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A stock Linux as a guest of kvmtool, which dies in ways that are known: what l1tune gone
# says of each. Debian has no package of kvmtool. The guest is at /l2, see ./check.
. "${0%/*}/lib.sh"
. "${0%/*}/linux_lib.sh"

LINUX_VMM=lkvm
HOME=$TMP
export HOME

no_linux
command -v lkvm > /dev/null || skip_all "no lkvm: kvmtool is not installed"
ktap_print_header
ktap_set_plan 5
load

dies panics "triple fault" l2.panic && grep -q 'a deliberate restart' "$TMP/gone"
result "a Linux under kvmtool that panics and restarts by a triple fault is said to have ended by one, maybe on purpose"
dies exits "triple fault" l2.exit
result "a Linux under kvmtool whose init exits is said to have ended by a triple fault"
dies lost_root "triple fault" rdinit=/none root=/dev/none
result "a Linux under kvmtool without a root file system is said to have ended by a triple fault"
dies resets "keyboard controller" l2.panic reboot=k
result "a Linux under kvmtool that restarts by the keyboard controller is said to have reset itself by it"
linux killed
within 120 is_up killed && kill -KILL "$(pid killed)" && wait_for has_ended killed && has_cause killed SIGKILL
result "a Linux whose kvmtool is killed is said to have ended by that"
unload
ktap_finished
