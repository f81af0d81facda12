#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# huge_pages=collapse for guests that fault on each of their small pages, by type of
# memory. Faults are KVM's own count, rounds and gaps the guest's, memory the kernel's.
. "${0%/*}/lib.sh"

THP=/sys/kernel/mm/transparent_hugepage/enabled
FILES=$TMP/files
# Seconds: a vCPU also waits while other programs take the emulated CPU's time.
BOUND=2

# fits NAME PATTERN: whether the last output of l1tune has such a line
fits()
{
	grep -qE "$2" "$TMP/said" && return
	ktap_print_msg "$1: no line like '$2'"
	sed 's/^/# /' "$TMP/said"
	return 1
}

# collapse NAME [OPTION]…: returns l1tune's exit status; the output is in $TMP/said
collapse()
{
	collapsed=$1
	shift
	l1tune tune "pid:$(pid "$collapsed")" huge_pages=collapse --max-stall ${BOUND}s "$@" > "$TMP/said" 2>&1
}

# backed_runs NAME KIND TOUCHED_MB ALL_MB [FILE]: starts a guest and waits for its first round
backed_runs()
{
	name=$1
	shift
	background "$name" backed "$@"
	within 60 said "$name" round && wait_for has_guest "$name"
}

# rounds NAME: how many rounds it has made
rounds()
{
	tail -n 1 "$TMP/$1" | cut -d" " -f2
}

has_made_rounds()
{
	[ "$(rounds "$1")" -ge "$2" ]
}

# faults_after ROUND NAME: KVM's count just after that round
faults_after()
{
	within 120 has_made_rounds "$2" "$1" && made=$(rounds "$2") && counted=$(kvm_stat "$2" pf_fixed)
}

# faults_per_round NAME: mean of four rounds, by KVM
faults_per_round()
{
	faults_after $(($(rounds "$1") + 1)) "$1" || return
	from=$made faults=$counted
	faults_after $((from + 4)) "$1" || return
	faults=$(((counted - faults) / (made - from)))
	ktap_print_msg "$1: $faults faults a round"
}

# has_large_pages NAME N: true at the end of a round; then KVM drops them
has_large_pages()
{
	[ "$(kvm_stat "$1" pages_2m)" -ge "$2" ]
}

# rss_kb NAME
rss_kb()
{
	sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$(pid "$1")/status"
}

# longest_gap_us NAME LINES: longest gap in its last rounds
longest_gap_us()
{
	tail -n "$2" "$TMP/$1" | awk '$4 > most { most = $4 } END { print most + 0 }'
}

still_runs()
{
	within 60 has_made_rounds "$1" $(($(rounds "$1") + 2))
}

# stays NAME KIND WORDS [FILE]: none of it is collapsed, l1tune says why, and the guest continues
stays()
{
	backed_runs "$1" "$2" 4 4 ${4:+"$4"} || return
	collapse "$1"
	equal "exit status" 1 $? && fits "$2" "$3" && fits "$2" "no memory of .* was collapsed" && still_runs "$1"
	status=$?
	end "$1"
	return $status
}

# fill_memory LEFT_KB: fills memory with a file in tmpfs until only LEFT_KB are available
fill_memory()
{
	mount -t tmpfs -o size=100% tmpfs "$TMP/fill" || return
	while [ "$(sed -n 's/^MemAvailable:[[:space:]]*\([0-9]*\) kB/\1/p' /proc/meminfo)" -gt "$1" ]; do
		dd if=/dev/zero bs=1M count=4 status=none >> "$TMP/fill/fill" || return
	done
}

# pressure_us: how long some task has waited for memory, by the kernel
pressure_us()
{
	sed -n 's/^some .*total=//p' /proc/pressure/memory
}

# waits_for_memory: whether some task waits for a fifth of a second or more, in one second
waits_for_memory()
{
	waited=$(pressure_us)
	sleep 1
	[ $(($(pressure_us) - waited)) -ge 200000 ]
}

