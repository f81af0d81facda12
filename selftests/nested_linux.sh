#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A stock Linux with KVM as a guest, which runs a nested guest: three levels. The controls
# that l1tune shows agree with the module parameters of that KVM.
#
#	L1, this machine: KVM and l1tune
#	  L2: QEMU's guest, Linux with KVM; its console says with which parameters to load it
#	    L3: a guest that executes CPUID
. "${0%/*}/lib.sh"
. "${0%/*}/linux_lib.sh"

# ends_linux: kills it and removes its console
ends_linux()
{
	exec 3>&-
	kill -KILL "$(pid linux)"
	wait_for has_guests 0
	rm "$TMP/console"
}

# boots_linux: boots it with a console for commands
boots_linux()
{
	mkfifo "$TMP/console"
	linux_reads linux "$TMP/console"
	exec 3> "$TMP/console"
	within 240 is_up linux
}

# told WORDS: L2 loads its KVM with these parameters and runs a guest; prints its answer
told()
{
	echo "$1" >&3
	within 240 grep -qaF "for $1." "$TMP/linux" || return 1
	grep -aF "for $1." "$TMP/linux" | tr -d '\r' | sed -n 's/.*L2 runs: //p' | tail -n 1
}

# in_use: names of the controls that are set, from the tool
in_use()
{
	l1tune nested linux | awk '$1 == "controls" { on = 1 } on' | tr ' ' '\n' | sort -u
}

# uses CONTROL: "Y" or "N", as in module parameters
uses()
{
	if in_use | grep -qx "$1"; then echo Y; else echo N; fi
}

is_in_l3()
{
	grep -qE "^kind $kind" "$CLASS"/l2-*/vcpu0/nested_controls
}

# as_told PARAMETERS PARAMETER=CONTROL...: each control is as its parameter in L2 says
as_told()
{
	said=$(told "$1") || { ktap_print_msg "$(tail -n 3 "$TMP/linux")"; return 1; }
	ktap_print_msg "L2: $said"
	shift
	within 60 is_in_l3 || { ktap_print_msg "$(tail -n 5 "$TMP/linux")"; return 1; }
	for pair; do
		wanted=$(echo "$said" | tr ' ' '\n' | sed -n "s/^${pair%=*}://p")
		[ "$wanted" ] && equal "${pair#*=}" "$(echo "$wanted" | tr 10 YN)" "$(uses "${pair#*=}")" || return 1
	done
}

# reflected: number of L3's exits that L2 handled
reflected()
{
	l1tune nested linux -J | tr ',' '\n' | sed -n 's/.*"reflected": *\([0-9]*\).*/\1/p' | awk '{ n += $1 } END { print n + 0 }'
}

more_reflected()
{
	[ "$(reflected)" -gt "$1" ]
}

ktap_print_header
no_linux
if [ "$(isa)" = vmx ]; then
	kind=vmcs hyperv=2
	set -- ept=ept vpid=vpid unrestricted_guest=unrestricted_guest flexpriority=apic_access
	told="ept=1 ept=0 vpid=0 unrestricted_guest=0 flexpriority=0"
else
	kind=vmcb hyperv=0
	set -- npt=npt
	told="npt=1 npt=0"
fi
# shellcheck disable=SC2086 # words on purpose
ktap_set_plan $(($(echo $told | wc -w) + 2 + hyperv))

load
check "a stock Linux boots as a guest" boots_linux
for parameters in $told; do
	check "a Linux with KVM loaded with $parameters: controls of its guest agree with KVM's parameters" as_told "$parameters" "$@"
done
before=$(reflected)
check "exits that a Linux handles for its guest are counted as reflected" within 30 more_reflected "$before"
l1tune nested linux | sed 's/^/# /'

ends_linux

if [ $hyperv != 0 ]; then
	kind=enlightened LINUX_CPU=host,kvm=off,hv-relaxed,hv-vapic,hv-vpindex,hv-time,hv-frequencies,hv-evmcs
	check "a stock Linux boots on a KVM that looks like Hyper-V" boots_linux
	check "controls of an enlightened VMCS agree with KVM's parameters" as_told enlightened_vmcs=1 enlightened_vmcs=enlightened "$@"
	l1tune nested linux | sed 's/^/# /'
	ends_linux
fi
unload
ktap_finished
