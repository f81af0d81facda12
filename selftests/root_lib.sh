# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Shared by the tests in a clean Debian.
. "${0%/*}/ktap.sh"

# Output of the command that a result is for
LOG=$(mktemp)

# result DESCRIPTION: the result of the command before it
result()
{
	if [ $? -eq 0 ]; then
		ktap_test_pass "$1"
	else
		tail -n 15 "$LOG" | sed 's/^/# /'
		ktap_test_fail "$1"
	fi
}
