#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# systemd's cgroups as tenants: a Debian boots in $DEBIAN_ROOT, with its own process
# namespace, and starts a slice with two units. Needs a machine for tests only.
#
#	/fleet.slice                     max_vms=3
#	├── fleet-a.service              requests 3
#	└── fleet-b.service  max_vms=1   requests 3, after fleet-a
. "${0%/*}/lib.sh"
. "${0%/*}/tenant_lib.sh"

ktap_print_header
needs_disposable "boots another Debian"
DEBIAN_ROOT=${DEBIAN_ROOT:-/debian}
[ -x "$DEBIAN_ROOT/lib/systemd/systemd" ] || skip_all "there is no Debian with systemd in $DEBIAN_ROOT"
needs_cgroups
ktap_set_plan 5

# unit NAME WORD…: writes a unit that requests this from KVM, and keeps it
unit()
{
	name=$1
	shift
	cat > "$DEBIAN_ROOT/etc/systemd/system/$name.service" <<-EOF
		[Service]
		Slice=fleet.slice
		ExecStart=/bin/sh -c 'exec /usr/bin/ask $* hold > /srv/$name'
	EOF
}

# answers_of UNIT: prints KVM's answers to it
answers_of()
{
	within 60 grep -qs holding "$DEBIAN_ROOT/srv/$1"
	awk '$2 != "" { print $2 }' "$DEBIAN_ROOT/srv/$1" | xargs
}

unit fleet-a vm vm vm
unit fleet-b vm vm vm
cat > "$DEBIAN_ROOT/etc/systemd/system/fleet.target" <<-EOF
	[Unit]
	Wants=fleet-a.service
	AllowIsolate=yes
EOF
cp "$(command -v ask)" "$DEBIAN_ROOT/usr/bin/"
cat > "$DEBIAN_ROOT/boot.sh" <<-'EOF'
	mount -t proc proc /proc
	mount -t sysfs sysfs /sys
	mount -t cgroup2 none /sys/fs/cgroup
	mount -t tmpfs tmpfs /run
	mount -t devtmpfs devtmpfs /dev
	exec env -i container=l1 PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --unit=fleet.target
EOF

load
write $L1/tenants/add /fleet.slice
write $L1/tenants/add "/fleet.slice/*-b.service"
echo 3 > $CLASS/tenant-1/limits/max_vms
echo 1 > $CLASS/tenant-2/limits/max_vms
mount --bind "$DEBIAN_ROOT" "$DEBIAN_ROOT"
background systemd chroot "$DEBIAN_ROOT" unshare --fork --pid --mount --kill-child /bin/sh /boot.sh
check "a unit may create as many VMs as its slice allows" equal "answers" "ok ok ok" "$(answers_of fleet-a)"
equal "usage" 3 "$(cat $CLASS/tenant-1/usage/vms)" && equal "cgroup" /fleet.slice/fleet-a.service "$(sort -u $CLASS/l2-*/cgroup)"
result "a unit's VMs are charged to the cgroup that systemd made for it"

# in_debian COMMAND…: runs it in the namespaces of that Debian
in_debian()
{
	nsenter -t "$(xargs < "/proc/$(pid systemd)/task/$(pid systemd)/children")" -m -p -r -w "$@"
}

rm -f "$DEBIAN_ROOT/srv/fleet-b"
in_debian systemctl start fleet-b
equal "answers" "EDQUOT EDQUOT EDQUOT" "$(answers_of fleet-b)" && equal "denied by the slice" 3 "$(cat $CLASS/tenant-1/denied/max_vms)"
result "another unit of the slice is denied VMs when the slice's limit is reached"
in_debian systemctl stop fleet-a fleet-b
wait_for has_guests 0
rm -f "$DEBIAN_ROOT/srv/fleet-b"
in_debian systemctl start fleet-b
equal "answers" "ok EDQUOT EDQUOT" "$(answers_of fleet-b)" && equal "denied" "3 2" "$(cat $CLASS/tenant-1/denied/max_vms) $(cat $CLASS/tenant-2/denied/max_vms)"
result "a unit that is stopped and started again is the same tenant, with its own limit"
in_debian systemctl stop fleet-b
wait_for has_guests 0
equal "usage" 0 "$(cat $CLASS/tenant-1/usage/vms)"
result "the slice's usage is 0 after the units have stopped"

in_debian systemctl poweroff --force --force || :
kill_started
unload
no_cgroups
ktap_finished
