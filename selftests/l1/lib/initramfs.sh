# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # variables are read by scripts that source this
# The initramfs: a cached base that only depends on the kernel, and the files that a run adds, both uncompressed cpio archives (the kernel accepts several in a row).

# Modules of the base; their dependencies are added.
L1_MODULES=(kvm-intel kvm-amd msr cpuid tun vhost_net virtio_mmio virtio_console)

cpio_of()
{
	(cd "$1" && find . -mindepth 1 | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0)
}

build_channel()
{
	need gcc gcc
	gcc -O2 -static -s -o "$1/channel" "$L1_DIR/guest/channel.c"
}

# modules_with_dependencies DIR RELEASE MODULE…: their files below DIR
modules_with_dependencies()
{
	local dir=$1 release=$2 module
	shift 2
	for module in "$@"; do
		PATH=$PATH:/usr/sbin:/sbin modprobe -d "$dir" -S "$release" -D "$module" 2>/dev/null | sed -n 's/^insmod \([^ ]*\).*/\1/p' || true
	done | sort -u
}

# Parts of a Debian that no test needs
DEBIAN_LEFT_OUT=(usr/share/{doc,i18n,info,locale,man,zoneinfo} var/cache var/lib/apt var/log dev proc sys)

# make_debian DIR SUITE: with the programs that the tests' scripts call
make_debian()
{
	local dir=$1 root
	root=$(root_get "$2" busybox-static kmod libjansson4 libncursesw6 libsmartcols1 libzstd1 make procps)
	mkdir -p "$dir"
	tar -c -C "$root" "${DEBIAN_LEFT_OUT[@]/#/--exclude=./}" . | tar -x -C "$dir"
	mkdir -p "$dir"/{dev,l1,proc,sys}
}

# What an ordinary program expects: merged /usr, a shell and the usual small tools, user names.
make_skeleton()
{
	local dir=$1 applet
	mkdir -p "$dir"/{dev,etc,l1,proc,root,run,selftests,sys,tmp,usr/{bin,sbin,lib,lib64,local/bin}}
	chmod 1777 "$dir/tmp"
	for applet in bin sbin lib lib64; do
		ln -s "usr/$applet" "$dir/$applet"
	done
	cp /bin/busybox "$dir/usr/bin/"
	/bin/busybox --install -s "$dir/usr/bin"
	rm "$dir/usr/bin/init" "$dir/usr/bin/linuxrc"
	cp -r /lib/terminfo "$dir/usr/lib/"
	printf '%s\n' root:x:0:0:root:/root:/bin/sh nobody:x:65534:65534:nobody:/:/bin/sh user:x:1000:1000:user:/tmp:/bin/sh > "$dir/etc/passwd"
	printf '%s\n' root:x:0: kvm:x:104: nogroup:x:65534: user:x:1000: > "$dir/etc/group"
	printf '%s\n' 'passwd: files' 'group: files' 'hosts: files' > "$dir/etc/nsswitch.conf"
	echo '127.0.0.1 localhost l1' > "$dir/etc/hosts"
	echo l1 > "$dir/etc/hostname"
}

