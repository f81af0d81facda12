#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""fastboot.py VMLINUZ STUB DIR

Splits a bzImage, so that an emulator need not decompress it:
DIR/vmlinux is the kernel's ELF file, DIR/fast-kernel its segments as they are in memory,
DIR/fast-vmlinuz a bzImage with the original's header and STUB, which expects fast-kernel at the front of the initrd.
"""
import struct
import subprocess
import sys

# Offsets in struct setup_header, Documentation/arch/x86/boot.rst
SETUP_SECTS = 0x1f1
SYSSIZE = 0x1f4
CODE32_START = 0x214
RELOCATABLE_KERNEL = 0x234
PAYLOAD_OFFSET = 0x248
PAYLOAD_LENGTH = 0x24c
PREF_ADDRESS = 0x258
INIT_SIZE = 0x260

STUB_ADDRESS = 0x100000
STUB_ROOM = 4096
PT_LOAD = 1

DECOMPRESSORS = (
    (b'\xfd7zXZ\0', ['xz', '-dc']),
    (b'\x1f\x8b', ['gzip', '-dc']),
    (b'\x28\xb5\x2f\xfd', ['zstd', '-dc']),
    (b'\x02\x21\x4c\x18', ['lz4', '-dc']),
)


def payload(bzimage):
    setup_size = ((bzimage[SETUP_SECTS] or 4) + 1) * 512
    offset, = struct.unpack_from('<I', bzimage, PAYLOAD_OFFSET)
    length, = struct.unpack_from('<I', bzimage, PAYLOAD_LENGTH)
    return bzimage[:setup_size], bzimage[setup_size + offset:setup_size + offset + length]


def decompress(data):
    for magic, command in DECOMPRESSORS:
        if data.startswith(magic):
            # The kernel's build appends the uncompressed size.
            return subprocess.run(command, input=data[:-4], stdout=subprocess.PIPE, check=True).stdout
    sys.exit(f'fastboot.py: unknown compression {data[:8].hex()}')


def segments(elf):
    phoff, = struct.unpack_from('<Q', elf, 32)
    phentsize, phnum = struct.unpack_from('<HH', elf, 54)
    for i in range(phnum):
        ptype, _, offset, _, paddr, filesz, _, _ = struct.unpack_from('<IIQQQQQQ', elf, phoff + i * phentsize)
        if ptype == PT_LOAD:
            yield paddr, elf[offset:offset + filesz]


def memory_image(elf):
    loads = list(segments(elf))
    base = min(paddr for paddr, _ in loads)
    image = bytearray(max(paddr + len(data) for paddr, data in loads) - base)
    for paddr, data in loads:
        image[paddr - base:paddr - base + len(data)] = data
    # The initial contents of .bss and .brk at the end are left out; the kernel clears these itself.
    image = image.rstrip(b'\0')
    return base, image + bytes(-len(image) % 4096)


def main():
    vmlinuz, stub_file, directory = sys.argv[1:]
    with open(vmlinuz, 'rb') as f:
        setup, compressed = payload(f.read())
    with open(stub_file, 'rb') as f:
        stub = bytearray(f.read())

    elf = decompress(compressed)
    if not elf.startswith(b'\x7fELF'):
        sys.exit('fastboot.py: the decompressed kernel is not an ELF file')
    entry, = struct.unpack_from('<Q', elf, 24)
    base, image = memory_image(elf)

    struct.pack_into('<III', stub, len(stub) - 12, entry, base, len(image))
    stub += bytes(STUB_ROOM - len(stub))

    setup = bytearray(setup)
    struct.pack_into('<I', setup, SYSSIZE, len(stub) // 16)
    struct.pack_into('<I', setup, CODE32_START, STUB_ADDRESS)
    setup[RELOCATABLE_KERNEL] = 0
    struct.pack_into('<II', setup, PAYLOAD_OFFSET, 0, 0)
    struct.pack_into('<Q', setup, PREF_ADDRESS, STUB_ADDRESS)
    struct.pack_into('<I', setup, INIT_SIZE, 0x20000)

    for name, data in (('vmlinux', elf), ('fast-kernel', image), ('fast-vmlinuz', setup + stub)):
        with open(f'{directory}/{name}', 'wb') as f:
            f.write(data)


if __name__ == '__main__':
    main()
