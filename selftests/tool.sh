#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The tool with the module: exit status, permissions, messages, and its JSON compared
# with sysfs.
. "${0%/*}/lib.sh"

# user_runs COMMAND…: runs it as an unprivileged user
user_runs()
{
	as_user "$@" > "$TMP/stdout" 2> "$TMP/stderr"
}

# json_value KEY: its first value in the output
json_value()
{
	sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p" "$TMP/stdout" | head -n 1
}

ktap_print_header
ktap_set_plan 12

equal "exit status" 3 "$(status_of l1tune)" && grep -q 'modprobe l1tune' "$TMP/stderr"
result "without the module l1tune exits with 3 and says how to load it"

load gid="$TEST_UID"
check "l1tune list exits with 0 when there are no guests" equal "exit status" 0 "$(status_of l1tune list)"

start web --vcpus 2 --hold cpuid=500 out=100
start db --hold rdmsr=300
wait_for has_held web
wait_for has_held db
guest=$(guest_of web)
id=${guest##*-}

for selector in "$id" "l2-$id" "pid:$(pid web)" web 'name:w*'; do
	l1tune list "$selector" --noheadings -o NAME
done > "$TMP/names"
check "a guest can be selected by id, PID, name and pattern" equal "names" "web 5" "$(sort "$TMP/names" | uniq -c | awk '{ print $2, $1 }')"

equal "exit status" 4 "$(status_of l1tune stat nobody)" && equal "exit status" 2 "$(status_of l1tune stat --nonsense)"
result "l1tune exits with 4 for an unknown guest and with 2 for wrong usage"

equal "exit status" 0 "$(status_of l1tune stat web --json)" &&
	equal "exits" "$(cat "$guest/exits")" "$(sed 's/.*"l2"//' "$TMP/stdout" > "$TMP/l2"; mv "$TMP/l2" "$TMP/stdout"; json_value exits)"
result "stat --json has as many exits as sysfs"

check "stat --json -i prints one document per line" equal "documents" 2 "$(l1tune stat web --json -i 1 -c 2 | wc -l)"

equal "exit status" 0 "$(status_of l1tune hist web cpuid --json)"
sed 's/.*"hist": *\[\([0-9, ]*\)\].*/\1/' "$TMP/stdout" | tr -d ' ' | tr ',' '\n' | awk '{ n += $1 } END { print n }' > "$TMP/sum"
check "hist counts the 1000 CPUIDs that the guest's two vCPUs executed" equal "exits in the histogram" 1000 "$(cat "$TMP/sum")"

l1tune stat -i 1 -c 1 --noheadings --bytes -o COUNT > "$TMP/first"
equal "exit status" 0 $? && equal "exits in it" "" "$(grep -v '^ *0$' "$TMP/first")"
result "stat's first interval has no exits from before it"

user_runs l1tune list && grep -q web "$TMP/stdout"
result "a member of the group gid may read guests"

unload
load
wait_for has_guests 2
user_runs l1tune list
equal "exit status" 5 $? && grep -qi 'gid' "$TMP/stderr"
result "without that group l1tune exits with 5 and says how to get access"
user_runs cat $L1/usage/vms && equal "usage/vms" 2 "$(cat "$TMP/stdout")" && ! user_runs cat $L1/totals/exits
result "every user may read usage, but not totals"

l1tune stat -i 1 -c 3 --noheadings > "$TMP/intervals" 2>&1 &
watcher=$!
wait_for test -s "$TMP/intervals"
kill_guests
wait_for has_guests 0
wait $watcher
check "stat exits with 0 if guests end while it runs" equal "exit status" 0 $?

unload
ktap_finished
