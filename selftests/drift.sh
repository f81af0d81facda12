#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The cost of an exit, measured by a canary while L0 changes. SCENE is "trace" (L0
# starts to trace each of its exits, after an hour's number of samples) or "hog"
# (L0's CPU becomes busy while a guest is busy, too).
. "${0%/*}/lib.sh"

STATE=$TMP/state

# l0 WHAT: see l1/guest/count-l0
l0()
{
	[ -e /l1/env ] || skip_all "needs an emulated L0"
	# shellcheck source=/dev/null
	. /l1/env
	printf '\036%s:count l0-%s\036' "$L1_NONCE" "$1"
}

drift()
{
	l1tune drift --state "$STATE"
}

samples()
{
	drift 2> "$TMP/errors" | sed -n 's/^changes .* in \([0-9]*\) samples.*/\1/p'
}

# wait_for_samples N SECONDS: polls rarely, because it takes the emulated CPU's time
wait_for_samples()
{
	end=$(($(uptime_cs) + $2 * 100))
	until [ "$(samples)" -ge "$1" ] 2> "$TMP/errors"; do
		[ "$(uptime_cs)" -lt $end ] || return 1
		sleep 3
	done
}

changes()
{
	drift | sed -n 's/^ *[-0-9]* [:0-9]*: since/since/p'
}

show()
{
	drift | while read -r line; do
		ktap_print_msg "$line"
	done
}

ktap_print_header
case ${SCENE-} in
trace) CALM=60 ;;
hog) CALM=20 ;;
*) skip_all "SCENE must say what L0 does: trace or hog" ;;
esac
ktap_set_plan 6
load
background record l1tune record --canary --every 0.1 -i 60 --state "$STATE"
wait_for_samples 1 120
equal name l1tune-canary "$(l1tune list --noheadings -o NAME)"
result "the canary is the only guest, and is listed by its name"

[ "$SCENE" = trace ] || runs busy --forever cpuid=1000
wait_for_samples "$CALM" 1800
result "the canary takes $CALM samples"
show
equal changes "" "$(changes)"
result "drift shows no change while L0 does not change"

background events l1tune events --state "$STATE"
before=$(samples)
case $SCENE in
trace)
	l0 trace
	# The sample in progress, and three more.
	wait_for_samples $((before + 4)) 300
	show
	changes | grep -q '^since .* an exit costs [2-9][0-9] % more .*stolen time .*: L0 changed$' ||
		changes | grep -q '^since .* an exit costs [1-9][0-9][0-9] % more .*stolen time .*: L0 changed$'
	result "drift says that L0 changed three samples after L0 started to trace its exits"
	said record 'L0 changed' && said events 'L0 changed'
	result "record and events say that L0 changed"
	;;
hog)
	l0 hog
	wait_for_samples $((before + 15)) 900
	show
	! changes | grep 'L0 changed'
	result "drift does not say that L0 changed while L0's CPU is busy"
	l1tune drift --state "$STATE" --json | sed 's/.*"last"//' |
		grep -q '"stolen_ratio": *0\.[2-7]'
	result "samples show the stolen time while L0's CPU is busy"
	;;
esac
kill "$(pid record)" "$(pid events)"
within 20 test ! -e "$CLASS/l2-1"
result "the canary's guest ends when record ends"
kill_guests
unload
ktap_finished
