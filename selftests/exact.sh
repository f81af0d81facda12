#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Exactness: the module's counts are equal to the exits that the guests' programs
# execute, to the kernel's trace events in the same run, and to KVM's own statistic
# "exits". Per vCPU, reason and level, over 100,000 exits of 4 guests.
#
#	guest		what its program executes	vCPUs
#	plain		each kind in a row		1
#	mixed		each kind in turn, and HLT	2
#	cpuid		35,000 CPUIDs			2
#	nested		a guest of its own		1
#
#	program ──┐
#	trace   ──┼── per vCPU, level and reason ──> l1tune stat
#	KVM     ──┘   (KVM: only per vCPU)
. "${0%/*}/lib.sh"
. "${0%/*}/traced.sh"

GUESTS="plain mixed cpuid nested"
ALL="cpuid=3000 out=500 in=300 mmio=400 rdmsr=700 wrmsr=600 vmcall=800 ept=200"

# A field of vmm's lines, "count=12"
FIELD='
function field(name,  i) {
	for (i = 2; i <= NF; i++)
		if (index($i, name "=") == 1)
			return substr($i, length(name) + 2)
}'

# stdin: what vmm printed and what the module counted
program_agrees()
{
	awk "$FIELD"'
	$1 == "expect" { want[field("vcpu") " " field("level") " " field("code")] = field("count") }
	$1 == "excluded" { host[field("code")] = 1 }
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
}

# stdin: what vmm printed, what the kernel traced and what the module counted
trace_agrees()
{
	awk "$FIELD"'
	$1 == "expect" { vcpu[field("tid")] = field("vcpu") }
	$1 == "traced" && $2 in vcpu { want[vcpu[$2] " " $3 " " $4] = $5 }
	$1 == "counted" { got[$2 " " $3 " " $4] = $5 }
	END {
		for (key in want) {
			total += want[key]
			if (got[key] != want[key]) {
				print "# vcpu, level, code " key ": traced " want[key] ", counted " got[key] + 0
				bad = 1
			}
		}
		for (key in got)
			if (!(key in want)) {
				print "# vcpu, level, code " key ": not traced, counted " got[key]
				bad = 1
			}
		print "# " total " exits traced"
		exit bad || !total
	}'
}

# stdin: what vmm printed and what the module counted
statistic_agrees()
{
	awk "$FIELD"'
	$1 == "stat" && $2 == "exits" { stat[field("vcpu")] = field("value") }
	$1 == "counted" { sum[$2] += $5 }
	END {
		for (v in stat) {
			vcpus++
			if (sum[v] != stat[v]) {
				print "# vcpu " v ": KVM has " stat[v] " exits, counted " sum[v]
				bad = 1
			}
		}
		exit bad || !vcpus
	}'
}

ktap_print_header
ktap_set_plan 14

load
traced_start
traced=$?

# shellcheck disable=SC2086 # words on purpose
{
	start plain --rounds 2 --expect --stats --hold $ALL
	start mixed --rounds 2 --vcpus 2 --order mixed --expect --stats --hold $ALL hlt=300
	start cpuid --vcpus 2 --expect --stats --hold cpuid=35000
	start nested --rounds 2 --expect --stats --hold cpuid=50 l3=300 l3out=200 l3rdmsr=100 l3ept=50
}
for name in $GUESTS; do
	within 240 has_held $name || ktap_exit_fail_msg "guest $name does not end: $(tail -n 3 "$TMP/$name")"
done
if [ $traced -eq 0 ]; then
	traced_counts > "$TMP/traced"
	traced_stop
fi

for name in $GUESTS; do
	l1tune stat "pid:$(pid $name)" --vcpus --noheadings --bytes -o VCPU,LEVEL,CODE,COUNT |
		awk '$4 { print "counted", $1, $2, $3, $4 }' > "$TMP/counted"

	cat "$TMP/$name" "$TMP/counted" | program_agrees
	result "guest $name: the module counts the exits that its program executes"
	if [ $traced -eq 0 ]; then
		cat "$TMP/$name" "$TMP/traced" "$TMP/counted" | trace_agrees
		result "guest $name: the module counts the exits that the kernel traces"
	else
		ktap_test_skip "guest $name: the module counts the exits that the kernel traces" "this kernel has no histogram triggers"
	fi
	if grep -q '^stat exits' "$TMP/$name"; then
		cat "$TMP/$name" "$TMP/counted" | statistic_agrees
	else
		equal "exits" "$(kvm_exits $name)" "$(awk '{ n += $5 } END { print n }' "$TMP/counted")"
	fi
	result "guest $name: the module counts as many exits as KVM's own statistic"
done

total=$(value totals/exits)
[ "$total" -ge 100000 ] && equal "sum over guests" "$total" "$(cat "$CLASS"/l2-*/exits | awk '{ n += $1 } END { print n }')"
result "totals/exits is the sum over all guests, which is at least 100000"

kill_guests
wait_for has_guests 0
equal "totals/exits" "$total" "$(value totals/exits)" &&
	equal "unattributed, untraced, lost_cells" "0 0 0" \
		"$(value totals/unattributed) $(value totals/untraced) $(value totals/lost_cells)"
result "totals keep the exits of guests that ended, and no exit is lost"

unload
ktap_finished
