#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Guests with similar exits of different causes: each gets the advice for its own
# cause. Needs deterministic time (SVM with --icount).
. "${0%/*}/lib.sh"
. "$HERE/alike_lib.sh"

THP=/sys/kernel/mm/transparent_hugepage
NX=/sys/module/kvm/parameters/nx_huge_pages

# runs_alike NAME KIND [WHAT]: starts a guest and waits for its first exit
runs_alike()
{
	name=$1
	shift
	background "$name" alike -name "guest=$name" "$@"
	wait_for has_guest "$name" && wait_for has_exits "$(guest_of "$name")"
}

# as_often: whether the exit rate is in the range of all guests compared here
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

# in_cgroup NAME FILE VALUE: moves the VMM into its own cgroup, with a limit
in_cgroup()
{
	[ -d "$CGROUPS" ] || mount_cgroups cpu memory || return
	mkdir "$CGROUPS/$1" && echo "$3" > "$CGROUPS/$1/$2" &&
		pid "$1" > "$CGROUPS/$1/cgroup.procs"
}

# is_held_back NAME: whether memory.high of its cgroup has throttled it
is_held_back()
{
	grep -q "^high [1-9]" "$CGROUPS/$1/memory.events"
}

ktap_print_header
ktap_set_plan 30

load
borrow $THP/enabled never
borrow $THP/shmem_enabled never
mkdir "$TMP/disk"
mount -t ramfs none "$TMP/disk"

# Page faults, all for the same number of pages.
runs_alike anonymous anonymous
advises_only anonymous small-pages transparent_hugepage/enabled && as_often
result "advise names transparent_hugepage/enabled for fresh anonymous memory in small pages"
end anonymous
runs_alike refused refused
advises_only refused small-pages-vmm MADV_NOHUGEPAGE && as_often
result "advise says to allow huge pages where the VMM sets MADV_NOHUGEPAGE"
end refused
runs_alike memfd memfd
advises_only memfd small-pages-shmem shmem_enabled && as_often
result "advise names shmem_enabled for a memfd in small pages"
end memfd
runs_alike file file "$TMP/disk/snapshot"
advises_only file small-pages-file "not map the memory from a file" && as_often
result "advise names memory not mapped from a file for a private mapping of a file"
end file
runs_alike logged logged
advises_only logged dirty-log "huge pages do not help" && as_often
result "advise says that huge pages do not help while the dirty log is read"
end logged
runs_alike slots slots
advises_only slots slot-changes "keep memory slots" && as_often
result "advise names memory slots that are removed for pages that KVM forgets with them"
end slots
runs_alike filled userfaultfd
advises filled userfaultfd "fill more at a time" && as_often
result "advise says to fill more at a time for memory that a userfaultfd fills"
end filled
borrow $THP/enabled always
borrow $NX force
runs_alike executes executes
advises_only executes nx-huge-pages "kvm.nx_huge_pages=N" && as_often
result "advise names nx_huge_pages for huge pages that are split when the guest executes in them"
end executes
borrow $NX N
borrow $THP/enabled never
runs_alike mmio mmio 0xe0000000
advises_only mmio unknown-device "the device at address 0xe0000000" && as_often
result "advise names an ioeventfd, and nothing about memory, for MMIO accesses that exit as page faults, too"
end mmio

# Sleep in KVM other than halts.
runs_alike slow slow
advises slow userfaultfd-wait "serve pages faster"
result "advise says to provide pages faster for a slow userfaultfd"
end slow
runs_alike dropped dropped
in_cgroup dropped memory.high 12M
wait_for is_held_back dropped
advises dropped memory-high "memory.high of /dropped"
result "advise says to raise memory.high for memory above it"
end dropped

