#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# doctor on real machines. STATE says which one this is: ready, no_vmx (a CPU
# without, and a device to resume from), ec2 (DMI of an instance; STATUS=2: one
# without VMX or SVM), cloud (DMI of another, whose row is ROW), metal, lockdown.
ANY_MACHINE=yes
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

VENDOR=$(kvm_vendor)

ktap_print_header
needs_disposable "clocks, huge pages and KVM are changed"
case $STATE in
ready)
	needs_rival
	ktap_set_plan 13
	load
	doctor 1 && has cpu ok && has kvm ok && has module ok && has hooks ok
	result "doctor has no problem on a machine with the module"
	equal "warnings" "huge pages mitigations" "$(sed 's/{"row":"/\n/g' "$TMP/doctor" | grep '"warning"' | cut -d'"' -f1 | xargs)"
	result "doctor warns of huge pages and mitigations only"
	has nesting ok && has hibernation ok && has clocksource ok
	result "doctor finds nesting, hibernation and the clock in order"
	clock=/sys/devices/system/clocksource/clocksource0
	echo hpet > $clock/current_clocksource
	doctor 1 && has clocksource warning "echo tsc > $clock/current_clocksource"
	result "doctor warns of a slow clock and says how to change it"
	echo tsc > $clock/current_clocksource
	echo 2 > /proc/sys/vm/nr_hugepages
	doctor 1 && has "huge pages" ok '2 reserved'
	result "doctor finds reserved huge pages"
	echo 0 > /proc/sys/vm/nr_hugepages
	open_kvm
	doctor 1 && has access info
	result "doctor says that everybody may open KVM"
	give_back
	chmod 600 /dev/kvm
	as_user l1tune doctor --json > "$TMP/doctor"
	equal "exit status" 1 $? && has kvm warning 'usermod -aG kvm'
	result "doctor says to a user without access to KVM what gives access"
	mv /dev/kvm /dev/kvm.not
	doctor 2 && has kvm problem 'No such file'
	result "doctor says that /dev/kvm is missing"
	mv /dev/kvm.not /dev/kvm
	rival_takes kvm_arch_init_vm
	limit max_vms 1
	doctor 1 && has hooks warning 'refuse_vm unavailable'
	result "doctor warns of a hook that another module has"
	no_limits
	rival_leaves
	unload
	doctor 1 && has module warning 'modprobe l1tune'
	result "doctor says how to load the module"
	rmmod $VENDOR
	doctor 2 && has kvm problem "modprobe $VENDOR"
	result "doctor says how to load $VENDOR"
	load
	doctor 2 && has hooks warning "modprobe $VENDOR"
	result "doctor says that hooks wait for $VENDOR"
	unload
	modprobe $VENDOR nested=0
	doctor 1 && has nesting info
	result "doctor says that nesting is off"
	;;
no_vmx)
	ktap_set_plan 4
	doctor 2 && has cpu problem 'offers no'
	result "doctor says that the CPU has neither VMX nor SVM"
	has hibernation warning 'systemctl mask'
	result "doctor warns of hibernation"
	load
	equal "offered" 0 "$(cat $L1/vmx/offered $L1/svm/offered 2> /dev/null)" &&
		equal "features" "" "$(grep -lx 1 $L1/vmx/* $L1/svm/* 2> /dev/null)" &&
		dmesg | grep -q 'l1tune: this CPU offers no'
	result "the module says that the CPU has neither VMX nor SVM, and shows no feature"
	l1tune caps | grep -q 'This CPU offers no'
	result "caps says that the CPU has neither VMX nor SVM"
	unload
	;;
ec2)
	ktap_set_plan 2
	load
	doctor "${STATUS:-1}" && has "EC2 instance" ok m8i.4xlarge && has "EC2 types" info &&
		has "EC2 hypervisors" info && has "EC2 Windows" info && has "EC2 security" info &&
		has "EC2 latency" info
	result "doctor knows an EC2 instance by its DMI"
	if [ "${STATUS:-1}" = 2 ]; then
		has "EC2 nesting" problem 'modify-instance-cpu-options'
		result "doctor says how to switch nested virtualization on in EC2"
	else
		has "EC2 nesting" ok
		result "doctor finds nested virtualization on in EC2"
	fi
	unload
	;;
cloud)
	ktap_set_plan 1
	load
	doctor 1 && has "$ROW" ok && ! grep -q '"row":"EC2' "$TMP/doctor"
	result "doctor knows $ROW by its DMI, and no other cloud"
	unload
	;;
metal)
	ktap_set_plan 1
	load
	doctor 1 && has layer info 'is L0' && has "EC2 instance" info 'bare metal' && ! row "EC2 nesting"
	result "doctor knows a bare metal instance of EC2"
	unload
	;;
lockdown)
	ktap_set_plan 2
	mount -t securityfs securityfs /sys/kernel/security 2> /dev/null
	insmod "$(find /lib/modules -name l1tune.ko)" 2> /dev/null
	check "lockdown refuses the unsigned module" equal "status of insmod" 1 $?
	doctor 1 && has module warning integrity && has lockdown info 'kvm_stat'
	result "doctor says that lockdown refuses the module and what it closes"
	;;
esac
ktap_finished
