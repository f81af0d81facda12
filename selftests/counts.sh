# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Counts of results in test logs.

# count PATTERN LOG…
count()
{
	cat "${@:2}" 2> /dev/null | grep -cE "$1" || true
}

# results LOG…: sets PASSED, FAILED and SKIPPED. The result of a test whose own results
# precede it, indented, counts only if it alone failed.
results()
{
	read -r PASSED FAILED SKIPPED < <(cat "$@" 2> /dev/null | awk '
	function add() { if (/^ *not/) failed++; else if (/# SKIP/) skipped++; else passed++ }
	/^ +(not )?ok / { add(); inner = 1; bad = bad || /^ *not/ }
	/^(not )?ok / { if (!inner || /^not/ && !bad) add(); inner = bad = 0 }
	END { print passed + 0, failed + 0, skipped + 0 }')
}

# counts LOG…
counts()
{
	local PASSED FAILED SKIPPED
	results "$@"
	echo "$PASSED passed, $FAILED failed$( ((SKIPPED)) && echo ", $SKIPPED skipped")"
}

# nowhere LOG…: prints the results, with their reason, that were skipped wherever they occur
nowhere()
{
	cat "$@" 2> /dev/null | sed -nE 's/^ *(not )?ok [0-9]+ (- )?//p' | awk '
	{ at = index($0, " # SKIP"); what = at ? substr($0, 1, at - 1) : $0; sub(/ +$/, "", what) }
	!at { ran[what] = 1; next }
	!(what in why) { order[++n] = what; why[what] = substr($0, at + 8) }
	END { for (i = 1; i <= n; i++) if (!(order[i] in ran)) print order[i] ": " why[order[i]] }'
}
