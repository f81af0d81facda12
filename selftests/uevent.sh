#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Guests come and go: uevents, which reach everybody, name the guest and its process;
# l1/events, which is root's, also has the user, the name and what a guest came to.
. "${0%/*}/lib.sh"

# What the guests' devices tell, a directory an event and a file a variable.
cat > "$TMP/listener" <<'EOF'
#!/bin/sh
case $DEVPATH in
*/l1tune/l2-*) env > "$1/$ACTION-${DEVPATH##*/}.new" && mv "$1/$ACTION-${DEVPATH##*/}.new" "$1/$ACTION-${DEVPATH##*/}" ;;
esac
EOF
chmod 755 "$TMP" "$TMP/listener"
mkdir "$TMP/events"

# variable EVENT NAME
variable()
{
	sed -n "s/^$2=//p" "$TMP/events/$1"
}

# event ACTION L2: the line of l1/events
event()
{
	grep -w "ACTION=$1" $L1/events | grep -w "L2=$2"
}

# detail ACTION L2 NAME
detail()
{
	event "$1" "$2" | sed -n "s/.* $3=\([^ ]*\).*/\1/p"
}

# identity ACTION L2
identity()
{
	echo "$(detail "$1" "$2" PID) $(detail "$1" "$2" UID) $(detail "$1" "$2" COMM)"
}

# secrets FILE: what a uevent must not have
secrets()
{
	grep -E '^(UID|COMM|EXITS|COUNT|VALUE|USE)=|_NS=' "$1"
}

ktap_print_header
ktap_set_plan 8

uevent "$TMP/listener" "$TMP/events" &
listener=$!
load

chmod 666 /dev/kvm
cp /usr/bin/vmm "$TMP/a
b"
su user -s /bin/sh -c "exec '$TMP/a
b' --vcpus 2 --hold --spin-user-us 1000 cpuid=500 out=100" < /dev/null > "$TMP/one" 2>&1 &
pid_one=$!
within 30 said one holding
within 30 test -e "$TMP/events/add-l2-1"
equal "PID" "$pid_one" "$(variable add-l2-1 PID)" && equal "secrets" "" "$(secrets "$TMP/events/add-l2-1")"
result "the uevent of a guest that comes has its process, and no user, name or count"
wait_for event add l2-1 > "$TMP/line" && equal "PID, UID and COMM" "$pid_one 1000 a\\nb" "$(identity add l2-1)"
result "its line of l1/events has its user and its name, escaped"

su user -s /bin/sh -c "cat $CLASS/l2-1/uevent" > "$TMP/read" &&
	equal "PID read" "$pid_one" "$(sed -n 's/^PID=//p' "$TMP/read")" && equal "secrets read" "" "$(secrets "$TMP/read")"
result "the file uevent, which all may read, has its process, and no user, name or count"

exits=$(kvm_exits one)
kill -KILL "$pid_one"
within 30 test -e "$TMP/events/remove-l2-1"
equal "PID" "$pid_one" "$(variable remove-l2-1 PID)" && equal "secrets" "" "$(secrets "$TMP/events/remove-l2-1")"
result "the uevent of a guest that goes has its process, and no user, name or count"
wait_for event remove l2-1 > "$TMP/line" && equal "PID, UID and COMM" "$pid_one 1000 a\\nb" "$(identity remove l2-1)"
result "its line of l1/events has who it was"

equal "EXITS" "$exits" "$(detail remove l2-1 EXITS)"
result "and its exits, which are KVM's own count"

# Totals are at most 100 ms old.
usleep 200000
for name in exit_time_ns guest_time_ns user_time_ns wait_time_ns runq_time_ns throttled_ns; do
	equal $name "$(value totals/$name)" "$(detail remove l2-1 "$(echo $name | tr a-z A-Z)")" || break
done && [ "$(detail remove l2-1 USER_TIME_NS)" -ge 200000000 ]
result "and its times, which are in the totals, 200 OUTs of 1 ms in them"

start two --hold cpuid=10
within 30 test -e "$TMP/events/add-l2-2"
unload
within 30 test -e "$TMP/events/remove-l2-2"
equal "PID" "$(pid two)" "$(variable remove-l2-2 PID)"
result "the module goes: its guests do so too"

kill $listener
ktap_finished
