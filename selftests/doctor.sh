#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# doctor on machines in a known state. STATE is ready, no_vmx (a CPU without VMX
# or SVM, and a resume device), ec2 (DMI of an instance; STATUS=2: without VMX or
# SVM), cloud (DMI of another cloud, with the row ROW), metal or lockdown.
ANY_MACHINE=yes
. "${0%/*}/lib.sh"

# row NAME: prints its state, text and commands
row()
{
	sed 's/{"row":/\n&/g' "$TMP/doctor" | grep "^{\"row\":\"$1\""
}

# doctor STATUS: runs doctor and checks its exit status
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

# efer CPU: prints the register; bit 12 is set while SVM is enabled
efer()
{
	echo $(($(dd if="/dev/cpu/$1/msr" bs=8 skip=402653200 count=1 2> /dev/null | od -x | awk 'NR == 1 { print "0x" $3 $2 }')))
}

# set_svme BIT: sets or clears EFER.SVME on all CPUs, as another hypervisor does
set_svme()
{
	for cpu in /dev/cpu/[0-9]*; do
		cpu=${cpu##*/}
		value=$((($(efer "$cpu") & ~0x1000) | $1 << 12))
		printf '%b' "\\0$(printf %o $((value & 255)))\\0$(printf %o $((value >> 8 & 255)))\\0000\\0000\\0000\\0000\\0000\\0000" |
			dd of="/dev/cpu/$cpu/msr" bs=8 seek=402653200 conv=notrunc 2> /dev/null
	done
}

# is_svm_off: before 6.12 KVM enables SVM only with the first VM
is_svm_off()
{
	[ "$(isa)" = svm ] && modprobe msr 2> /dev/null && [ $(($(efer 0) & 0x1000)) -eq 0 ]
}

VENDOR=$(kvm_vendor)

ktap_print_header
needs_disposable "it changes clocks, huge pages and KVM"
case $STATE in
ready)
	needs_rival
	ktap_set_plan 23
	load
	doctor 1 && has cpu ok && has kvm ok && has module ok && has hooks ok
	result "doctor finds no problem on a machine with the module loaded"
	equal "warnings" "huge pages mitigations" "$(sed 's/{"row":"/\n/g' "$TMP/doctor" | grep '"warning"' | cut -d'"' -f1 | xargs)"
	result "doctor warns of huge pages and mitigations only"
	has nesting ok && has hibernation ok && has clocksource ok
	result "doctor reports nesting, hibernation and the clock as ok"
	has trial ok 'ran an instruction' && has nesting ok "CPUID shows $(isa)"
	result "doctor runs a VM with a vCPU, and its CPUID shows nesting"
	equal "VMs" 0 "$(value usage/vms)" && equal "vCPUs" 0 "$(value usage/vcpus)" &&
		! pgrep l1tune && ! ls -d "$CLASS"/l2-* 2> /dev/null
	result "doctor leaves no VM behind"
	has hooks ok 'its start, its exits, its end'
	result "doctor finds that the hooks reported its guest"
	cp -rL "$CLASS" "$TMP/class" 2> /dev/null
	mkdir -p "$TMP/sysfs/class" && mv "$TMP/class" "$TMP/sysfs/class/l1tune"
	for other in devices kernel module; do
		ln -s /sys/$other "$TMP/sysfs/$other"
	done
	l1tune doctor --json --sysfs "$TMP/sysfs" > "$TMP/doctor"
	has hooks warning "missed the trial guest's start and end"
	result "doctor warns of hooks that are attached but not called"
	echo "# no limit" > "$TMP/conf"
	l1tune apply --load "$TMP/conf" > "$TMP/said" 2>&1
	equal "status" 0 $? && equal "said" "" "$(cat "$TMP/said")" && {
		l1tune apply --load --sysfs "$TMP/sysfs" "$TMP/conf" > "$TMP/said" 2>&1
		equal "status" 1 $?
	} && grep -q "missed the start and end" "$TMP/said"
	result "apply --load fails if hooks are attached but not called"
	limit max_vms 0
	vms=$(value totals/vms)
	doctor 1 && has trial info 'limit' && equal "denied" 0 "$(value denied/max_vms)" &&
		equal "VMs since load" "$vms" "$(value totals/vms)"
	result "doctor does not create a VM that a limit would refuse"
	no_limits
	if is_svm_off; then
		set_svme 1
		doctor 2 && has trial problem 'another hypervisor has the CPU'
		result "doctor says that another hypervisor uses the CPU"
		set_svme 0
	else
		ktap_test_skip "doctor says that another hypervisor uses the CPU" "KVM has enabled SVM already, or this is VMX"
	fi
	runs refused --forever cpuid=100
	doctor 1 && has "guest memory" warning 'refused (l2-[0-9]*): its VMM refused huge pages'
	result "doctor warns of a running guest whose VMM refused huge pages"
	kill_vmms
	wait_for has_guests 0
	background small backed anon 4 4
	within 60 said small round && doctor 1 && has "guest memory" warning '(l2-[0-9]*): enabled is never'
	result "doctor warns of a running guest whose memory has no huge pages"
	echo always > /sys/kernel/mm/transparent_hugepage/enabled
	doctor 1 && has "guest memory" ok '1 guest can'
	result "doctor reports ok for a running guest whose memory can have huge pages"
	echo never > /sys/kernel/mm/transparent_hugepage/enabled
	kill_vmms
	wait_for has_guests 0
	clock=/sys/devices/system/clocksource/clocksource0
	echo hpet > $clock/current_clocksource
	doctor 1 && has clocksource warning "echo tsc > $clock/current_clocksource"
	result "doctor warns of a slow clock and says how to change it"
	echo tsc > $clock/current_clocksource
	echo 2 > /proc/sys/vm/nr_hugepages
	doctor 1 && has "huge pages" info 'without hugetlbfs' && has hugetlbfs ok 'reserved .*: 2 of 2M (2 available)'
	result "doctor reports reserved huge pages as ok"
	echo 0 > /proc/sys/vm/nr_hugepages
	open_kvm
	doctor 1 && has access info
	result "doctor says that everybody may open KVM"
	give_back
	chmod 600 /dev/kvm
	as_user l1tune doctor --json > "$TMP/doctor"
	equal "exit status" 1 $? && has kvm warning 'usermod -aG kvm' && has kvm warning 'udevadm'
	result "doctor tells a user without access to KVM how to get it"
	mv /dev/kvm /dev/kvm.not
	doctor 2 && has kvm problem 'KVM is loaded, but /dev/kvm is missing'
	result "doctor says that /dev/kvm is missing"
	mv /dev/kvm.not /dev/kvm
	rival_takes kvm_arch_init_vm
	limit max_vms 1
	doctor 1 && has hooks warning 'refuse_vm unavailable'
	result "doctor warns of a hook whose function another module holds"
	no_limits
	rival_leaves
	unload
	doctor 1 && has module warning 'l1tune apply --load'
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
	result "the module logs that the CPU has neither VMX nor SVM, and shows no feature"
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
	result "doctor recognizes an EC2 instance by its DMI"
	if [ "${STATUS:-1}" = 2 ]; then
		has "EC2 nesting" problem 'modify-instance-cpu-options'
		result "doctor says how to enable nested virtualization in EC2"
	else
		has "EC2 nesting" ok
		result "doctor reports that nested virtualization is enabled in EC2"
	fi
	unload
	;;
cloud)
	ktap_set_plan 1
	load
	doctor 1 && has "$ROW" ok && ! grep -q '"row":"EC2' "$TMP/doctor"
	result "doctor recognizes $ROW by its DMI, and no other cloud"
	unload
	;;
metal)
	ktap_set_plan 1
	load
	doctor 1 && has layer info 'is L0' && has "EC2 instance" info 'bare metal' && ! row "EC2 nesting"
	result "doctor recognizes a bare metal instance of EC2"
	unload
	;;
lockdown)
	ktap_set_plan 2
	mount -t securityfs securityfs /sys/kernel/security 2> /dev/null
	insmod "$(find /lib/modules -name l1tune.ko)" 2> /dev/null
	check "lockdown refuses the unsigned module" equal "status of insmod" 1 $?
	doctor 1 && has module warning integrity && has lockdown info 'kvm_stat'
	result "doctor says that lockdown refuses the module, and what else lockdown disables"
	;;
esac
ktap_finished
