#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Usage: exact.sh [VMM-OPTIONS KIND=N...]
# Runs vmm guests and compares the exits they must have taken with the kernel's
# own record, the trace events kvm_exit and kvm_nested_vmexit, and with KVM's
# statistic `exits`: per vCPU, reason and level. KTAP. Needs root and tracefs;
# runs in busybox. Without arguments: cases that cover every kind of exit.

dir=$(dirname "$0")
vmm=$dir/vmm
[ -x "$vmm" ] || vmm=vmm
tracing=/sys/kernel/tracing
kvm=$tracing/events/kvm
events="kvm_exit kvm_nested_vmexit"
hist='hist:keys=common_pid,exit_reason:size=8192'
buffer_kb=32768
tests=0
failed=0

tmp=$(mktemp -d) || exit 1
trap 'stop; rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

# Counting in the kernel, or (without CONFIG_HIST_TRIGGERS: Debian's 5.10) by
# recording every single event.
start()
{
	if [ $how = hist ]; then
		for event in $events; do
			echo "$hist" > $kvm/$event/trigger || return 1
		done
	else
		echo $buffer_kb > $tracing/buffer_size_kb && : > $tracing/trace || return 1
		for event in $events; do
			echo 1 > $kvm/$event/enable || return 1
		done
	fi
}

stop()
{
	for event in $events; do
		if [ "$how" = hist ]; then
			echo "!$hist" > $kvm/$event/trigger
		else
			echo 0 > $kvm/$event/enable
		fi
	done 2> /dev/null
}

# One line "EVENT TID REASON COUNT" for each, REASON a number or a name
counts()
{
	if [ $how = hist ]; then
		for event in $events; do
			sed -n 's/^{ common_pid: *\([0-9]*\), exit_reason: *\([0-9]*\) } hitcount: *\([0-9]*\).*/\1 \2 \3/p' \
				$kvm/$event/hist | sed "s/^/$event /"
		done
		return
	fi
	for event in $events; do
		echo 0 > $kvm/$event/enable
	done
	if grep -q '^overrun: [1-9]' $tracing/per_cpu/cpu*/stats; then
		echo "# events were lost: $buffer_kb kB are too few" >&2
		return 1
	fi
	sed -n 's/^ *.*-\([0-9]*\) .* \(kvm_[a-z_]*\): .*reason \(.*\) rip .*/\2 \1 \3/p' \
		$tracing/trace | awk '{ n[$0]++ } END { for (k in n) print k, n[k] }'
}

# stdin: what vmm printed, then the counts
compare()
{
	awk '
	function field(name,  i) {
		for (i = 2; i <= NF; i++)
			if (index($i, name "=") == 1)
				return substr($i, length(name) + 2)
	}
	function key(tid, level, reason) {
		return tid SUBSEP level SUBSEP (reason in code ? code[reason] : reason)
	}
	$1 == "expect" {
		code[$2] = field("code")
		tid[field("tid")] = field("vcpu")
		want[key(field("tid"), field("level"), $2)] = field("count")
	}
	$1 == "excluded" { code[$2] = field("code"); host[code[$2]] = 1 }
	$1 == "stat" && $2 == "exits" { stat[field("tid")] = field("value") }
	$1 == "kvm_exit" { got[key($2, 2, $3)] += $NF; sum[$2] += $NF }
	$1 == "kvm_nested_vmexit" { got[key($2, 3, $3)] += $NF; got[key($2, 2, $3)] -= $NF }
	END {
		for (k in want) {
			split(k, part, SUBSEP)
			total += want[k]
			if (got[k] + 0 != want[k] + 0) {
				printf "# vcpu %d level %d reason %s: expected %d, traced %d\n",
				       tid[part[1]], part[2], part[3], want[k], got[k]
				bad++
			}
		}
		for (k in got) {
			split(k, part, SUBSEP)
			if (!(part[1] in tid) || k in want || !got[k])
				continue
			if (part[3] in host) {
				excluded += got[k]
				continue
			}
			printf "# vcpu %d level %d reason %s: not expected, traced %d\n",
			       tid[part[1]], part[2], part[3], got[k]
			bad++
		}
		for (t in stat)
			if (stat[t] != sum[t]) {
				printf "# vcpu %d: KVM counts %d exits, traced %d\n", tid[t],
				       stat[t], sum[t]
				bad++
			}
		for (t in tid)
			vcpus++
		printf "# %d vCPUs, %d exits expected, %d more caused by the host\n", vcpus, total,
		       excluded
		exit bad || !total
	}'
}

check()
{
	tests=$((tests + 1))
	if start && "$vmm" --expect $stats "$@" > "$tmp/vmm" < /dev/null &&
	   counts > "$tmp/counts" && cat "$tmp/vmm" "$tmp/counts" | compare; then
		echo "ok $tests $*"
	else
		echo "not ok $tests $*"
		failed=$((failed + 1))
	fi
	stop
}

echo "TAP version 13"
if ! [ -w $kvm/kvm_exit/enable ]; then
	echo "Bail out! no trace event kvm_exit: is kvm loaded, tracefs mounted at $tracing, this root?"
	exit 1
fi
how=trace
! [ -e $kvm/kvm_exit/hist ] || how=hist
echo "# exits counted by $how"
stats=--stats
if ! "$vmm" --stats cpuid=1 > /dev/null 2> "$tmp/err" < /dev/null; then
	stats=
	sed 's/^/# not compared with KVM: /' "$tmp/err"
fi

if [ $# -gt 0 ]; then
	check "$@"
else
	check cpuid=1000
	check out=500 in=400 mmio=300
	check rdmsr=300 wrmsr=200 vmcall=100
	check hlt=200 ept=150 --rounds 3
	check halt=20 --period-us 2000
	check --vcpus 4 --order mixed --rounds 5 cpuid=2000 out=400 in=300 mmio=500 rdmsr=700 \
	      wrmsr=600 hlt=300 vmcall=800 ept=200
	check --nested
	check l3=300 l3out=200 l3rdmsr=100 l3ept=50 --rounds 2
	check --vcpus 4 --order mixed --rounds 2 cpuid=50 l3=300 l3out=200 l3rdmsr=100 l3ept=50 \
	      ept=40 mmio=20
fi
echo "1..$tests"
[ $failed -eq 0 ]
