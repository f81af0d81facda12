#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# l1tune probe: features that KVM offers to guests, tried in guests of the tool. BROKEN
# names rows of instructions that this machine's CPU offers but lacks, because of a broken
# L0. REFUSED is the row of a guest with KVM's interrupt controllers that cannot be entered.
. "${0%/*}/lib.sh"

# row NAME: its line in the output of probe -a
row()
{
	grep "^$1  *instruction " "$TMP/all"
}

# is_broken NAME: whether it raises #UD, because the CPU lacks the instruction
is_broken()
{
	row "$1" | grep -q 'faults .*#UD' && return
	ktap_print_msg "$1: $(row "$1")"
	return 1
}

# bad: rows that are not as promised
bad()
{
	l1tune probe --noheadings -o VERDICT,FEATURE | sed -n 's/^\(faults\|wrong\|dies\|hangs\|untried\)  *//p'
}

no_guest()
{
	[ -z "$(ls -d "$CLASS"/l2-* 2> /dev/null)" ]
}

ktap_print_header
ktap_set_plan 5

if [ "${REFUSED-}" ]; then
	l1tune probe --json > "$TMP/json"
	equal "exit status" 1 $?
	result "probe exits with 1 if no guest runs"
	sed 's/{"feature"/\n&/g' "$TMP/json" | grep "\"$REFUSED\"" > "$TMP/row"
	sed 's/^/# /' "$TMP/row"
	grep -q '"dies".*invalid controls.*without KVM.s interrupt controller runs.*enable_apicv=0' "$TMP/row"
	result "probe says what the CPU refuses, and which guest runs"
	equal "verdicts" "dies not_promised untried" \
		"$(sed 's/"verdict": *"\([^"]*\)"/\n@\1\n/g' "$TMP/json" | sed -n 's/^@//p' | tr ' ' _ | sort -u | xargs)"
	result "probe tries nothing else if no guest runs"
	l1tune doctor > "$TMP/doctor"
	equal "exit status" 2 $? &&
		tr -s " \n" " " < "$TMP/doctor" | grep -q 'problem trial no guest can run: .* entry with invalid controls'
	result "doctor says that no guest can run"
	rmmod kvm_intel && modprobe kvm_intel enable_apicv=0 && l1tune probe > /dev/null && l1tune doctor | grep -q '^ok *trial '
	result "the module parameter that probe names makes guests run"
	ktap_finished
fi

l1tune probe -a > "$TMP/all" 2> "$TMP/errors"
status=$?
sed 's/^/# /' "$TMP/all" "$TMP/errors" | grep -v 'not promised'
equal "exit status" "${BROKEN:+1}" "$(echo $status | grep -v '^0$')"
result "probe's exit status says whether promises are kept"

bad > "$TMP/bad"
expect=
for name in ${BROKEN-}; do
	expect="$expect$name
"
	is_broken "$name" || break
done
equal "promises that are broken" "$(echo "$expect" | grep .)" "$(cat "$TMP/bad")"
result "probe names exactly the promises that the CPU does not keep"

grep -q "^nested [a-z]*  *nesting  *ok" "$TMP/all"
result "probe runs a guest in its guest"

load
for _ in 1 2 3; do l1tune probe > /dev/null; done
wait_for no_guest
result "probe leaves no guest behind"

l1tune probe --save > /dev/null
l1tune doctor --json | sed 's/{"row"/\n&/g' | grep '"row": *"promises"' > "$TMP/row"
if [ "${BROKEN-}" ]; then
	grep -q '"warning"' "$TMP/row" && grep -q "${BROKEN%% *}" "$TMP/row"
else
	grep -q '"ok"' "$TMP/row"
fi
result "doctor shows the result of probe"
unload
ktap_finished
