#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A stock Linux as a guest of kvmtool ends in known ways: l1tune gone names each cause.
# Debian has no package of kvmtool. The guest is at /l2, see ./check.
. "${0%/*}/lib.sh"
. "${0%/*}/linux_lib.sh"

LINUX_VMM=lkvm

no_linux
command -v lkvm > /dev/null || skip_all "no lkvm: kvmtool is not installed"
ktap_print_header
ktap_set_plan 5
load

known_deaths kvmtool
unload
ktap_finished
