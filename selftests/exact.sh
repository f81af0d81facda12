#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Exactness: what the module counts is what the guests' programs execute, what
# the kernel's trace events kvm_exit show in the same run, and, with untraced,
# what KVM's own statistic "exits" has. Per vCPU, reason and level.
. "${0%/*}/lib.sh"

EVENT=/sys/kernel/tracing/events/kvm/kvm_exit
HIST='hist:keys=common_pid,exit_reason:size=8192'

ktap_print_header
ktap_set_plan 10

load
echo "$HIST" > $EVENT/trigger || ktap_exit_fail_msg "no histogram triggers here"

ALL="cpuid=3000 out=500 in=300 mmio=400 rdmsr=700 wrmsr=600 vmcall=800 ept=200"

start plain --rounds 2 --vcpus 1 --expect --stats --hold $ALL
start mixed --rounds 2 --vcpus 2 --order mixed --expect --stats --hold $ALL hlt=300
start cpuid --rounds 1 --vcpus 2 --expect --stats --hold cpuid=35000
start nested --rounds 2 --vcpus 1 --expect --stats --hold cpuid=50 l3=300 l3out=200 l3rdmsr=100 l3ept=50
for name in plain mixed cpuid nested; do
	tries=0
	until said $name holding || [ $tries -ge 240 ]; do
		tries=$((tries + 1))
		sleep 1
	done
done

# Counts of a guest by vCPU, level and code, without those of 0.
for name in plain mixed cpuid nested; do
	l1tune stat "pid:$(pid $name)" --vcpus --noheadings --bytes -o VCPU,LEVEL,CODE,COUNT |
		awk '$4 { print "counted", $1, $2, $3, $4 }' > "$TMP/$name.counted"
	# { common_pid: 57, exit_reason: 10 } hitcount: 100
	sed -n 's/^{ common_pid: *\([0-9]*\), exit_reason: *\([0-9]*\) } hitcount: *\([0-9]*\).*/traced \1 \2 \3/p' \
		$EVENT/hist > "$TMP/traced"

	# The guest's program against the module.
	cat "$TMP/$name" "$TMP/$name.counted" | awk -v isa="$(isa)" '
	function field(name,  i) {
		for (i = 2; i <= NF; i++)
			if (index($i, name "=") == 1)
				return substr($i, length(name) + 2)
	}
	BEGIN {
		# exits that the host causes, and whose number no program knows
		n = split(isa == "vmx" ? "0 1 7 8 41 52 62" : "96 97 98 100", codes)
		for (i = 1; i <= n; i++)
			host[codes[i]] = 1
	}
	$1 == "expect" { want[field("vcpu") " " field("level") " " field("code")] = field("count") }
	$1 == "counted" { got[$2 " " $3 " " $4] = $5 }
	END {
		for (key in want) {
			total += want[key]
			if (got[key] != want[key]) {
				print "# vcpu, level, code " key ": executed " want[key] ", counted " got[key] + 0
				bad = 1
			}
		}
		for (key in got) {
			split(key, k, " ")
			if (!(key in want) && !(k[3] in host)) {
				print "# vcpu, level, code " key ": not executed, counted " got[key]
				bad = 1
			}
		}
		print "# " total " exits executed"
		exit bad || !total
	}'
	result "$name: the guest's program and the module agree"

	# The kernel's events and KVM's statistic against the module.
	cat "$TMP/$name" "$TMP/traced" "$TMP/$name.counted" | awk '
	function field(name,  i) {
		for (i = 2; i <= NF; i++)
			if (index($i, name "=") == 1)
				return substr($i, length(name) + 2)
	}
	$1 == "stat" && $2 == "exits" {
		vcpu[field("tid")] = field("vcpu")
		stat[field("vcpu")] = field("value")
	}
	$1 == "traced" && $2 in vcpu { want[vcpu[$2] " " $3] += $4 }
	$1 == "counted" { got[$2 " " $4] += $5; sum[$2] += $5 }
	END {
		for (key in want) {
			total += want[key]
			if (got[key] != want[key]) {
				print "# vcpu, code " key ": traced " want[key] ", counted " got[key] + 0
				bad = 1
			}
		}
		for (key in got)
			if (!(key in want)) {
				print "# vcpu, code " key ": not traced, counted " got[key]
				bad = 1
			}
		for (v in stat)
			if (sum[v] != stat[v]) {
				print "# vcpu " v ": KVM has " stat[v] " exits, counted " sum[v]
				bad = 1
			}
		print "# " total " exits traced"
		exit bad || !total
	}'
	result "$name: the kernel's trace events, KVM's statistic and the module agree"
done
echo "!$HIST" > $EVENT/trigger

total=$(value totals/exits)
[ "$total" -ge 100000 ] && equal "sum over guests" "$total" "$(cat "$CLASS"/l2-*/exits | awk '{ n += $1 } END { print n }')"
result "the totals are the sum of the guests, over 100000 exits"

kill_guests
wait_for has_guests 0
equal "totals/exits" "$total" "$(value totals/exits)" &&
	equal "unattributed, untraced, lost_cells" "0 0 0" \
		"$(value totals/unattributed) $(value totals/untraced) $(value totals/lost_cells)"
result "the dead's exits stay in the totals, none was lost"

unload
ktap_finished
