# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The kernel's own count of exits, from histograms of its trace events kvm_exit and
# kvm_nested_vmexit; exits of L3 trigger both.
TRACED_EVENTS="kvm_exit kvm_nested_vmexit"
TRACED_HIST='hist:keys=common_pid,exit_reason:size=8192'

traced_dir()
{
	echo "/sys/kernel/tracing/events/kvm/$1"
}

traced_start()
{
	for event in $TRACED_EVENTS; do
		echo "$TRACED_HIST" > "$(traced_dir "$event")/trigger" || return 1
	done
}

traced_stop()
{
	for event in $TRACED_EVENTS; do
		echo "!$TRACED_HIST" > "$(traced_dir "$event")/trigger"
	done
}

# traced_counts: prints lines "traced THREAD LEVEL CODE COUNT"
traced_counts()
{
	for event in $TRACED_EVENTS; do
		# { common_pid: 57, exit_reason: 10 } hitcount: 100
		sed -n 's/^{ common_pid: *\([0-9]*\), exit_reason: *\([0-9]*\) } hitcount: *\([0-9]*\).*/\1 \2 \3/p' \
			"$(traced_dir "$event")/hist" | sed "s/^/$event /"
	done | awk '
	{ n[$2 " 2 " $3] += $1 == "kvm_exit" ? $4 : -$4 }
	$1 == "kvm_nested_vmexit" { n[$2 " 3 " $3] += $4 }
	END {
		for (key in n)
			if (n[key])
				print "traced", key, n[key]
	}'
}
