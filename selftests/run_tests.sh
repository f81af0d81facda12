#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Usage: run_tests.sh TEST…
# Runs tests in an L1 host one after the other. A test fails if the kernel's
# log has a warning from its time, or if it ends without all that it planned.
. /selftests/log.sh

failed=0

# What kmemleak, where the kernel has it, finds: a second look is sure of it. Whose it
# is cannot be asked: of a module that has gone no names are left.
leaks()
{
	[ -e /sys/kernel/debug/kmemleak ] || return
	echo scan > /sys/kernel/debug/kmemleak
	sleep 6
	echo scan > /sys/kernel/debug/kmemleak
	not_the_kernels < /sys/kernel/debug/kmemleak
	echo clear > /sys/kernel/debug/kmemleak
}

# Where an allocation in sysfs_slab_add() fails, the kernel itself loses a name.
not_the_kernels()
{
	awk '
	function tell() { if (!known) printf "%s", held; held = ""; known = 0 }
	/^unreferenced object/ { tell() }
	{ held = held $0 "\n" }
	/ sysfs_slab_add\+/ { known = 1 }
	END { tell() }'
}

# Until a scan by itself ends, minutes on a slow machine, no module goes.
[ ! -e /sys/kernel/debug/kmemleak ] || echo scan=off > /sys/kernel/debug/kmemleak

echo "# kernel $(uname -r), $(uname -v)"
for test; do
	start=$(date +%s)
	echo "# test $test"
	echo "l1tune-test: $test" > /dev/kmsg
	sh "/selftests/$test.sh" > /tmp/out 2>&1
	status=$?
	cat /tmp/out
	planned=$(sed -n 's/^1\.\.\([0-9]*\).*/\1/p' /tmp/out)
	done=$(grep -cE '^(not )?ok ' /tmp/out)
	if [ $status -eq 4 ] && [ "$planned" = 0 ]; then
		echo "ok 1 $test: $(sed -n 's/^1\.\.0 # SKIP //p' /tmp/out) # SKIP"
		status=0
	elif [ "${planned:-none}" != "$done" ]; then
		echo "not ok $((done + 1)) $test: $done of ${planned:-unplanned} results, status $status"
		failed=1
	elif [ $status -ne 0 ] && ! grep -q '^not ok' /tmp/out; then
		echo "not ok $((done + 1)) $test: status $status"
		failed=1
	fi
	[ $status -eq 0 ] || failed=1
	dmesg > /tmp/dmesg
	# A log that has lost its beginning tells nothing.
	grep -q "l1tune-test: $test\$" /tmp/dmesg ||
		printf 'l1tune-test: %s\nWARNING: the log is too small, see log_buf_len\n' "$test" >> /tmp/dmesg
	sed "1,/l1tune-test: $test\$/d" /tmp/dmesg > /tmp/log
	bad_log_lines /tmp/log > /tmp/bad
	if [ -s /tmp/bad ]; then
		echo "not ok $((done + 1)) $test: a warning in the kernel's log"
		sed 's/^/# /' /tmp/bad
		failed=1
	fi
	lsmod | grep -q '^l1tune ' && rmmod l1tune
	leaks > /tmp/leaks
	if [ -s /tmp/leaks ]; then
		echo "not ok $((done + 1)) $test: memory is lost"
		sed 's/^/# /' /tmp/leaks
		failed=1
	fi
	echo "# test $test took $(($(date +%s) - start)) s"
done
exit $failed
