#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What a guest's own guest (L3) does: entries, those that KVM refuses, its exits by who
# handles them, and the way back into it. All is known from the guests' programs.
. "${0%/*}/lib.sh"

# nested NAME: the file of its vCPU
nested()
{
	cat "$(guest_of "$1")/vcpu0/nested"
}

# field NAME LINE: one of its values
field()
{
	nested "$1" | awk -v name="$2" '$1 == name { print $2 }'
}

# expected NAME LEVEL CODE…: exits of these codes that its program takes
expected()
{
	name=$1 level=$2
	shift 2
	for code; do
		sed -n "s/^expect .* code=$code level=$level .*count=//p" "$TMP/$name"
	done | awk '{ n += $1 } END { print n + 0 }'
}

# kept NAME VMM-ARGUMENT…: such a guest, when its program has ended
kept()
{
	start "$@" --expect --stats --hold && within 120 has_held "$1"
}

# by_reason NAME: "CODE COUNT REFLECTED" of each reason that the program has, by KVM's
# number of it
by_reason()
{
	excluded=$(sed -n 's/^excluded .*code=\([0-9]*\).*/\1/p' "$TMP/$1" | xargs)
	l1tune stat "pid:$(pid "$1")" --vcpus --noheadings --bytes -o LEVEL,CODE,REASON,COUNT |
		awk '$1 == 3 { print "code", $2, $3 }' > "$TMP/codes"
	nested "$1" | awk -v excluded=" $excluded " '
		NR == FNR { code[$3] = $2; next }
		$1 == "exits" && !index(excluded, " " code[$2] " ") { print code[$2], $3, $4 }' "$TMP/codes" - | sort -n
}

# by_host NAME: exits of L2 that no program has
by_host()
{
	l1tune stat "pid:$(pid "$1")" --vcpus --noheadings --bytes -o LEVEL,CODE,COUNT |
		awk -v excluded=" $(sed -n 's/^excluded .*code=\([0-9]*\).*/\1/p' "$TMP/$1" | xargs) " '
		$1 == 2 && index(excluded, " " $2 " ") { n += $3 }
		END { print n + 0 }'
}

# wanted NAME CODE…: the same by its program; the exits of those codes are L2's
wanted()
{
	name=$1
	shift
	awk -v left=" $* " '
		$1 == "expect" {
			for (i = 3; i <= NF; i++) {
				split($i, f, "=")
				v[f[1]] = f[2]
			}
			if (v["level"] == 3)
				print v["code"], v["count"], index(left, " " v["code"] " ") ? v["count"] : 0
		}' "$TMP/$name" | sort -n
}

# trips NAME REASON: how many, their time and their exits
trips()
{
	nested "$1" | awk -v reason="$2" '$1 == "exits" && $2 == reason { print $5, $6, $7 }'
}

# tells_failed: KVM has a word for entries that it refuses
tells_failed()
{
	[ "$(isa)" = vmx ] || ! uname -r | grep -q '^5\.10\.'
}

# The guest reads three fields of its VMCS for each exit of L3 and writes one; the CPU
# does that by itself if KVM has it shadow them.
exits_per_cpuid()
{
	if [ "$(isa)" = svm ] || [ "$(cat /sys/module/kvm_intel/parameters/enable_shadow_vmcs)" = Y ]; then
		echo 1
	else
		echo 5
	fi
}

