# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Everything at once: activities, each in processes of its own, which run at random until
# they are stopped. A test sets DURATION, and ACTIVITIES to the names of some.
VENDOR=$(kvm_vendor)

# random N: a number below N
random()
{
	echo $(($(od -An -N2 -tu2 /dev/urandom) % $1))
}

# one_of WORD…
one_of()
{
	shift "$(random $#)"
	echo "$1"
}

on()
{
	[ ! -e "$TMP/stop" ]
}

# The activities: each runs until stopped, and counts its rounds in $TMP/NAME.
guests()
{
	while on; do
		if [ -e "$TMP/no_kvm" ]; then
			pause_ms 50
			continue
		fi
		kinds="cpuid=$(random 500) out=$(random 100) mmio=$(random 50) ept=$(random 50) hlt=$(random 5)"
		[ "$(random 3)" != 0 ] || kinds="$kinds l3=$(random 100)"
		if [ "$(random 8)" = 0 ]; then
			handover 3 1 &
		else
			# shellcheck disable=SC2086 # words on purpose
			vmm --vcpus $(($(random 4) + 1)) --rounds $(($(random 20) + 1)) $kinds &
		fi
		vmm=$!
		if [ "$(random 3)" = 0 ]; then
			pause_ms "$(random 500)"
			kill -KILL $vmm
		fi
		wait $vmm
		echo
	done
}

limits()
{
	while on; do
		for file in "$L1"/limits/* "$L1"/audit/* "$CLASS"/l2-*/limits/*; do
			[ "$(random 4)" != 0 ] || one_of max max 0 1 2 5 1000 64M > "$file"
		done
		pause_ms 20
		echo
	done
}

readers()
{
	while on; do
		cat "$L1"/*/* "$CLASS"/l2-*/* "$CLASS"/l2-*/*/* > /dev/null
		l1tune stat > /dev/null
		echo
	done
}

modules()
{
	while on; do
		pause_ms "$(random 2000)"
		rmmod l1tune
		pause_ms "$(random 100)"
		load_module && echo
	done
}

kvms()
{
	while on; do
		sleep $(($(random 6) + 2))
		touch "$TMP/no_kvm"
		until rmmod "$VENDOR"; do
			kill_vmms
			pause_ms 50
		done
		[ "$(random 2)" = 0 ] || rmmod kvm
		modprobe "$VENDOR" "nested=$(random 2)" && echo
		rm "$TMP/no_kvm"
	done
}

cpus()
{
	while on; do
		pause_ms "$(random 1000)"
		for file in /sys/devices/system/cpu/cpu[1-9]*/online; do
			echo 0 > "$file" && pause_ms 100 && echo 1 > "$file" && echo
		done
	done
}

# least ACTIVITY: minimum number of its rounds
least()
{
	case $1 in
	guests | limits | readers) echo $((1 + DURATION / 10)) ;;
	cpus) echo $((1 + DURATION / 20)) ;;
	modules | kvms) echo $((1 + DURATION / 60)) ;;
	esac
}

# Prints activities with too few rounds. The only CPU of a machine stays online.
too_few()
{
	for activity in $ACTIVITIES; do
		[ $activity != cpus ] || [ -e /sys/devices/system/cpu/cpu1 ] || continue
		[ "$(wc -l < "$TMP/$activity")" -ge "$(least $activity)" ] || echo $activity
	done
}

came_round()
{
	[ -z "$(too_few)" ]
}

# ran_all: prints the rounds of each; fails if one has too few
ran_all()
{
	for activity in $ACTIVITIES; do
		ktap_print_msg "$activity: $(wc -l < "$TMP/$activity") rounds, at least $(least $activity)"
	done
	equal "activities with too few rounds" "" "$(too_few | xargs)"
}

# chaos SECONDS [COMMAND…]: runs for so long, or up to four times as long until the command
# succeeds, because the machine may be busy
chaos()
{
	rm -f "$TMP/stop"
	jobs=
	for activity in guests guests readers readers readers readers readers readers readers $ACTIVITIES; do
		$activity >> "$TMP/$activity" 2> /dev/null &
		jobs="$jobs $!"
		# Or a modprobe would need minutes where there is one slow CPU, and each rmmod would
		# wait for it: Tasks RCU waits for all that the kernel does for a thread.
		case $activity in
		guests | readers) renice -n 15 -p $! > /dev/null ;;
		esac
	done
	sleep "$1"
	seconds=$1
	shift
	[ $# = 0 ] || within $((3 * seconds)) "$@"
	touch "$TMP/stop"
	# A guest left with a very low pace would not end by itself.
	while [ -e "$TMP/stop" ]; do
		pause_ms 200
		kill_vmms
	done &
	killer=$!
	# shellcheck disable=SC2086 # words on purpose
	wait $jobs
	rm "$TMP/stop"
	# It may be about to kill guests that the test starts next.
	wait $killer
	# Not kill_guests: what else the test runs goes on.
	kill_vmms
	modprobe "$VENDOR"
	load_module
	within 60 has_guests 0
}