# Reads of a port; the VMM takes the same time for each.
runs_alike clock port 0x608
advises_only clock clock "Linux: in the guest" && as_often
result "advise names another clock for reads of the ACPI PM timer"
end clock
runs_alike rtc port 0x71
advises_only rtc rtc "hwclock" && as_often
result "advise names hwclock for reads of the RTC"
end rtc
runs_alike serial port 0x3fd
advises_only serial serial-port "hvc0" && as_often
result "advise names another console for accesses to a serial port"
end serial
runs_alike device port 0x5010
advises_only device unknown-device "ioeventfd or vhost for the device at port 0x5010" && as_often
result "advise names an ioeventfd for accesses to a port without a name"
end device

# Reads of a port that KVM emulates.
runs_alike timer kvm_port 0x40
advises_only timer pit "kvm-clock or tsc as clocksource" && as_often
result "advise names another clock for reads of the PIT"
end timer

# Reads of an MSR.
runs_alike microcode msr 0x8b
advises_only microcode other-msrs "MSR 0x8b" && as_often
result "advise says to find the user of an MSR without a known cure"
end microcode
runs_alike profiled msr 0xc0010004
advises_only profiled pmu "perf" && as_often
result "advise says not to profile in the guest for reads of a performance counter"
end profiled

# The VMM's own time for other exits than device accesses.
runs_alike filtered filtered 0x8b
advises_only filtered vmm-msrs "KVM_X86_SET_MSR_FILTER" && as_often
result "advise names a smaller filter for MSRs that a filter passes to the VMM"
end filtered
runs_alike served hlt
advises_only served vmm-time "find out first" && as_often
result "advise names no cause of HLT that the VMM handles without a sign of its interrupt controllers"
end served

# Halts; most sleep for the same time.
runs even --forever --period-us 100 halt=20
not_advised even poll-down
result "advise says nothing about polling for halts that KVM's polling catches"
end even
runs uneven --forever --period-us 100 halt=4 nap=1
advises uneven poll-down "halt_poll_ns=0"
result "advise names less polling for halts that KVM polls for in vain"
end uneven

# Guests with little to do, for which threads other than their vCPUs work.
runs_alike works works
advises_only works vmm-threads "perf top -p"
result "advise says to profile the VMM for a busy thread of the VMM"
end works
borrow /sys/module/kvm/parameters/min_timer_period_us 20
runs_alike ticks ticks
advises_only ticks kvm-pit "another timer in the guest"
result "advise names another timer for KVM's busy PIT thread"
end ticks

# The same exits, throttled by one limit or the other.
runs paced --forever cpuid=200
limit max_exits_per_sec 500
advises paced host-limit "a limit of its own"
result "advise names a limit of its own for a guest throttled by the host's limit"
l1tune limits paced max_exits_per_sec=400
advises paced guest-limit "above what it needs"
result "advise names a higher limit for a guest throttled by its own limit"
l1tune limits paced max_exits_per_sec=default
no_limits
end paced

# The same lack of a CPU.
runs limited --forever cpuid=200
in_cgroup limited cpu.max "30000 100000"
advises_only limited quota "cpu.max of /limited is 0.30 CPUs" cpuid
result "advise names the quota for a guest throttled by its cgroup's cpu.max"
end limited
runs beside --forever cpuid=200
in_cgroup beside cpu.max max
background hog hog 1000000
advises_only beside neighbours "keep other tasks off its CPUs" cpuid
result "advise says to keep other programs off a guest's CPU that another program uses"
let_go hog
end beside
for guest in one two; do
	runs $guest --forever cpuid=200
	in_cgroup $guest cpu.max max
done
advises_only one overcommit "fewer vCPUs than CPUs" cpuid
result "advise names fewer vCPUs if guests have more vCPUs than the machine has CPUs"
let_go one
end two
runs wide --vcpus 2 --forever cpuid=200
in_cgroup wide cpu.max max
advises_only wide overcommit "fewer vCPUs than CPUs" cpuid
result "advise names fewer vCPUs for a guest that may use all CPUs and has more vCPUs"
end wide

kill_guests
give_back
umount "$TMP/disk"
unload
ktap_finished
