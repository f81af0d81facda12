#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Usage: exact.sh [VMM-OPTIONS KIND=N...]
# Runs vmm guests and compares the exits they must have taken with the kernel's
# own count (histograms on the trace events kvm_exit and kvm_nested_vmexit) and
# with KVM's statistic `exits`, per vCPU, reason and level. KTAP. Needs root, a
# kernel with CONFIG_HIST_TRIGGERS and tracefs; runs in busybox.
# Without arguments: a set of cases that covers every kind of exit.

dir=$(dirname "$0")
vmm=$dir/vmm
[ -x "$vmm" ] || vmm=vmm
tracing=/sys/kernel/tracing
events=$tracing/events/kvm
tmp=$(mktemp -d) || exit 1
trap 'untrace; rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
tests=0
failed=0

hist='hist:keys=common_pid,exit_reason:size=8192'

trace()
{
	for event in kvm_exit kvm_nested_vmexit; do
		echo "$hist" > $events/$event/trigger || {
			echo "Bail out! cannot set a histogram trigger on $event: is kvm loaded," \
			     "tracefs mounted, CONFIG_HIST_TRIGGERS set?"
			exit 1
		}
	done
}

untrace()
{
	for event in kvm_exit kvm_nested_vmexit; do
		echo "!$hist" > $events/$event/trigger
	done 2> /dev/null
}

# { common_pid:  57, exit_reason:  10 } hitcount:  100  ->  NAME 57 10 100
counts()
{
	sed -n 's/^{ common_pid: *\([0-9]*\), exit_reason: *\([0-9]*\) } hitcount: *\([0-9]*\).*/\1 \2 \3/p' \
		"$events/$1/hist" | sed "s/^/$1 /"
}

# stdin: the counts, then what vmm printed
compare()
{
	awk -v isa="$1" '
	function field(name,  i) {
		for (i = 2; i <= NF; i++)
			if (index($i, name "=") == 1)
				return substr($i, length(name) + 2)
	}
	# By number: the names of what the host causes, see vmm --expect
	BEGIN {
		n = split(isa == "vmx" ? "0 1 7 8 41 52 62" : "96 97 98 100", codes)
		for (i = 1; i <= n; i++)
			host[codes[i]] = 1
	}
	$1 == "kvm_exit" { got[$2, 2, $3] += $4; sum[$2] += $4 }
	$1 == "kvm_nested_vmexit" { got[$2, 3, $3] += $4; got[$2, 2, $3] -= $4 }
	$1 == "expect" {
		tid[field("tid")] = field("vcpu")
		want[field("tid"), field("level"), field("code")] = field("count")
	}
	$1 == "stat" && $2 == "exits" { stat[field("tid")] = field("value") }
	END {
		for (key in want) {
			split(key, k, SUBSEP)
			total += want[key]
			if (got[key] + 0 != want[key] + 0) {
				printf "# vcpu %d level %d reason %d: expected %d, traced %d\n",
				       tid[k[1]], k[2], k[3], want[key], got[key]
				bad++
			}
		}
		for (key in got) {
			split(key, k, SUBSEP)
			if (!(k[1] in tid) || key in want || !got[key])
				continue
			if (k[3] in host) {
				excluded += got[key]
				continue
			}
			printf "# vcpu %d level %d reason %d: not expected, traced %d\n",
			       tid[k[1]], k[2], k[3], got[key]
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
		printf "# %d vCPUs, %d exits exact, %d caused by the host\n", vcpus, total, excluded
		exit bad || !total
	}'
}

check()
{
	tests=$((tests + 1))
	trace
	if "$vmm" --expect --stats "$@" > "$tmp/vmm" < /dev/null &&
	   { counts kvm_exit; counts kvm_nested_vmexit; cat "$tmp/vmm"; } > "$tmp/all" &&
	   compare "$(sed -n 's/^vmm .*isa=\([a-z]*\).*/\1/p' "$tmp/vmm")" < "$tmp/all"; then
		echo "ok $tests $*"
	else
		echo "not ok $tests $*"
		failed=$((failed + 1))
	fi
	untrace
}

echo "TAP version 13"
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