test_mistakes()
{
	# 5.10 goes on with part of what it was told, and the guest dies of it.
	tells_failed && mistakes=24 || mistakes=2
	kept wrong --mistakes $mistakes l3=5 || ktap_print_msg "$(tail -n 3 "$TMP/wrong")"
	mistakes=$(grep -c '^mistake ' "$TMP/wrong")
	if tells_failed; then
		[ "$mistakes" -ge 12 ] && equal "failed" "$mistakes" "$(field wrong failed)"
		result "entries into L3 that KVM refuses are counted"
		cp "$(guest_of wrong)/vcpu0/nested_failed" "$TMP/failed"
		# There is room for 16 kinds.
		sed -n 's/^mistake //p' "$TMP/wrong" | head -n 16 | {
			bad=0
			while read -r check; do
				grep -qF "$check" "$TMP/failed" && continue
				ktap_print_msg "no message with $check"
				bad=1
			done
			[ $bad = 0 ]
		} && equal "sum" "$mistakes" "$(awk '{ n += $1 } END { print n }' "$TMP/failed")"
		result "each has KVM's own message" || cat "$TMP/failed"
	else
		equal "failed" unknown "$(field wrong failed)"
		result "entries that this KVM refuses without a word are unknown"
		ktap_test_skip "each has KVM's own message" "this KVM has none on SVM"
	fi
	equal "CPUID" "5 5" "$(nested wrong | awk '$1 == "exits" && tolower($2) == "cpuid" { print $3, $4 }')"
	result "a guest that has made mistakes is counted like any other"
}

ktap_print_header
ktap_set_plan 12
load

if [ "$(isa)" = vmx ]; then
	cpuid=CPUID enter="20 24" left="10 18" call=VMCALL
else
	cpuid=cpuid enter=128 left="114 129" call=hypercall
fi

kept exact --rounds 2 cpuid=50 l3=300 l3out=200 l3rdmsr=100 l3ept=50
equal "offered, state, in_l3_ns" "yes on none" "$(field exact offered) $(field exact state) $(field exact in_l3_ns)"
result "a guest that is offered nesting and has used it is not in L3 after that"
# shellcheck disable=SC2086 # words on purpose
equal "entries" "$(expected exact 2 $enter)" "$(field exact entries)"
result "entries into L3 are those of its program"
run=$(sed -n 's/^stat nested_run .*value=//p' "$TMP/exact")
if [ -n "$run" ]; then
	check "entries into L3 are those of KVM's statistic" equal "nested_run" "$run" "$(field exact entries)"
else
	ktap_test_skip "entries into L3 are those of KVM's statistic" "this KVM has no such statistic"
fi
# shellcheck disable=SC2086 # words on purpose
equal "by reason" "$(wanted exact $left)" "$(by_reason exact)" && equal "unkept" 0 "$(field exact unkept)"
result "exits of L3 by reason are handled by KVM or left to L2 as its program has it"
equal "paging" shadow "$(field exact paging)"
result "an L3 without EPT or NPT of its own runs on shadow page tables"
trips exact $cpuid > "$TMP/trips"
read -r back _ exits < "$TMP/trips"
most=$((600 * $(exits_per_cpuid) + $(by_host exact)))
ktap_print_msg "$exits exits of L2, of which at most $(by_host exact) are the host's"
equal "trips" 600 "$back" && [ "$exits" -ge $((600 * $(exits_per_cpuid))) ] && [ "$exits" -le $most ]
result "exits of L2 for a CPUID of L3 are those of its program"

test_mistakes

# L3 asks L2 for work; that does its own, in which the VMM sleeps, and lets L3 go on.
kept slow --time --order mixed --slow-every 1 --slow-us 5000 out=40 l3=40
trips slow $call > "$TMP/trips"
read -r back ns _ < "$TMP/trips"
wall=$(sed -n 's/^time .*wall_ns=\([0-9]*\).*/\1/p' "$TMP/slow")
ktap_print_msg "$back trips, $ns ns, of $wall ns that the vCPU ran"
[ "$back" -ge 39 ] && [ "$ns" -ge $((back * 5000000 - 5000000)) ] && [ "$ns" -le "$wall" ]
result "the way back into L3 has the time of L2's own exits"

start inside --forever --spin-user-us 500000 l3out=100
within 30 has_guest inside && within 30 equal "state" running "$(field inside state)"
before=$(field inside in_l3_ns)
pause_ms 100
after=$(field inside in_l3_ns)
[ "$(field inside state)" = running ] && [ "$after" -ge $((before + 90000000)) ]
result "a guest that stays in L3 says since when"

as_user cat "$(guest_of inside)/vcpu0/nested" > "$TMP/read" 2>&1
[ ! -s "$TMP/read" ] || grep -q 'Permission denied' "$TMP/read"
result "the file is not for everyone"

ktap_finished
