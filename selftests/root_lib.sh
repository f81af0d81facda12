# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the tests in a clean Debian share.
. "${0%/*}/ktap.sh"

# What the command that a result is of has said
LOG=$(mktemp)

# result DESCRIPTION, after the command that it is the result of
result()
{
	if [ $? -eq 0 ]; then
		ktap_test_pass "$1"
	else
		tail -n 15 "$LOG" | sed 's/^/# /'
		ktap_test_fail "$1"
	fi
}
