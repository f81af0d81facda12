#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# KVM paravirtualization: what guests are offered, and what they use. For a stock Linux
# under QEMU, QEMU's options say what is offered, and traced MSR writes what it uses.
. "${0%/*}/lib.sh"
. "${0%/*}/linux_lib.sh"

TRACE=/sys/kernel/tracing/instances/paravirt

# paravirt NAME KEY: prints a value of its vCPU
paravirt()
{
	awk -v key="$2" '$1 == key { print $2 }' "$(guest_of "$1")/vcpu0/paravirt"
}

# msr INDEX DEFAULT: bit 0 of the last value written
msr()
{
	value=$(sed -n "s/.*msr_write $1 = 0x\([0-9a-f]*\).*/\1/p" $TRACE/trace | tail -n 1)
	echo $((0x${value:-$2} & 1))
}

# as_written NAME: used features agree with the guest's writes to KVM's MSRs
as_written()
{
	equal "kvmclock async_pf steal_time pv_eoi host_poll" \
		"$(msr 4b564d01 0) $(msr 4b564d02 0) $(msr 4b564d03 0) $(msr 4b564d04 0) $(msr 4b564d05 1)" \
		"$(for key in kvmclock async_pf steal_time pv_eoi host_poll; do paravirt "$1" $key; done | xargs)"
}

# offers NAME BITS: which of these bits are offered
offers()
{
	echo $(($(paravirt "$1" offered) & $2))
}

# boots NAME CPU WORD…: boots a Linux on such a CPU
boots()
{
	name=$1
	LINUX_CPU=$2
	shift 2
	echo > $TRACE/trace
	linux "$name" "$@"
	within 120 is_up "$name"
}

ends()
{
	kill -KILL "$(pid "$1")"
	wait_for has_guests 0
}

# has_exits NAME: at its first exit its CPUID is set
has_exits()
{
	[ "$(cat "$(guest_of "$1")/exits")" -gt 0 ]
}

# tells GUEST FEATURE OFFERED USED: whether the tool says so
tells()
{
	equal "$2" "$3 $4" "$(l1tune paravirt "$1" --noheadings -o FEATURE,OFFERED,USED | awk -v f="$2" '$1 == f { print $2, $3 }')"
}

ktap_print_header
no_linux
ktap_set_plan 13
load
mkdir $TRACE
echo 'ecx >= 0x4b564d00 && ecx <= 0x4b564d07' > $TRACE/events/kvm/kvm_msr/filter
echo 1 > $TRACE/events/kvm/kvm_msr/enable

check "a stock Linux with all features boots" boots all host
check "with all features: features in use agree with the guest's writes to KVM's MSRs" as_written all
check "with all features: the file shows the features that QEMU offers" equal "bits" $((0x68)) "$(offers all 0x68)"
check "l1tune paravirt says that a Linux uses kvmclock" tells all kvmclock yes yes
l1tune paravirt all | sed 's/^/# /'
l1tune paravirt all -i 1 | sed 's/^/# /'
as_user cat "$(guest_of all)/vcpu0/paravirt" > "$TMP/read" 2>&1
grep -q 'Permission denied' "$TMP/read"
result "other users cannot read vcpu0/paravirt"
ends all

check "a Linux without PV EOI and steal time boots" boots less host,kvm-pv-eoi=off,kvm-steal-time=off no-kvmapf
check "without PV EOI and steal time: features in use agree with the guest's writes to KVM's MSRs" as_written less
check "without PV EOI and steal time: the file does not show them as offered" equal "bits" $((0x8)) "$(offers less 0x68)"
tells less steal_time no no && tells less async_pf yes no
result "l1tune paravirt distinguishes unused features from features that are not offered"
ends less

LINUX_CPU=host,kvm=off
linux plain
within 30 has_guest plain && within 30 has_exits plain
nothing=0x0
[ "$(uname -r | cut -d. -f1)" -ge 6 ] || nothing=unknown
equal "used" "$nothing 0 0 0 0 1" "$(cut -d' ' -f2 "$(guest_of plain)/vcpu0/paravirt" | xargs)"
result "a guest without KVM's interface is offered nothing and uses nothing"

echo 0 > $TRACE/events/kvm/kvm_msr/enable
ends plain

# Two hypercalls of one kind for each of another. In each of 100 periods per second the
# steal time memory asks KVM to flush the TLB, at the entry after the period's end.
[ "$(isa)" = vmx ] && call=vmcall || call=vmmcall
background calls paced $call:5=20 $call:b=10 wrmsr:4b564d03:10001=1 write:10010:3=1
wait_for has_guest calls && within 60 said calls round
calls=pid:$(pid calls)
tells "$calls" pv_unhalt yes "?" && tells "$calls" pv_ipi yes "?" && tells "$calls" pv_tlb_flush yes "?"
result "without -i l1tune paravirt shows the use of hypercalls and TLB flushes as unknown"
l1tune paravirt "$calls" -i 2 --noheadings -o FEATURE,USED,USES_S > "$TMP/seen"
sed 's/^/# /' "$TMP/seen"
awk '{ used[$1] = $2; uses[$1] = $3 } END {
	exit !(used["pv_unhalt"] == "yes" && used["pv_sched_yield"] == "yes" && used["pv_tlb_flush"] == "yes" &&
	       used["pv_ipi"] == "?" && uses["pv_ipi"] == 0 && uses["kvmclock"] == "-") }' "$TMP/seen"
result "with -i l1tune paravirt shows hypercalls and TLB flushes that it sees, and the others as unknown"
awk '{ uses[$1] = $3 }
	function is_near(a, b) { return a > b * 0.95 && a < b * 1.05 }
	END { exit !(uses["pv_tlb_flush"] > 20 && is_near(uses["pv_sched_yield"], 10 * uses["pv_tlb_flush"]) &&
		     is_near(uses["pv_unhalt"], 2 * uses["pv_sched_yield"])) }' "$TMP/seen"
result "with -i l1tune paravirt counts hypercalls and TLB flushes in the guest's proportions"
end calls

rmdir $TRACE
unload
ktap_finished
