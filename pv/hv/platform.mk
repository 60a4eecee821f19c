# SPDX-License-Identifier: BSD-2-Clause
DRIVERS += virtio
BUSES += hv
BOOT += hv entry_hv
