#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Advice on guests built to need it or not, and what following it saves; a value
# set by l1tune try is restored however l1tune ends.
. "${0%/*}/lib.sh"

# rules_of NAME: rules of the advice for a guest over 3 seconds, largest gain first
rules_of()
{
	l1tune advise -i 3 "$1" > "$TMP/advice" || return 1
	sed -n 's/^[0-9]* [^ ]*: .*(\([a-z0-9-]*\))$/\1/p' "$TMP/advice" | xargs
}

# gain_of RULE: bound of the gain of an advice, in thousandths of a CPU
gain_of()
{
	sed -n "/^[0-9].*($1)\$/,/^  gain/s/^  gain  *\(at [a-z]* \)*\([0-9.]*\) CPUs.*/\2/p" "$TMP/advice" |
		awk '{ printf "%d", $1 * 1000 }'
}

# kvm_time NAME: time that KVM takes for a guest's exits, in thousandths of a CPU
kvm_time()
{
	l1tune stat "$1" -i 3 -c 1 --bytes --noheadings -o KERNEL | awk '{ n += $1 } END { printf "%d", n / 3000000 }'
}

# back_after SIGNAL: the tried value is set, and restored when the tool is killed by SIGNAL
back_after()
{
	file=$(guest_of halting)/tune/halt_poll_ns
	l1tune try halt_poll_ns=12345 --for 5 --l2 halting > "$TMP/tried" 2>&1 &
	tool=$!
	within 20 grep -qx 12345 "$file" || return 1
	kill -"$1" $tool
	# Without the signal it would run for longer than that.
	within 2 grep -qx default "$file"
	status=$?
	wait $tool 2> /dev/null
	return $status
}

# programs: number of BPF programs in the kernel, of all users
programs()
{
	grep -c bpf_prog_alloc /proc/vmallocinfo
}

has_programs()
{
	[ "$(programs)" -eq "$1" ]
}

# hits WHAT: reads or writes of WHAT in a second, from the evidence
hits()
{
	sed -n "s/^  evidence .*$1\( ([^)]*)\)* \(read\|written\) \([0-9]*\) times.*/\3/p" "$TMP/advice"
}

