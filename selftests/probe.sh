#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What KVM promises to guests, tried by the tool's own. BROKEN names rows whose
# instructions this machine's CPU offers and does not have: an L0 that lies.
. "${0%/*}/lib.sh"

# row NAME: its line in what probe -a printed
row()
{
	grep "^$1  *instruction " "$TMP/all"
}

# is_broken NAME: #UD, for which the CPU knows no such instruction
is_broken()
{
	row "$1" | grep -q 'faults .*#UD' && return
	ktap_print_msg "$1: $(row "$1")"
	return 1
}

# bad: the rows that are not as promised
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

l1tune probe -a > "$TMP/all" 2> "$TMP/errors"
status=$?
sed 's/^/# /' "$TMP/all" "$TMP/errors" | grep -v 'not promised'
equal "exit status" "${BROKEN:+1}" "$(echo $status | grep -v '^0$')"
result "probe tells by its exit status whether promises are kept"

bad > "$TMP/bad"
expect=
for name in ${BROKEN-}; do
	expect="$expect$name
"
	is_broken "$name" || break
done
equal "promises that are broken" "$(echo "$expect" | grep .)" "$(cat "$TMP/bad")"
result "probe names those that the CPU does not keep, and no other"

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
result "doctor has what probe found"
unload
ktap_finished
