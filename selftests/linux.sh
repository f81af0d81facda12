#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A stock Linux as a guest of Debian's QEMU: while it boots, the module's counts are
# equal to the kernel's trace events. The guest is in /l2, see ./check.
. "${0%/*}/lib.sh"
. "${0%/*}/linux_lib.sh"
. "${0%/*}/traced.sh"

ktap_print_header
no_linux
ktap_set_plan 4

load
traced_start
linux linux
qemu=$(pid linux)

check "a stock Linux boots as a guest" within 120 is_up linux
ktap_print_msg "$(grep -a 'L2 is up' "$TMP/linux")"

# While it is stopped it takes no exits, so that counts can be compared.
stop linux
equal "name" linux "$(l1tune list --noheadings -o NAME)" && equal "pid" $qemu "$(cat $CLASS/l2-1/pid)"
result "a stock Linux is listed by its name and PID"

traced_counts | awk '{ n[$3 " " $4] += $5 } END { for (k in n) print k, n[k] }' | sort > "$TMP/traced"
l1tune stat linux --noheadings --bytes -o LEVEL,CODE,COUNT | awk '$3' | tr -s ' ' | sed 's/^ //' | sort > "$TMP/counted"
[ -s "$TMP/counted" ] && equal "exits by level and code" "$(cat "$TMP/traced")" "$(cat "$TMP/counted")"
result "the module counts the exits of a Linux boot that the kernel traces"
l1tune stat linux | sed 's/^/# /'

# -m 192, plus firmware
memory=$(cat $CLASS/l2-1/memory_bytes)
[ "$memory" -ge $((192 << 20)) ] && [ "$memory" -lt $((200 << 20)) ]
result "memory_bytes is the memory that QEMU gives a Linux"

traced_stop
kill -KILL $qemu
wait_for has_guests 0
unload
ktap_finished
