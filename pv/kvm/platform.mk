# SPDX-License-Identifier: BSD-2-Clause
DRIVERS += virtio
BUSES += mmio pci
BOOT += start highmem pvh entry_pvh multiboot2 entry_multiboot2 linux64 entry_linux64
