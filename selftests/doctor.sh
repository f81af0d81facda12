#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# doctor on real machines. STATE says which one this is: ready, no_kvm (started
# without it), no_vmx (a CPU without), ec2 (DMI of an instance), lockdown.
. "${0%/*}/lib.sh"

# row NAME: its state, text and commands
row()
{
	sed 's/{"row":/\n&/g' "$TMP/doctor" | grep "^{\"row\":\"$1\""
}

# doctor STATUS: looks, and wants that exit status
doctor()
{
	l1tune doctor --json > "$TMP/doctor"
	status=$?
	l1tune doctor | sed 's/^/# /'
	equal "exit status" "$1" $status
}

# has NAME STATE [TEXT]
has()
{
	row "$1" | grep "\"state\":\"$2\"" | grep -q -- "${3:-.}" && return
	ktap_print_msg "row $1: $(row "$1")"
	return 1
}

VENDOR=kvm_intel
[ "$(isa)" = vmx ] || VENDOR=kvm_amd

ktap_print_header
case $STATE in
ready)
	ktap_set_plan 7
	load
	doctor 1 && has cpu ok && has kvm ok && has module ok && has hooks ok
	result "with the module: only what this kernel's command line leaves open"
	equal "warnings" "huge pages mitigations" "$(sed 's/{"row":"/\n/g' "$TMP/doctor" | grep '"warning"' | cut -d'"' -f1 | xargs)"
	result "and a machine too small for huge pages"
	has nesting ok && has hibernation ok
	result "nesting is on, no hibernation"
	unload
	doctor 1 && has module warning 'modprobe l1tune'
	result "without the module"
	rmmod $VENDOR
	doctor 2 && has kvm problem "modprobe $VENDOR"
	result "without $VENDOR"
	load
	doctor 2 && has hooks warning "modprobe $VENDOR"
	result "with hooks that wait for it"
	unload
	modprobe $VENDOR nested=0
	doctor 1 && has nesting info
	result "with nesting off"
	;;
no_vmx)
	ktap_set_plan 3
	doctor 2 && has cpu problem 'offers no'
	result "a CPU without VMX or SVM"
	load
	equal "offered" 0 "$(cat $L1/vmx/offered $L1/svm/offered 2> /dev/null)" &&
		equal "features" "" "$(grep -lx 1 $L1/vmx/* $L1/svm/* 2> /dev/null)" &&
		dmesg | grep -q 'l1tune: this CPU offers no'
	result "the module says so, and that no feature is there"
	l1tune caps | grep -q 'This CPU offers no'
	result "and so does caps"
	unload
	;;
ec2)
	ktap_set_plan 2
	load
	doctor "${STATUS:-1}" && has "EC2 instance" ok m8i.4xlarge && has "EC2 types" info &&
		has "EC2 hypervisors" info && has "EC2 Windows" info && has "EC2 security" info &&
		has "EC2 latency" info
	result "an EC2 instance by its DMI"
	if [ "${STATUS:-1}" = 2 ]; then
		has "EC2 nesting" problem 'modify-instance-cpu-options'
		result "without nested virtualization: the steps"
	else
		has "EC2 nesting" ok
		result "with nested virtualization"
	fi
	unload
	;;
lockdown)
	ktap_set_plan 2
	mount -t securityfs securityfs /sys/kernel/security 2> /dev/null
	insmod "$(find /lib/modules -name l1tune.ko)" 2> /dev/null
	equal "status of insmod" 1 $?
	result "lockdown keeps the unsigned module out"
	doctor 1 && has module warning integrity && has lockdown info 'kvm_stat'
	result "and doctor says so"
	;;
esac
ktap_finished
