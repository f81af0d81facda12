#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Detection of an L0 that looks like Hyper-V and offers an enlightened VMCS. KVM as
# L0 can look like that to its guests.
. "${0%/*}/lib.sh"

ktap_print_header
ktap_set_plan 3

load
check "l1/hypervisor says that L0 is Hyper-V" equal "L0" "Microsoft Hv" "$(value hypervisor)"
check "l1/vmx/enlightened_vmcs is 1 under Hyper-V" equal "offered" 1 "$(value vmx/enlightened_vmcs)"
l1tune caps > "$TMP/caps" && grep -q '^L0 is Microsoft Hv' "$TMP/caps" && grep -q '^enlightened_vmcs *yes' "$TMP/caps" &&
	l1tune doctor | grep -q 'a guest of Microsoft Hv'
result "caps and doctor say that L0 is Hyper-V and offers an enlightened VMCS"

unload
ktap_finished