# read_slots FILE: reads it until that fails; its VM ends meanwhile
read_slots()
{
	while cat "$1" > "$TMP/lines"; do
		echo "read"
	done
}

# guests_end_while_read KIND TIMES: a failure shows as a warning in the kernel log
guests_end_while_read()
{
	for time in $(seq "$2"); do
		backed_runs ending "$1" 4 4 || return
		background reader read_slots "$(guest_of ending)/memslots"
		pause_ms $((time * 100))
		let_go ending
		wait "$(pid reader)"
		said reader "read" && wait_for has_guests 0 || return
	done
}

ktap_print_header
needs_disposable "memory is filled"
load
borrow $THP never
mkdir "$FILES" "$TMP/fill"
mount_cgroups memory
# Not a tmpfs: like files on a disk.
mount -t ramfs ramfs "$FILES"

case $(uname -r) in
# Each new slot waits for some time there, so 2000 slots would take minutes.
5.*) ending=anon && ktap_set_plan 4 ;;
*) ending=slots && ktap_set_plan 22 ;;
esac

check "memslots can be read while VMMs end" guests_end_while_read $ending 5

backed_runs small anon 32 40
hva=$(sed -n 's/^0 *1 0x0000000040000000 *41943040 0x\([0-9a-f]*\) 0x0000 .*/\1/p' "$(guest_of small)/memslots" | sed 's/^0*//')
[ -n "$hva" ] && awk -v at="$hva" '{ split($1, range, "-"); found = found || range[1] == at } END { exit !found }' "/proc/$(pid small)/maps"
result "memslots shows the guest's memory at the VMM's address"
equal "slots" "2" "$(wc -l < "$(guest_of small)/memslots")" &&
	equal "slot 0" "0 0x0000000000000000 65536" "$(awk '$2 == 0 { print $2, $3, $4 }' "$(guest_of small)/memslots")"
result "memslots shows each slot of the VMM, and none of KVM's own"

case $(uname -r) in
5.*)
	collapse small
	equal "exit status" 1 $? && fits small "cannot collapse the memory of a running process: that takes 6.1" && still_runs small
	result "a kernel before 6.1 cannot collapse memory, and l1tune says so"
	kill_guests
	umount "$FILES"
	give_back
	unload
	ktap_finished
	;;
esac

huge=$(sed -n 's/^AnonHugePages:[[:space:]]*//p' "/proc/$(pid small)/smaps_rollup")
collapse small --check && fits check "^32M +anonymous memory: can be collapsed" &&
	fits check "^8M +anonymous memory: not all pages are there" &&
	equal "huge pages" "$huge" "$(sed -n 's/^AnonHugePages:[[:space:]]*//p' "/proc/$(pid small)/smaps_rollup")"
result "huge_pages=collapse --check shows what can be collapsed, and collapses nothing"

faults_per_round small
before=$faults rss=$(rss_kb small) line=$(wc -l < "$TMP/small")
collapse small
status=$?
longest=$(longest_gap_us small $(($(wc -l < "$TMP/small") - line + 1)))
sed 's/^/# /' "$TMP/said"
equal "exit status" 0 $status && fits small "^32M +anonymous memory: collapsed" && faults_per_round small &&
	[ "$before" -ge $((32 * 256 * 9 / 10)) ] && [ $((faults * 10)) -le "$before" ]
result "collapse reduces the faults of a guest in small pages to a tenth"
ktap_print_msg "the guest's longest gap meanwhile: $longest us"
[ "$longest" -le $((BOUND * 1000000)) ]
result "collapse stalls the guest for no longer than the bound"
grown=$(($(rss_kb small) - rss))
ktap_print_msg "the VMM has grown by $grown kB"
[ $grown -le 256 ]
result "collapse does not fill memory that was not populated"
within 60 has_large_pages small 16 && fits small "^KVM +[0-9]+ large pages mapped, 0 before"
result "KVM maps 16 large pages after collapse"
collapse small && fits again "already in huge pages|collapsed into"
result "collapsing again succeeds"
end small

