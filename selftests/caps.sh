#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The CPU's capabilities as the module decodes them, compared with a program that
# reads and decodes them itself, and with the kernel's own flags.
. "${0%/*}/lib.sh"

# The kernel's names in the line "vmx flags" of /proc/cpuinfo (5.10 and later).
# Some were added later; ept_ad and others were always there.
VMX_FLAGS="
virtual_nmi vnmi
preemption_timer preemption_timer
posted_interrupts posted_intr
tpr_shadow vtpr
apic_access vapic
ept ept
vpid vpid
unrestricted_guest unrestricted_guest
apic_register_virtualization vapic_reg
virtual_interrupt_delivery vid
pause_loop_exiting ple
vmcs_shadowing shadow_vmcs
pml pml
ept_violation_ve ept_violation_ve
mode_based_execute ept_mode_based_exec
tsc_scaling tsc_scaling
user_wait_pause usr_wait_pause
ept_execute_only ept_x_only
ept_5level ept_5level
ept_1g ept_1gb
ept_ad ept_ad
invvpid invvpid"

# The same for SVM, in the line "flags", which lacks some features of KVM and the CPU.
SVM_FLAGS="
npt npt
lbr_virtualization lbrv
svm_lock svm_lock
nrip_save nrip_save
tsc_scaling tsc_scale
vmcb_clean vmcb_clean
flush_by_asid flushbyasid
decode_assists decodeassists
pause_filter pausefilter
pause_filter_threshold pfthreshold
avic avic
virtual_vmload_vmsave v_vmsave_vmload
virtual_gif vgif
virtual_spec_ctrl v_spec_ctrl"

if [ "$(isa)" = svm ]; then
	DIR=svm PROGRAM=svm_caps FLAGS=$SVM_FLAGS
	cpu_flags=$(sed -n 's/^flags[[:space:]]*: //p' /proc/cpuinfo | head -n 1)
else
	DIR=vmx PROGRAM=vmx_caps FLAGS=$VMX_FLAGS
	cpu_flags=$(sed -n 's/^vmx flags[[:space:]]*: //p' /proc/cpuinfo | head -n 1)
fi

ktap_print_header
ktap_set_plan 5

if [ $DIR = vmx ] && [ ! -e /dev/cpu/0/msr ]; then
	modprobe msr
	msr=ours
fi
# A fault is logged only once, and Linux itself may have had one.
echo 1 > /sys/kernel/debug/clear_warn_once
load

$PROGRAM > "$TMP/decoded"
while read -r name value; do
	[ "$(cat "$L1/$DIR/$name" 2>&1)" = "$value" ] || echo "$name: $value, not $(cat "$L1/$DIR/$name" 2>&1)"
done < "$TMP/decoded" > "$TMP/different"
sed 's/^/# /' "$TMP/different"
[ -s "$TMP/decoded" ] && [ ! -s "$TMP/different" ]
result "$(wc -l < "$TMP/decoded") capability files agree with a program that decodes the CPU itself"

# The program does not decode these.
find "$L1/$DIR/" -type f | sed 's,.*/,,' | grep -vxE 'cpus_differ|enlightened_vmcs|allowed' | sort > "$TMP/shown"
cut -d' ' -f1 "$TMP/decoded" | grep -vx allowed | sort > "$TMP/known"
check "every capability file was compared" equal "files that were not compared" "" "$(grep -vxFf "$TMP/known" "$TMP/shown")"

for which in 0 1; do
	echo "# $which: $(grep -lx $which "$L1/$DIR"/* | sed 's,.*/,,' | xargs)"
done
grep -E '^msr|^cpuid' "$TMP/decoded" | sed 's/^/# /'
echo "$FLAGS" | while read -r name flag; do
	[ -n "$name" ] || continue
	has=$(echo " $cpu_flags " | grep -c " $flag ")
	[ "$(value "$DIR/$name")" = "$has" ] || echo "$name is $(value "$DIR/$name"), the kernel's $flag $has"
done > "$TMP/different"
# A kernel may not know a flag, so a missing flag proves nothing.
grep -v "the kernel's [a-z_]* 0\$" "$TMP/different" > "$TMP/wrong"
sed 's/^/# /' "$TMP/different"
[ ! -s "$TMP/wrong" ]
result "each capability in the kernel's CPU flags is 1"
equal "known and not shown by this kernel" "" "$(sed "s/ is 1, the kernel's.*//" "$TMP/different" | grep -vxE 'ept_violation_ve|pml|tpr_shadow' | xargs)"
result "each capability that is 1 is in the kernel's CPU flags, if the kernel knows it"

equal "cpus_differ" 0 "$(value $DIR/cpus_differ)" && ! dmesg | sed '1,/l1tune-test: caps$/d' | grep 'unchecked MSR\|l1tune.*first CPU'
result "all CPUs have the same capabilities, and no MSR read faulted"

unload
[ -z "${msr-}" ] || rmmod msr
ktap_finished
