# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the logs of tests come to.

# count PATTERN LOG…
count()
{
	cat "${@:2}" 2> /dev/null | grep -cE "$1" || true
}

# results LOG…: sets PASSED, FAILED and SKIPPED
results()
{
	SKIPPED=$(count '^ *ok .*# SKIP' "$@")
	PASSED=$(($(count '^ *ok ' "$@") - SKIPPED))
	FAILED=$(count '^ *not ok ' "$@")
}

# counts LOG…
counts()
{
	local PASSED FAILED SKIPPED
	results "$@"
	echo "$PASSED passed, $FAILED failed$( ((SKIPPED)) && echo ", $SKIPPED skipped")"
}