put_modules()
{
	local dir=$1 file
	while read -r file; do
		file=${file#"$KERNEL_DIR/"}
		mkdir -p "$dir/usr/${file%/*}"
		cp "$KERNEL_DIR/$file" "$dir/usr/$file"
	done < <(modules_with_dependencies "$KERNEL_DIR" "$KERNEL_RELEASE" "${L1_MODULES[@]}")
	for file in modules.builtin modules.order; do
		if [[ -e $KERNEL_DIR/lib/modules/$KERNEL_RELEASE/$file ]]; then
			cp "$KERNEL_DIR/lib/modules/$KERNEL_RELEASE/$file" "$dir/usr/lib/modules/$KERNEL_RELEASE/"
		fi
	done
	PATH=$PATH:/usr/sbin:/sbin depmod -b "$dir/usr" "$KERNEL_RELEASE" 2>/dev/null
}

# make_machine DIR INIT: the files of a machine with the kernel that kernel_get found
make_machine()
{
	local dir=$1 channel
	channel=$(cached "channel/$(hash_of "$L1_DIR/guest/channel.c")" build_channel)
	if [[ -n $DEBIAN ]]; then
		make_debian "$dir" "$DEBIAN"
	else
		make_skeleton "$dir"
	fi
	put_modules "$dir"
	cp "$channel/channel" "$dir/usr/bin/"
	cp "$L1_DIR/guest/$2" "$dir/init"
	chmod 755 "$dir/init"
}

build_base()
{
	make_machine "$1/root" init-l1
	cp "$L1_DIR/guest/shell-l1" "$1/root/l1/shell"
	cpio_of "$1/root" > "$1/base.cpio"
	# put_our_module needs only these.
	find "$1/root" -mindepth 1 ! -path "$1/root/usr" ! -path "$1/root/usr/lib" ! -path "$1/root/usr/lib/modules*" -delete 2> /dev/null || true
}

# Sources of every base
BASE_SOURCES=(/bin/busybox "$L1_DIR/guest/channel.c" "$L1_DIR/lib/initramfs.sh")

# base_initramfs: prints a directory with base.cpio, and its contents in root
base_initramfs()
{
	cached "base/$KERNEL_KEY-${DEBIAN:+$DEBIAN-}$(hash_of "$L1_DIR"/guest/{init,shell}-l1 "${BASE_SOURCES[@]}")" build_base
}

merged_usr()
{
	printf '%s\n' "$1" | sed -E 's,^/(bin|sbin|lib|lib64)/,/usr/\1/,'
}

# put_libraries DIR FILE: adds the libraries of FILE at their paths under DIR. A Debian has its own.
put_libraries()
{
	local dir=$1 library dest
	[[ -z $DEBIAN ]] || return 0
	while read -r library; do
		dest=$dir$(merged_usr "$library")
		if [[ ! -e $dest ]]; then
			mkdir -p "${dest%/*}"
			cp -L "$library" "$dest"
		fi
	done < <(ldd "$2" 2>/dev/null | grep -oE '/[^ ]+' || true)
}

is_elf()
{
	[[ -f $1 && $(head -c 4 "$1" | tr -d '\0') == $'\x7fELF' ]]
}

# put_file DIR PATH DEST: adds a file or a tree, and the libraries of its programs
put_file()
{
	local dir=$1 path=$2 dest file
	dest=$1$(merged_usr "$3")
	mkdir -p "${dest%/*}"
	cp -RL -T "$path" "$dest"
	while read -r file; do
		if is_elf "$file"; then
			put_libraries "$dir" "$file"
		fi
	done < <(find -L "$path" -type f)
}

# The path in L1: an absolute PATH is the same, a relative one is below the command's working directory, so that COMMAND finds it by the same name.
default_dest()
{
	case $1 in
	/*) realpath -ms "$1" ;;
	*) printf '/root/%s\n' "$(realpath -ms --relative-to=. "$1" | sed 's,^\(\.\./\)*,,')" ;;
	esac
}

# Adds a module of this checkout to the kernel's own. All depmod files are regenerated and replace those of the base.
put_our_module()
{
	local dir=$1 ko=$2 base=$3 tree=usr/lib/modules/$KERNEL_RELEASE
	mkdir -p "$dir/$tree/updates" "$dir/depmod/lib/modules"
	cp "$ko" "$dir/$tree/updates/"
	cp -RT "$base/root/$tree" "$dir/depmod/lib/modules/$KERNEL_RELEASE"
	cp -R "$dir/$tree/updates" "$dir/depmod/lib/modules/$KERNEL_RELEASE/"
	PATH=$PATH:/usr/sbin:/sbin depmod -b "$dir/depmod" "$KERNEL_RELEASE" 2>/dev/null
	cp "$dir/depmod/lib/modules/$KERNEL_RELEASE"/modules.* "$dir/$tree/"
	rm -rf "$dir/depmod"
}
