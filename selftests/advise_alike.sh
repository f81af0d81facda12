#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Guests whose exits look alike, and whose causes differ: each gets the advice for
# its own. Wants deterministic time (SVM with --icount).
. "${0%/*}/lib.sh"
. "$HERE/alike_lib.sh"

THP=/sys/kernel/mm/transparent_hugepage
NX=/sys/module/kvm/parameters/nx_huge_pages

# runs_alike NAME KIND [WHAT]: a guest that has come as far as its exits
runs_alike()
{
	name=$1
	shift
	background "$name" alike -name "guest=$name" "$@"
	wait_for has_guest "$name" && wait_for has_exits "$(guest_of "$name")"
}

# as_often: as all that are compared
as_often()
{
	[ "$pace" -ge 5000 ] && [ "$pace" -le 20000 ] && return
	ktap_print_msg "$pace exits in a second, not 5000 to 20000"
	return 1
}

# not_advised NAME CAUSE
not_advised()
{
	advised "$1" || return
	case " $causes " in
	*" $2 "*) fails ;;
	esac
}

# in_cgroup NAME FILE VALUE: in one of its own, with that limit
in_cgroup()
{
	if [ ! -d "$TMP/cgroup" ]; then
		mkdir "$TMP/cgroup" && mount -t cgroup2 none "$TMP/cgroup" &&
			echo "+cpu +memory" > "$TMP/cgroup/cgroup.subtree_control" || return
	fi
	mkdir "$TMP/cgroup/$1" && echo "$3" > "$TMP/cgroup/$1/$2" &&
		pid "$1" > "$TMP/cgroup/$1/cgroup.procs"
}

# is_held_back NAME: by memory.high of its cgroup
is_held_back()
{
	grep -q "^high [1-9]" "$TMP/cgroup/$1/memory.events"
}

ktap_print_header
ktap_set_plan 29

load
borrow $THP/enabled never
borrow $THP/shmem_enabled never
mkdir "$TMP/disk"
mount -t ramfs none "$TMP/disk"

# Faults, all of them for the same number of pages.
runs_alike anonymous anonymous
advises_only anonymous small-pages transparent_hugepage/enabled && as_often
result "fresh anonymous memory in small pages: transparent_hugepage/enabled"
end anonymous
runs_alike refused refused
advises_only refused small-pages-vmm MADV_NOHUGEPAGE && as_often
result "memory for which the VMM refuses huge pages: let it have them"
end refused
runs_alike memfd memfd
advises_only memfd small-pages-shmem shmem_enabled && as_often
result "a memfd in small pages: shmem_enabled"
end memfd
runs_alike file file "$TMP/disk/snapshot"
advises_only file small-pages-file "not mapped from a file" && as_often
result "a private mapping of a file: memory that is none"
end file
runs_alike logged logged
advises_only logged dirty-log "huge pages do not help" && as_often
result "memory whose dirty log is read: huge pages do not help"
end logged
runs_alike filled userfaultfd
advises filled userfaultfd "fill more at a time" && as_often
result "memory that a userfaultfd fills: more at a time"
end filled
borrow $THP/enabled always
borrow $NX force
runs_alike executes executes
advises_only executes nx-huge-pages "kvm.nx_huge_pages=N" && as_often
result "huge pages that are split where the guest executes: nx_huge_pages"
end executes
borrow $NX N
borrow $THP/enabled never
runs_alike mmio mmio 0xe0000000
advises_only mmio unknown-device "what has address 0xe0000000" && as_often
result "a device by its address, whose accesses are such faults too: an ioeventfd, and nothing about memory"
end mmio

# Sleep in KVM that is no halt.
runs_alike slow slow
advises slow userfaultfd-wait "faster pages"
result "a userfaultfd that is slow: faster pages"
end slow
runs_alike dropped dropped
in_cgroup dropped memory.high 12M
wait_for is_held_back dropped
advises dropped memory-high "memory.high of /dropped"
result "memory above its cgroup's memory.high: a higher one"
end dropped

