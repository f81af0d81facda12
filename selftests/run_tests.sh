#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Usage: run_tests.sh TEST…
# Runs tests one after the other, as root on any Linux host with KVM, and prints KTAP.
# A test also fails if the kernel logs a warning while it runs, or if it ends without
# all planned results. Exit status: 0 if none failed, 4 if all were skipped, otherwise 1.
# DISPOSABLE=yes says that the machine is for tests only, see host.sh.
HERE=$(cd "${0%/*}" && pwd)
. "$HERE/host.sh"
. "$HERE/log.sh"

WORK=$(mktemp -d)
chmod 755 "$WORK"
trap 'put_back; rm -rf "$WORK"' EXIT
trap 'exit 130' INT TERM HUP

# leaks: prints the leaks that kmemleak finds, if the kernel has it; a second scan
# confirms them. All count, because the names of an unloaded module are gone.
leaks()
{
	has_kmemleak || return
	echo scan > /sys/kernel/debug/kmemleak
	sleep 6
	echo scan > /sys/kernel/debug/kmemleak
	not_the_kernels < /sys/kernel/debug/kmemleak
	echo clear > /sys/kernel/debug/kmemleak
}

has_kmemleak()
{
	is_disposable && [ -e /sys/kernel/debug/kmemleak ]
}

# not_the_kernels: without a leak of the kernel itself, which loses a name when an
# allocation in sysfs_slab_add() fails
not_the_kernels()
{
	awk '
	function tell() { if (!known) printf "%s", held; held = ""; known = 0 }
	/^unreferenced object/ { tell() }
	{ held = held $0 "\n" }
	/ sysfs_slab_add\+/ { known = 1 }
	END { tell() }'
}

# settings: prints all settings of the host, uid first, because hlt_in_guest needs it
settings()
{
	for file in tune/uid limits/* audit/* tune/* slow/over_ns start/port; do
		echo "$file $(cat "$file")"
	done
}

# take_away: unloads the loaded module, because tests load it themselves
take_away()
{
	gid=$(cat /sys/module/l1tune/parameters/gid)
	(cd /sys/class/l1tune/l1 && settings) > "$WORK/settings"
	# Only the tool knows the order in which tenants have to be defined.
	l1tune save - > "$WORK/conf"
	rmmod l1tune
}

# put_back: loads what take_away unloaded, with its settings
put_back()
{
	[ -e "$WORK/settings" ] || return
	! is_loaded || rmmod l1tune
	load_module "gid=$gid"
	cd /sys/class/l1tune/l1 || return
	while read -r file value; do
		[ "$(cat "$file")" = "$value" ] || echo "$value" > "$file"
	done < "$WORK/settings"
	! grep -q '^tenant:' "$WORK/conf" || l1tune apply "$WORK/conf" | sed 's/^/# /'
}

# limited COMMAND…: with the timeout of the file settings, if there is one
limited()
{
	seconds=$(sed -n 's/^timeout=//p' "$HERE/settings" 2> /dev/null)
	if [ "${seconds:-0}" -gt 0 ]; then
		timeout "$seconds" "$@"
	else
		"$@"
	fi
}

# run TEST: its output is in $WORK/out, its exit status in $status
run()
{
	if [ ! -e "$HERE/$1.sh" ]; then
		echo "Bail out! there is no test $1" > "$WORK/out"
		status=1
		return
	fi
	mkdir "$WORK/test"
	limited env "L1TUNE_TEST=$WORK/test" sh "$HERE/$1.sh" > "$WORK/out" 2>&1
	status=$?
	rm -rf "$WORK/test"
}

# wrong WHAT: fails the current test; the standard input has the details
wrong()
{
	problem=${problem:+$problem; }$1
	sed 's/^/# /'
}

# judge TEST: checks its output, and the kernel's log since it started
judge()
{
	planned=$(sed -n 's/^1\.\.\([0-9]*\).*/\1/p' "$WORK/out")
	results=$(grep -cE '^(not )?ok ' "$WORK/out")
	failures=$(grep -c '^not ok ' "$WORK/out")
	if [ "$status" -eq 4 ] && [ "$planned" = 0 ]; then
		skipped=$(sed -n 's/^1\.\.0 # SKIP //p' "$WORK/out")
	elif [ "$status" -eq 124 ]; then
		wrong "it took more than $seconds s" < /dev/null
	elif [ "${planned:-none}" != "$results" ]; then
		wrong "it ended after $results of ${planned:-unplanned} results with status $status" < /dev/null
	elif [ "$failures" -gt 0 ]; then
		wrong "$failures of $results results" < /dev/null
	elif [ "$status" -ne 0 ]; then
		wrong "it ended with status $status" < /dev/null
	fi

	dmesg > "$WORK/dmesg"
	# A log that has lost its beginning proves nothing.
	grep -q "l1tune-test: $1\$" "$WORK/dmesg" ||
		printf 'l1tune-test: %s\nWARNING: the log is too small, see log_buf_len\n' "$1" >> "$WORK/dmesg"
	sed "1,/l1tune-test: $1\$/d" "$WORK/dmesg" > "$WORK/log"
	bad_log_lines "$WORK/log" > "$WORK/bad"
	[ ! -s "$WORK/bad" ] || wrong "a warning in the kernel's log" < "$WORK/bad"

	! is_loaded || rmmod l1tune
	leaks > "$WORK/leaks"
	[ ! -s "$WORK/leaks" ] || wrong "it leaked memory" < "$WORK/leaks"
}

[ $# -gt 0 ] || { echo "usage: $0 TEST…" >&2; exit 2; }

# Opening it loads KVM if it is not loaded yet.
(: < /dev/kvm) 2> /dev/null
if is_loaded && [ -z "$(unfit)" ]; then
	take_away
fi
# During an automatic scan, minutes on a slow machine, no module can be unloaded.
! has_kmemleak || echo scan=off > /sys/kernel/debug/kmemleak

echo "KTAP version 1"
echo "1..$#"
echo "# kernel $(uname -r), $(uname -v)"
number=0
passed=0
failed=0
for test; do
	number=$((number + 1))
	start=$(date +%s)
	echo "# test $test"
	echo "l1tune-test: $test" > /dev/kmsg
	problem=
	skipped=
	run "$test"
	sed 's/^/  /' "$WORK/out"
	judge "$test"
	if [ -n "$problem" ]; then
		failed=$((failed + 1))
		echo "not ok $number $test: $problem"
	elif [ -n "$skipped" ]; then
		echo "ok $number $test # SKIP $skipped"
	else
		passed=$((passed + 1))
		echo "ok $number $test"
	fi
	echo "# test $test took $(($(date +%s) - start)) s"
done
echo "# Totals: pass:$passed fail:$failed skip:$((number - passed - failed))"
[ $failed -eq 0 ] || exit 1
[ $passed -gt 0 ] || exit 4
