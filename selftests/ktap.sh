# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Results in KTAP, see the kernel's Documentation/dev-tools/ktap.rst. The functions
# have the same names as in the kernel's ktap_helpers.sh.

# Exit status of a test that is skipped as a whole.
# shellcheck disable=SC2034 # for lib.sh
KSFT_SKIP=4

KTAP_HEADER=
KTAP_PLANNED=0
KTAP_PASSED=0
KTAP_FAILED=0
KTAP_SKIPPED=0

ktap_print_header()
{
	[ -n "$KTAP_HEADER" ] || echo "KTAP version 1"
	KTAP_HEADER=printed
}

# ktap_print_msg TEXT…: diagnostic lines. Not echo, which interprets backslashes in some shells.
ktap_print_msg()
{
	printf '%s\n' "$*" | sed 's/^/# /'
}

# ktap_set_plan N: N results follow
ktap_set_plan()
{
	KTAP_PLANNED=$1
	echo "1..$1"
}

# ktap_skip_all REASON: instead of a plan
ktap_skip_all()
{
	ktap_print_header
	printf '1..0 # SKIP %s\n' "$*"
}

# ktap_line STATUS TEXT: a result with the next number
ktap_line()
{
	printf '%s %d %s\n' "$1" $((KTAP_PASSED + KTAP_FAILED + KTAP_SKIPPED + 1)) "$2"
}

ktap_test_pass()
{
	ktap_line ok "$1"
	KTAP_PASSED=$((KTAP_PASSED + 1))
}

ktap_test_fail()
{
	ktap_line "not ok" "$1"
	KTAP_FAILED=$((KTAP_FAILED + 1))
}

# ktap_test_skip DESCRIPTION REASON
ktap_test_skip()
{
	ktap_line ok "$1 # SKIP $2"
	KTAP_SKIPPED=$((KTAP_SKIPPED + 1))
}

# ktap_exit_fail_msg TEXT: the test cannot continue
ktap_exit_fail_msg()
{
	printf 'Bail out! %s\n' "$*"
	exit 1
}

# ktap_finished: ends the test; it passes if all planned results passed or were skipped
ktap_finished()
{
	ktap_print_msg "Totals: pass:$KTAP_PASSED fail:$KTAP_FAILED skip:$KTAP_SKIPPED"
	[ $((KTAP_PASSED + KTAP_SKIPPED)) -eq "$KTAP_PLANNED" ] && exit 0
	exit 1
}