# Reads of a port, which the VMM serves in the same time.
runs_alike clock port 0x608
advises_only clock clock "For Linux" && as_often
result "the ACPI PM timer: another clock"
end clock
runs_alike rtc port 0x71
advises_only rtc rtc "hwclock" && as_often
result "the RTC: less that reads it"
end rtc
runs_alike serial port 0x3fd
advises_only serial serial-port "hvc0" && as_often
result "a serial port: another console"
end serial
runs_alike device port 0x5010
advises_only device unknown-device "ioeventfd or vhost for what has port 0x5010" && as_often
result "a port without a name: an ioeventfd"
end device

# Reads of a port, which KVM serves.
runs_alike timer kvm_port 0x40
advises_only timer pit "kvm-clock or tsc as clocksource" && as_often
result "the PIT: another clock"
end timer

# Reads of an MSR.
runs_alike microcode msr 0x8b
advises_only microcode other-msrs "MSR 0x8b" && as_often
result "an MSR without a known cure: who uses it"
end microcode
runs_alike profiled msr 0xc0010004
advises_only profiled pmu "perf" && as_often
result "a performance counter: no profiling in the guest"
end profiled

# The VMM's own time for what is no device.
runs_alike filtered filtered 0x8b
advises_only filtered vmm-msrs "KVM_X86_SET_MSR_FILTER" && as_often
result "MSRs that a filter leaves to the VMM: a smaller filter"
end filtered
runs_alike served hlt
advises_only served vmm-halts "kernel-irqchip=on" && as_often
result "HLT that the VMM serves: KVM's interrupt controllers"
end served

# Halts, of which most sleep as long.
runs even --forever --period-us 100 halt=20
not_advised even poll-down
result "halts that KVM's polling catches: nothing about polling"
end even
runs uneven --forever --period-us 100 halt=4 nap=1
advises uneven poll-down "halt_poll_ns=0"
result "halts that KVM polls for in vain: less polling"
end uneven

# Guests with little to do, for which others than their vCPUs work.
runs_alike works works
advises_only works vmm-threads "perf top -p"
result "a thread of the VMM that works: see what it does"
end works
borrow /sys/module/kvm/parameters/min_timer_period_us 20
runs_alike ticks ticks
advises_only ticks kvm-pit "another timer than the PIT"
result "KVM's thread of the PIT: another timer"
end ticks

# The same exits, held back by one limit or the other.
runs paced --forever cpuid=200
limit max_exits_per_sec 500
advises paced host-limit "a limit of its own"
result "the limit for all guests: one of its own"
l1tune limits paced max_exits_per_sec=400
advises paced guest-limit "above what it needs"
result "the guest's own limit: a higher one"
l1tune limits paced max_exits_per_sec=default
no_limits
end paced

# The same lack of a CPU.
runs limited --forever cpuid=200
in_cgroup limited cpu.max "30000 100000"
advises_only limited quota "cpu.max of /limited is 0.30 CPUs"
result "a quota of its cgroup: that quota"
end limited
runs beside --forever cpuid=200
in_cgroup beside cpu.max max
background hog hog 1000000
advises_only beside neighbours "keep others off its CPUs"
result "another program on its CPU: keep it off"
let_go hog
end beside
for guest in one two; do
	runs $guest --forever cpuid=200
	in_cgroup $guest cpu.max max
done
advises_only one overcommit "fewer vCPUs than CPUs"
result "more vCPUs than CPUs: fewer vCPUs"
let_go one
end two
runs confined --vcpus 2 --forever cpuid=200
in_cgroup confined cpu.max max
advises confined confined "as many CPUs as it has vCPUs"
result "fewer CPUs allowed than vCPUs: more of them"
end confined

kill_guests
give_back
umount "$TMP/disk" "$TMP/cgroup"
unload
ktap_finished
