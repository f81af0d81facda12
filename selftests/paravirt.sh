#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What guests are offered of KVM's own interface, and what they use of it: stock Linux
# under QEMU, of which QEMU's options say what is offered, and the MSRs that KVM traces
# what the guest has turned on.
. "${0%/*}/lib.sh"
. "${0%/*}/linux_lib.sh"

TRACE=/sys/kernel/tracing/instances/paravirt

# paravirt NAME KEY: of its vCPU
paravirt()
{
	awk -v key="$2" '$1 == key { print $2 }' "$(guest_of "$1")/vcpu0/paravirt"
}

# msr INDEX DEFAULT: bit 0 of what was written there last
msr()
{
	value=$(sed -n "s/.*msr_write $1 = 0x\([0-9a-f]*\).*/\1/p" $TRACE/trace | tail -n 1)
	echo $((0x${value:-$2} & 1))
}

# as_written NAME: what is used is what the guest has written to KVM's MSRs
as_written()
{
	equal "kvmclock async_pf steal_time pv_eoi host_poll" \
		"$(msr 4b564d01 0) $(msr 4b564d02 0) $(msr 4b564d03 0) $(msr 4b564d04 0) $(msr 4b564d05 1)" \
		"$(for key in kvmclock async_pf steal_time pv_eoi host_poll; do paravirt "$1" $key; done | xargs)"
}

# offers NAME BITS: of these, which are offered
offers()
{
	echo $(($(paravirt "$1" offered) & $2))
}

# boots NAME CPU WORD…: a Linux on such a CPU
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

# has_exits NAME: its CPUID is set by then
has_exits()
{
	[ "$(cat "$(guest_of "$1")/exits")" -gt 0 ]
}

# tells GUEST FEATURE OFFERED USED: so says the tool
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

check "a stock Linux that is offered all boots" boots all host
check "what it uses is what it has written to KVM's MSRs" as_written all
check "it is offered what QEMU offers" equal "bits" $((0x68)) "$(offers all 0x68)"
check "the tool says that it uses kvmclock" tells all kvmclock yes yes
l1tune paravirt all | sed 's/^/# /'
l1tune paravirt all -i 1 | sed 's/^/# /'
as_user cat "$(guest_of all)/vcpu0/paravirt" > "$TMP/read" 2>&1
grep -q 'Permission denied' "$TMP/read"
result "the file is not for everyone"
ends all

check "a Linux without PV EOI and steal time boots" boots less host,kvm-pv-eoi=off,kvm-steal-time=off no-kvmapf
check "what it uses is what it has written" as_written less
check "it is not offered these" equal "bits" $((0x8)) "$(offers less 0x68)"
tells less steal_time no no && tells less async_pf yes no
result "the tool says that it does not use what it is offered, and what it is not"
ends less

LINUX_CPU=host,kvm=off
linux plain
within 30 has_guest plain && within 30 has_exits plain
nothing=0x0
[ "$(uname -r | cut -d. -f1)" -ge 6 ] || nothing=unknown
equal "used" "$nothing 0 0 0 0 1" "$(cut -d' ' -f2 "$(guest_of plain)/vcpu0/paravirt" | xargs)"
result "a guest without the interface is offered nothing"

echo 0 > $TRACE/events/kvm/kvm_msr/enable
ends plain

# Two hypercalls of one kind for each of another, and in each of 100 periods a second memory
# for steal time that asks KVM to flush the TLB, at the entry after the period's end.
[ "$(isa)" = vmx ] && call=vmcall || call=vmmcall
background calls paced $call:5=20 $call:b=10 wrmsr:4b564d03:10001=1 write:10010:3=1
wait_for has_guest calls && within 60 said calls round
calls=pid:$(pid calls)
tells "$calls" pv_unhalt yes "?" && tells "$calls" pv_ipi yes "?" && tells "$calls" pv_tlb_flush yes "?"
result "which hypercalls a guest makes, and whether its TLBs are flushed, is not known without a look"
l1tune paravirt "$calls" -i 2 --noheadings -o FEATURE,USED,USES_S > "$TMP/seen"
sed 's/^/# /' "$TMP/seen"
awk '{ used[$1] = $2; uses[$1] = $3 } END {
	exit !(used["pv_unhalt"] == "yes" && used["pv_sched_yield"] == "yes" && used["pv_tlb_flush"] == "yes" &&
	       used["pv_ipi"] == "?" && uses["pv_ipi"] == 0 && uses["kvmclock"] == "-") }' "$TMP/seen"
result "with a look it is, and what was not seen is not said to be unused"
awk '{ uses[$1] = $3 }
	function is_near(a, b) { return a > b * 0.95 && a < b * 1.05 }
	END { exit !(uses["pv_tlb_flush"] > 20 && is_near(uses["pv_sched_yield"], 10 * uses["pv_tlb_flush"]) &&
		     is_near(uses["pv_unhalt"], 2 * uses["pv_sched_yield"])) }' "$TMP/seen"
result "they are counted as often as the guest makes them"
end calls

rmdir $TRACE
unload
ktap_finished