backed_runs shm memfd 16 16
faults_per_round shm
before=$faults
collapse shm && fits shm "^16M +memfd or other shared memory: collapsed" && faults_per_round shm && [ $((faults * 10)) -le "$before" ]
result "collapse reduces the faults of a guest on a memfd to a tenth"
end shm

check "collapse skips memory whose guest and VMM addresses differ modulo 2M" stays odd odd "addresses differ modulo 2M"
check "collapse skips a memfd mapped at an odd offset" stays memfd_odd memfd_odd "offset in the file and VMM address differ"
check "collapse skips memory of a userfaultfd" stays uffd userfaultfd "registered with a userfaultfd"
check "collapse skips memory for which the VMM forbids huge pages" stays nohuge nohuge "MADV_NOHUGEPAGE"
check "collapse skips memory whose dirty pages are logged" stays logged logged "logs dirty pages"
check "collapse skips memory mapped from a file" stays file file "mapped from a file on a disk" "$FILES/guest"
check "collapse skips a private mapping of a file" stays private private "a private mapping of a file" "$FILES/guest"

backed_runs slots slots 4 4
equal "lines" 1025 "$(wc -l < "$(guest_of slots)/memslots")" && equal "the last" more "$(tail -n 1 "$(guest_of slots)/memslots" | xargs)" &&
	collapse slots && fits slots "^4M +anonymous memory: collapsed" && fits slots "more memory slots than the module lists"
result "memslots shows 1024 of a VMM's 2000 slots, and says that there are more"
end slots

# A VMM in a cgroup with memory limits.
mkdir "$CGROUPS/vmm"
background bound sh -c "echo \$\$ > $CGROUPS/vmm/cgroup.procs; exec backed anon 16 16"
within 60 said bound round && wait_for has_guest bound
echo $(($(cat "$CGROUPS/vmm/memory.current") + 8388608)) > "$CGROUPS/vmm/memory.max"
collapse bound
equal "exit status" 1 $? && fits bound "stopped: memory.max of cgroup /vmm leaves" &&
	fits bound "^16M +anonymous memory: can be collapsed"
result "collapse stops if memory.max of the cgroup leaves little memory"
echo max > "$CGROUPS/vmm/memory.max"
# The smallest bound, shorter than collapsing a page takes.
collapse bound --max-stall 100us
equal "exit status" 1 $? && fits bound "stopped: a vCPU waited .* more than the bound of 100us" &&
	fits bound "^[0-9]+M +anonymous memory: can be collapsed" && still_runs bound
result "collapse stops if a vCPU waits longer than the bound"
fill_memory 60000
collapse bound
equal "exit status" 1 $? && fits bound "stopped: this machine has .* of memory available, less than" && still_runs bound
result "collapse stops if the machine has little free memory"
umount "$TMP/fill"
end bound

# A task above its memory.high, which the kernel throttles on each further page.
mount -t tmpfs -o size=32m tmpfs "$TMP/fill"
mkdir "$CGROUPS/hog"
echo 4194304 > "$CGROUPS/hog/memory.high"
backed_runs pressed anon 48 48
background hog sh -c "echo \$\$ > $CGROUPS/hog/cgroup.procs; exec dd if=/dev/zero of=$TMP/fill/fill bs=64k"
within 20 waits_for_memory
collapse pressed
equal "exit status" 1 $? && fits pressed "stopped: memory pressure: tasks waited for memory [1-9][0-9]+ % of the time, more than 10 %" &&
	still_runs pressed && waits_for_memory
result "collapse stops on memory pressure measured by the kernel"
let_go hog
end pressed
umount "$TMP/fill"

kill_guests
rmdir "$CGROUPS/hog"
rmdir "$CGROUPS/vmm"
umount "$FILES"
give_back
unload
ktap_finished
