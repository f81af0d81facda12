#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A stock Linux with KVM as a guest, which runs a guest of its own: three levels. The
# controls that l1tune shows are what that KVM's module says that it uses.
#
#	L1, this machine: KVM and l1tune
#	  L2: QEMU's guest, Linux with KVM, told by its console what to load it with
#	    L3: a guest that executes CPUID
. "${0%/*}/lib.sh"
. "${0%/*}/linux_lib.sh"

# ends_linux: and the console of it
ends_linux()
{
	exec 3>&-
	kill -KILL "$(pid linux)"
	wait_for has_guests 0
	rm "$TMP/console"
}

# boots_linux: with a console that it is told by
boots_linux()
{
	mkfifo "$TMP/console"
	linux_reads linux "$TMP/console"
	exec 3> "$TMP/console"
	within 240 is_up linux
}

# told WORDS: L2 loads its KVM with these and runs a guest; what it says of that
told()
{
	echo "$1" >&3
	within 240 grep -qaF "for $1." "$TMP/linux" || return 1
	grep -aF "for $1." "$TMP/linux" | tr -d '\r' | sed -n 's/.*L2 runs: //p' | tail -n 1
}

# in_use: the names of the controls that are set, as the tool has them
in_use()
{
	l1tune nested linux | awk '$1 == "controls" { on = 1 } on' | tr ' ' '\n' | sort -u
}

# uses CONTROL: "Y" or "N", as parameters of modules have it
uses()
{
	if in_use | grep -qx "$1"; then echo Y; else echo N; fi
}

is_in_l3()
{
	grep -qE "^kind $kind" "$CLASS"/l2-*/vcpu0/nested_controls
}

# as_told PARAMETERS PARAMETER=CONTROL...: after that each control is as its parameter says
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

# reflected: how many exits of L3 L2 had to handle
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
	check "its KVM with $parameters: the controls of its guest are as it says" as_told "$parameters" "$@"
done
before=$(reflected)
check "exits of its guest that it handles are counted" within 30 more_reflected "$before"
l1tune nested linux | sed 's/^/# /'

ends_linux

if [ $hyperv != 0 ]; then
	kind=enlightened LINUX_CPU=host,kvm=off,hv-relaxed,hv-vapic,hv-vpindex,hv-time,hv-frequencies,hv-evmcs
	check "it boots on what looks like Hyper-V" boots_linux
	check "the controls of an enlightened VMCS are as its KVM says" as_told enlightened_vmcs=1 enlightened_vmcs=enlightened "$@"
	l1tune nested linux | sed 's/^/# /'
	ends_linux
fi
unload
ktap_finished
