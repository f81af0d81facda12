#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# vcpu<vcpu>/nested: entries into a nested guest (L3), entries that KVM refuses, exits by
# who handles them, and trips back into L3. Expected values are from the guests' programs.
. "${0%/*}/lib.sh"

# nested NAME: prints the file of its vCPU
nested()
{
	cat "$(guest_of "$1")/vcpu0/nested"
}

# field NAME LINE: prints a value in it
field()
{
	nested "$1" | awk -v name="$2" '$1 == name { print $2 }'
}

has_state()
{
	[ "$(field "$1" state)" = "$2" ]
}

# expected NAME LEVEL CODE…: number of exits with these codes in its program
expected()
{
	name=$1 level=$2
	shift 2
	for code; do
		sed -n "s/^expect .* code=$code level=$level .*count=//p" "$TMP/$name"
	done | awk '{ n += $1 } END { print n + 0 }'
}

# kept NAME VMM-ARGUMENT…: starts such a guest and waits for the end of its program
kept()
{
	start "$@" --expect --stats --hold && within 120 has_held "$1"
}

# by_reason NAME: "CODE COUNT REFLECTED" for each reason in the program, by KVM's number
by_reason()
{
	excluded=$(sed -n 's/^excluded .*code=\([0-9]*\).*/\1/p' "$TMP/$1" | xargs)
	l1tune stat "pid:$(pid "$1")" --vcpus --noheadings --bytes -o LEVEL,CODE,REASON,COUNT |
		awk '$1 == 3 { print "code", $2, $3 }' > "$TMP/codes"
	nested "$1" | awk -v excluded=" $excluded " '
		NR == FNR { code[$3] = $2; next }
		$1 == "exits" && !index(excluded, " " code[$2] " ") { print code[$2], $3, $4 }' "$TMP/codes" - | sort -n
}

# by_host NAME: number of L2's exits that the host causes
by_host()
{
	l1tune stat "pid:$(pid "$1")" --vcpus --noheadings --bytes -o LEVEL,CODE,COUNT |
		awk -v excluded=" $(sed -n 's/^excluded .*code=\([0-9]*\).*/\1/p' "$TMP/$1" | xargs) " '
		$1 == 2 && index(excluded, " " $2 " ") { n += $3 }
		END { print n + 0 }'
}

# wanted NAME CODE…: same as by_reason from its program; exits with these codes are reflected
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

# trips NAME REASON: prints trips, trip_ns and trip_exits
trips()
{
	nested "$1" | awk -v reason="$2" '$1 == "exits" && $2 == reason { print $5, $6, $7 }'
}

# tells_failed: whether KVM has a trace event for entries that it refuses
tells_failed()
{
	[ "$(isa)" = vmx ] || ! uname -r | grep -q '^5\.10\.'
}

# For each exit of L3 the guest reads three fields of its VMCS and writes one; with VMCS
# shadowing these do not exit.
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
	# 5.10 enters with part of the wrong state, and the guest dies.
	tells_failed && mistakes=24 || mistakes=2
	kept wrong --mistakes $mistakes l3=5 || ktap_print_msg "$(tail -n 3 "$TMP/wrong")"
	mistakes=$(grep -c '^mistake ' "$TMP/wrong")
	if tells_failed; then
		[ "$mistakes" -ge 12 ] && equal "failed" "$mistakes" "$(field wrong failed)"
		result "entries into L3 that KVM refuses are counted"
		cp "$(guest_of wrong)/vcpu0/nested_failed" "$TMP/failed"
		sed 's/^/# /' "$TMP/failed"
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
		result "each refused entry into L3 has KVM's own message"
	else
		equal "failed" unknown "$(field wrong failed)"
		result "failed is unknown if KVM does not report refused entries"
		ktap_test_skip "each refused entry into L3 has KVM's own message" "this KVM has none on SVM"
	fi
	equal "CPUID" "5 5" "$(nested wrong | awk '$1 == "exits" && tolower($2) == "cpuid" { print $3, $4 }')"
	result "exits of L3 are counted exactly after refused entries"
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
result "state is on, not running, after a guest has used nesting"
# shellcheck disable=SC2086 # words on purpose
equal "entries" "$(expected exact 2 $enter)" "$(field exact entries)"
result "the number of entries into L3 is that of the program"
run=$(sed -n 's/^stat nested_run .*value=//p' "$TMP/exact")
if [ -n "$run" ]; then
	check "the number of entries into L3 is that of KVM's statistic" equal "nested_run" "$run" "$(field exact entries)"
else
	ktap_test_skip "the number of entries into L3 is that of KVM's statistic" "this KVM has no such statistic"
fi
# shellcheck disable=SC2086 # words on purpose
equal "by reason" "$(wanted exact $left)" "$(by_reason exact)" && equal "unkept" 0 "$(field exact unkept)"
result "exits of L3 are counted as handled by KVM or reflected to L2, by reason, as in the program"
equal "paging" shadow "$(field exact paging)"
result "an L3 without EPT or NPT of its own runs on shadow page tables"
trips exact $cpuid > "$TMP/trips"
read -r back _ exits < "$TMP/trips"
most=$((600 * $(exits_per_cpuid) + $(by_host exact)))
ktap_print_msg "$exits exits of L2, at most $(by_host exact) of them caused by the host"
equal "trips" 600 "$back" && [ "$exits" -ge $((600 * $(exits_per_cpuid))) ] && [ "$exits" -le $most ]
result "trip_exits for CPUID of L3 is the number of L2's exits in the program"

test_mistakes

# L3 calls L2, which does I/O during which the VMM sleeps, then enters L3 again.
kept slow --time --order mixed --slow-every 1 --slow-us 5000 out=40 l3=40
trips slow $call > "$TMP/trips"
read -r back ns _ < "$TMP/trips"
wall=$(sed -n 's/^time .*wall_ns=\([0-9]*\).*/\1/p' "$TMP/slow")
ktap_print_msg "$back trips, $ns ns, of $wall ns that the vCPU ran"
[ "$back" -ge 39 ] && [ "$ns" -ge $((back * 5000000 - 5000000)) ] && [ "$ns" -le "$wall" ]
result "trip_ns includes the time of L2's own exits"

start inside --forever --spin-user-us 500000 l3out=100
within 30 has_guest inside && within 30 has_state inside running
before=$(field inside in_l3_ns)
pause_ms 100
after=$(field inside in_l3_ns)
[ "$(field inside state)" = running ] && [ "$after" -ge $((before + 90000000)) ]
result "in_l3_ns grows while a guest stays in L3"

as_user cat "$(guest_of inside)/vcpu0/nested" > "$TMP/read" 2>&1
grep -q 'Permission denied' "$TMP/read"
result "other users cannot read vcpu0/nested"

kill_guests
unload
ktap_finished
