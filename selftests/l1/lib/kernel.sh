# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # variables are read by scripts that source this
# Debian's stock kernels: fetched, unpacked, and converted to boot without decompression.

DEFAULT_KERNEL=6.1

. "$L1_DIR/lib/own.sh"

# Quick and quiet to boot; a panic ends the emulator.
KERNEL_ARGS="console=ttyS0,115200 quiet nokaslr mitigations=off tsc=reliable no_timer_check nowatchdog audit=0 random.trust_cpu=on cryptomgr.notests=1 log_buf_len=4M panic=-1"

# 6.12 comes from backports: its build tools run on bookworm's libc, trixie's do not.
kernel_suite()
{
	case $1 in
	5.10) echo bullseye ;;
	6.1) echo bookworm ;;
	6.12) echo bookworm-backports ;;
	7.2) echo sid ;;
	7.3) echo trixie-backports ;;
	*) usage_error "unknown kernel $1: 5.10, 6.1, 6.12, 7.2, 7.3, these with -cloud or -rt, 6.1 with what configs/ has, or a tree's path" ;;
	esac
}

# Modules to keep (a kernel has 400 MB of them).
KERNEL_MODULES=(kernel/arch/x86 kernel/virt kernel/drivers/crypto/ccp kernel/drivers/char/hw_random kernel/drivers/char/virtio_console.ko
	kernel/drivers/virtio kernel/drivers/vhost kernel/drivers/net/tun.ko kernel/drivers/net/tap.ko)

# The package and version of VERSION; looked up once and cached, so that a warm cache needs no network.
build_kernel_choice()
{
	local dir=$1 version=${2%%-*} flavour suite root meta image
	flavour=${2#"$version"}
	flavour=${flavour#-}
	suite=$(kernel_suite "$version")
	root=$(apt_root "$suite")
	meta=linux-image-${flavour:+$flavour-}amd64
	image=$(depends_on "$root" "$meta" "^linux-image-${version}[.0-9]")
	[[ -n $image ]] || skip "kernel $2: Debian $suite has no $meta of that version now"
	printf '%s\n' "${image#linux-image-}" > "$dir/release"
	version_of "$root" "$image" > "$dir/package-version"
}

# Sets KERNEL_RELEASE and KERNEL_KEY for VERSION.
kernel_choose()
{
	local choice
	KERNEL_SUITE=$(kernel_suite "${1%%-*}")
	choice=$(cached "kernel/$1" build_kernel_choice "$1")
	KERNEL_RELEASE=$(< "$choice/release")
	KERNEL_KEY=${KERNEL_RELEASE}_$(< "$choice/package-version")
}

# prune_modules DIR: leaves KERNEL_MODULES of the tree at DIR
prune_modules()
{
	local kept=() module
	for module in "${KERNEL_MODULES[@]}"; do
		kept+=(! -path "$1/$module*")
	done
	find "$1" -type f -name '*.ko*' "${kept[@]}" -delete
	find "$1" -type d -empty -delete
}

build_kernel()
{
	local dir=$1 root image packages deb modules vmlinuz file
	root=$(apt_root "$KERNEL_SUITE")
	image=linux-image-$KERNEL_RELEASE
	mapfile -t packages < <(depends_on "$root" "$image" "^linux-(binary|modules)-")
	mkdir "$dir/debs" "$dir/root"
	fetch_debs "$root" "$dir/debs" "$image" "${packages[@]}"
	for deb in "$dir"/debs/*.deb; do
		dpkg-deb -x "$deb" "$dir/root"
	done
	modules=$(find "$dir/root" -type d -path "*/lib/modules/$KERNEL_RELEASE" -print -quit)
	vmlinuz=$(find "$dir/root" -type f -name 'vmlinuz*' -print -quit)
	[[ -n $modules && -n $vmlinuz ]] || die "no kernel or no modules in $image"
	mkdir -p "$dir/lib/modules"
	prune_modules "$modules"
	mv "$vmlinuz" "$dir/vmlinuz"
	find "$dir/root" -name 'config*' -type f -exec mv {} "$dir/config" ';'
	mv "$modules" "$dir/lib/modules/"
	rm -rf "$dir/debs" "$dir/root"
	# uncompressed for busybox's modprobe and a fast boot
	while read -r file; do
		xz -d "$file"
	done < <(find "$dir/lib/modules" -name '*.ko.xz')
	PATH=$PATH:/usr/sbin:/sbin depmod -b "$dir" "$KERNEL_RELEASE" 2> /dev/null
}

build_fast_kernel()
{
	need gcc gcc
	gcc -m32 -c -o "$1/stub.o" "$L1_DIR/lib/stub.S"
	ld -m elf_i386 -Ttext 0x100000 -o "$1/stub.elf" "$1/stub.o"
	objcopy -O binary "$1/stub.elf" "$1/stub.bin"
	"$L1_DIR/lib/fastboot.py" "$KERNEL_DIR/vmlinuz" "$1/stub.bin" "$1"
	rm "$1"/stub.*
}

debian_get()
{
	kernel_choose "$1"
	KERNEL_DIR=$(cached "kernel/$KERNEL_KEY-$(hash_of <(printf '%s\n' "${KERNEL_MODULES[@]}"))" build_kernel)
}

# kernel_get VERSION: sets KERNEL_RELEASE, KERNEL_KEY, KERNEL_DIR, which holds vmlinuz, config and lib/modules/RELEASE,
# and KERNEL_FAST_DIR, which holds vmlinux, fast-vmlinuz, fast-kernel
kernel_get()
{
	case $1 in
	*/*) own_tree_get "$1" ;;
	*-cloud | *-rt) debian_get "$1" ;;
	"$OWN_VERSION"-*) own_get "${1#*-}" ;;
	*) debian_get "$1" ;;
	esac
	KERNEL_FAST_DIR=$(cached "fast/$KERNEL_KEY-$(hash_of "$L1_DIR/lib/fastboot.py" "$L1_DIR/lib/stub.S")" build_fast_kernel)
}

# Absolute paths in headers point to /usr/src and /usr/lib: make them point into the cache.
relocate_headers()
{
	local dir=$1 home=$2 file link
	while read -r file; do
		sed -i "s,/usr/\(src/linux-\|lib/linux-kbuild\),$home&,g" "$file"
	done < <(find "$dir/usr/src" -maxdepth 2 -name Makefile -type f)
	while read -r link; do
		ln -sfn "$home$(readlink "$link")" "$link"
	done < <(find "$dir/usr" -type l -lname '/usr/*')
}

build_headers()
{
	local dir=$1 root headers packages deb
	root=$(apt_root "$KERNEL_SUITE")
	headers=linux-headers-$KERNEL_RELEASE
	mapfile -t packages < <(depends_on "$root" "$headers" '^linux-(headers|kbuild)-')
	mkdir "$dir/debs"
	fetch_debs "$root" "$dir/debs" "$headers" "${packages[@]}"
	for deb in "$dir"/debs/*.deb; do
		dpkg-deb -x "$deb" "$dir"
	done
	rm -rf "${dir:?}"/{debs,usr/share,lib}
	relocate_headers "$dir" "$ENTRY"
}

# headers_get: sets KDIR for the kernel that kernel_get found
headers_get()
{
	local dir
	[[ $KERNEL_KEY != own-* ]] || return 0
	dir=$(cached "headers/$KERNEL_KEY" build_headers)
	KDIR=$dir/usr/src/linux-headers-$KERNEL_RELEASE
}
