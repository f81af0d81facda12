#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What is said of an L0 that looks like Hyper-V and offers an enlightened VMCS:
# KVM as L0 can look so to its guests.
. "${0%/*}/lib.sh"

ktap_print_header
ktap_set_plan 3

load
equal "L0" "Microsoft Hv" "$(value hypervisor)"
result "L0 says it is Hyper-V"
equal "offered" 1 "$(value vmx/enlightened_vmcs)"
result "and offers an enlightened VMCS"
l1tune caps > "$TMP/caps" && grep -q '^L0 is Microsoft Hv' "$TMP/caps" && grep -q '^enlightened_vmcs *yes' "$TMP/caps" &&
	l1tune doctor | grep -q 'a guest of Microsoft Hv'
result "caps and doctor say so"

unload
ktap_finished