# as A B WANTED-A WANTED-B: whether the ratio of A to B is as wanted, to 5 %
as()
{
	ktap_print_msg "$1 to $2, the program does $3 to $4"
	[ "${1:-0}" -gt 100 ] || return 1
	difference=$(($1 * $4 - ${2:-0} * $3))
	[ $((${difference#-} * 20)) -le $(($1 * $4)) ]
}

# sampling: whether l1tune, process $tool, is sampling now
sampling()
{
	grep -qs '^link_type' /proc/$tool/fdinfo/*
}

# watched COMMAND…: prints "on" and "off" as the command starts and stops sampling
watched()
{
	"$@" > "$TMP/advice" &
	tool=$!
	# When the process has ended, cmdline is empty or gone.
	while grep -q . /proc/$tool/cmdline 2> /dev/null; do
		if sampling; then echo on; else echo off; fi
		pause_ms 50
	done > "$TMP/states"
	uniq "$TMP/states" | xargs
	wait $tool
}

# mostly_off: whether the watched command spent most of its time without sampling
mostly_off()
{
	[ "$(grep -c off "$TMP/states")" -gt "$(grep -c on "$TMP/states")" ]
}

# ended_by SIGNAL: kills l1tune by SIGNAL while it samples
ended_by()
{
	l1tune advise -i 12 ports > "$TMP/advice" 2>&1 &
	tool=$!
	within 11 sampling && wait_for has_programs $((PROGRAMS + 5)) || return 1
	# Give it a second to count.
	sleep 1
	kill -"$1" $tool
	wait $tool 2> /dev/null
	status=$?
	# BPF programs are freed when no CPU can be in them any more.
	wait_for has_programs "$PROGRAMS"
}

# advised DESCRIPTION: as result, and prints the advice on failure
advised()
{
	if [ $? -eq 0 ]; then
		ktap_test_pass "$1"
	else
		sed 's/^/# /' "$TMP/advice"
		ktap_test_fail "$1"
	fi
}

ktap_print_header
ktap_set_plan 17

PROGRAMS=$(programs)
load
runs idle --forever --period-us 400000 halt=1
equal "advice" "" "$(rules_of idle)" && grep -q '^nothing worth changing' "$TMP/advice"
advised "advise has nothing for an idle guest"
end idle

runs devices --forever --spin-user-us 500 out=100
used=$(cpu_time_ns devices)
rules=$(rules_of devices)
used=$((($(cpu_time_ns devices) - used) / 3000000))
most=$(gain_of unknown-device)
ktap_print_msg "devices: $rules; $most thousandths of a CPU at most, its VMM used $used of all"
[ "${rules%% *}" = unknown-device ] && [ "$most" -gt $((used / 2)) ] && [ "$most" -le $((used * 11 / 10)) ]
advised "advise names devices first for a guest busy with them, and promises no more than it spends"
end devices

runs halting --forever --period-us 100 halt=100
exits=$(kvm_stat halting halt_exits)
rules=$(rules_of halting)
exits=$((($(kvm_stat halting halt_exits) - exits) / 3))
predicted=$(gain_of hlt-in-guest)
ktap_print_msg "halting: $rules; $exits halts in a second, $predicted thousandths of a CPU"
case " $rules " in
*" hlt-in-guest "*) grep -q 'l1tune tune uid=0 hlt_in_guest=1' "$TMP/advice" ;;
*) false ;;
esac
advised "advise proposes hlt_in_guest for a guest that halts often and has a CPU per vCPU"

for signal in TERM KILL; do
	back_after $signal
	result "try restores the value when it ends by SIG$signal"
done
l1tune try halt_poll_ns=2000000 --for 3 --l2 halting --noheadings -o METRIC,CLEAR > "$TMP/tried" &&
	equal "afterwards" default "$(cat "$(guest_of halting)/tune/halt_poll_ns")" &&
	equal "metrics" 6 "$(wc -l < "$TMP/tried")"
result "try prints its result and restores the value when its time is up"

before=$(kvm_time halting)
kill -KILL "$(pid halting)"
l1tune tune uid=0 hlt_in_guest=1
runs followed --forever --period-us 100 halt=100
after=$(kvm_time followed)
check "a guest has no HLT exits after following the advice" equal "HLT exits" 0 "$(kvm_stat followed halt_exits)"
ktap_print_msg "KVM takes $before thousandths of a CPU before and $after after; predicted were $predicted less"
if [ "$(isa)" = vmx ]; then
	saved=$((before - after))
	[ $saved -gt $((predicted / 2)) ] && [ $saved -lt $((predicted * 2)) ]
	result "following the advice saves between half and twice the predicted gain"
else
	# An interrupt of the host ends HLT there, so the guest does more work.
	ktap_test_skip "following the advice saves between half and twice the predicted gain" "an interrupted HLT does not resume on SVM"
fi
end followed
l1tune tune hlt_in_guest=default

runs ports --forever out=60 in=40
rules=$(rules_of ports)
[ "${rules%% *}" = unknown-device ] && as "$(hits 'port 0x5010')" "$(hits 'port 0x5020')" 60 40
advised "advise names two hot ports and how often each is used"
check "advise says where to look up hot ports" grep -q '^  change .*port 0x5010, port 0x5020: /proc/ioports' "$TMP/advice"
seen=$(watched l1tune advise -i 3 ports)
equal "sampling" "off on" "${seen% off}" && mostly_off && wait_for has_programs "$PROGRAMS"
result "advise samples ports only at the end of its interval, and leaves no BPF program"
unprivileged userns l1tune advise -i 1 ports > "$TMP/advice" &&
	grep -q '^[0-9]* ports: .*(devices)' "$TMP/advice" &&
	equal "lines" 1 "$(grep -c 'was not seen: needs CAP_BPF' "$TMP/advice")"
advised "advise without CAP_BPF degrades and says so"
ended_by KILL && ended_by TERM && equal "status" 0 $status && [ "$(hits 'port 0x5010')" -gt 100 ]
result "no BPF program is left after SIGKILL, and SIGTERM prints the counts"
end ports

runs told --forever --ioeventfd out=60 in=40
rules=$(rules_of told)
equal "rules" "unknown-device ioeventfd-kicks" "$rules" && [ "$(hits 'port 0x5020')" -gt 100 ] &&
	equal "ports of devices and of kicks" "port 0x5020 port 0x5010" "$(sed -n 's/^  shown .*\(port 0x50[12]0\).*/\1/p' "$TMP/advice" | xargs)" &&
	equal "lines with port 0x5010" 1 "$(grep -c 'port 0x5010' "$TMP/advice")"
advised "advise names a port with an ioeventfd for kicks, and not among devices"
end told

runs mmio --forever mmio=100
rules=$(rules_of mmio)
[ "${rules%% *}" = unknown-device ] && [ "$(hits 'address 0x13fe00000')" -gt 100 ]
advised "advise names a hot MMIO address"
end mmio

runs msrs --forever wrmsr=100 rdmsr=50
rules=$(rules_of msrs)
case " $rules " in
*" other-msrs "*) as "$(hits 'MSR 0x8b')" "$(hits 'MSR 0x1a0')" 100 50 ;;
*) false ;;
esac
advised "advise names hot MSRs and how often each is used"
end msrs

runs plain --forever cpuid=1000
seen=$(watched l1tune advise -i 2 plain) &&
	equal "sampling" off "$seen" && ! grep -q 'devices\|msrs' "$TMP/advice"
advised "advise does not sample a guest without port, MMIO or MSR exits"

kill_guests
wait_for has_guests 0
unload
ktap_finished
