#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Tuning of Debian's unmodified QEMU with a stock Linux: HLT and PAUSE do not exit, by the
# kernel's trace events and KVM's statistics. After the module is unloaded, those of new
# guests exit.
. "${0%/*}/lib.sh"
. "${0%/*}/linux_lib.sh"
. "${0%/*}/traced.sh"

HLT=12
PAUSE=40

# exits_for NAME CODE: its traced exits so far
exits_for()
{
	threads=$(find "/proc/$(pid "$1")/task/" -mindepth 1 -maxdepth 1 | sed "s,.*/,," | xargs)
	traced_counts | awk -v threads=" $threads " -v code="$2" \
		'index(threads, " " $2 " ") && $4 == code { n += $5 } END { print n + 0 }'
}

# lives NAME: whether it runs for another three seconds of its own time
lives()
{
	within 60 lived "$1" $(($(grep -ac 'L2 lives' "$TMP/$1") + 3))
}

# comes_up NAME: boots it, and it runs
comes_up()
{
	linux "$1"
	within 120 is_up "$1" && lives "$1" && return
	tail -n 20 "$TMP/$1" | sed 's/^/# /'
	return 1
}

# panics NAME: boots a Linux that panics, and then only spins, for as long as panic= says
panics()
{
	linux "$1" l2.panic panic=20
	within 120 said "$1" 'Kernel panic' && sleep 3
}

# count NAME: sets hlt and pause, its exits; stops it, so that counts can be compared
count()
{
	stop "$1"
	hlt=$(exits_for "$1" $HLT)
	pause=$(exits_for "$1" $PAUSE)
	ktap_print_msg "$1: $hlt exits for HLT, $pause for PAUSE; KVM counts $(kvm_stat "$1" halt_exits) halts"
}

ktap_print_header
no_linux
ktap_set_plan 9

load
traced_start
comes_up plain
result "a Linux boots without tuning"
count plain
[ "$hlt" -gt 0 ] && equal "KVM's halts" "$hlt" "$(kvm_stat plain halt_exits)"
result "a Linux has HLT exits without tuning"
let_go plain

panics spins && count spins && [ "$pause" -gt 0 ]
result "a spinning Linux has PAUSE exits without tuning"
let_go spins

l1tune tune uid=0 pause_in_guest=1
panics tuned && count tuned && equal "exits for PAUSE" 0 "$pause"
result "a spinning Linux has no PAUSE exit with pause_in_guest"
let_go tuned

l1tune tune pause_in_guest=default hlt_in_guest=1
comes_up halts
result "a Linux boots with hlt_in_guest"
count halts
equal "exits for HLT" 0 "$hlt" && equal "KVM's halts" 0 "$(kvm_stat halts halt_exits)"
result "a Linux has no HLT exit with hlt_in_guest"

unload
kill -CONT "$(pid halts)"
lives halts && count halts && equal "exits for HLT" 0 "$hlt"
result "after unloading a Linux continues and keeps hlt_in_guest"
let_go halts
comes_up after
result "a Linux boots after unloading"
count after
[ "$hlt" -gt 0 ] && equal "KVM's halts" "$hlt" "$(kvm_stat after halt_exits)"
result "a Linux has HLT exits after unloading"

let_go after
traced_stop
ktap_finished
