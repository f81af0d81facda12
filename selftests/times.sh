#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Times: exit time plus guest time of a vCPU is the time that its thread spent
# running it, by the thread's own clock, within 1 %.
. "${0%/*}/lib.sh"

ktap_print_header

case $(isa)-$(uname -r) in
svm-5.* | svm-6.1.*)
	# What came in with an interrupt is served before that tracepoint and
	# counts as guest time; the sum holds, its parts do not.
	ktap_print_msg "SVM before 6.12: kvm_exit is traced after interrupts were served"
	;;
esac
ktap_set_plan 3

# near WHAT PERMILLE WANTED GOT
near()
{
	awk -v want="$3" -v got="$4" -v most="$2" 'BEGIN {
		off = (got - want) / want * 1000
		exit !(off <= most && -off <= most)
	}' && return
	ktap_print_msg "$1: wanted $3, got $4"
	return 1
}

load
start busy --seconds 4 --time --hold cpuid=2000
start mixed --seconds 4 --time --hold --order mixed cpuid=200 out=200 mmio=100 rdmsr=100
start halts --seconds 4 --time --hold --period-us 2000 halt=20 cpuid=100

for name in busy mixed halts; do
	within 60 said $name holding || ktap_exit_fail_msg "guest $name does not end"
	guest=$(guest_of $name)
	wall=$(sed -n 's/^time .*wall_ns=\([0-9]*\).*/\1/p' "$TMP/$name")
	sum=$(cat "$guest/exit_time_ns" "$guest/guest_time_ns" | awk '{ n += $1 } END { print n }')
	near "$name: exit time + guest time, ns" 10 "$wall" "$sum"
	result "$name: exit time and guest time add up to the run's time"
done
unload
ktap_finished
