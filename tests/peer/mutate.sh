#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Removes one check, barrier or promise of the virtio drivers at a time, in a
# copy, and expects a test to fail. A mutant that survives means a missing test.
set -u
if [ "${1:-}" = --help ]; then
	echo "usage: tests/peer/mutate.sh [PATTERN]"
	echo "Runs the mutants whose name matches PATTERN (default: all)."
	echo "Exit status: 0 all were caught, 1 one survived, 2 a mutation does not apply."
	exit 0
fi
cd "$(dirname "$0")/../.." || exit 2
want=${1:-.}
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
survived=0 caught=0 stale=0
v=drivers/virtio
limit=30			# seconds for a test; 3 is usual

# build TEST: compiles it in $tmp/src, as tests/tests.mk does
build() {
	local t=$1 src flags
	src=$(sed -n 's/^ \* SOURCES: *//p' "$t" | tr '\n' ' ')
	flags=$(sed -n 's/^ \* FLAGS: *//p' "$t" | tr '\n' ' ')
	case $t in
	# no thread sanitizer here: it hides the processor's own reordering
	tests/race/*) set -- -O2 ;;
	*) set -- -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined ;;
	esac
	# shellcheck disable=SC2086 # lists of words
	gcc -std=gnu11 -g "$@" -I. -D_GNU_SOURCE $flags "$t" $src -o "$tmp/test" -lpthread 2> "$tmp/log"
}

# mutant NAME FILE OLD NEW TEST: OLD (a fixed string, once in FILE) becomes NEW
mutant() {
	local name=$1 file=$2 old=$3 new=$4 t=$5
	[[ $name =~ $want ]] || return 0
	rm -rf "$tmp/src" && mkdir "$tmp/src" && cp -r drivers kernel pv tests "$tmp/src/" || exit 2
	if ! python3 - "$tmp/src/$file" "$old" "$new" <<'PY'
import sys
path, old, new = sys.argv[1:]
text = open(path).read()
if text.count(old) != 1:
    sys.exit(1)
open(path, "w").write(text.replace(old, new))
PY
	then
		echo "STALE     $name: the text is not there once: $file: $old"
		stale=$((stale + 1))
		return
	fi
	if ! (cd "$tmp/src" && build "$t"); then
		echo "STALE     $name: does not build"; head -3 "$tmp/log"
		stale=$((stale + 1))
		return
	fi
	(cd "$tmp/src" && exec timeout "$limit" "$tmp/test") > "$tmp/out" 2>&1
	local rc=$?
	if [ $rc = 0 ]; then
		echo "SURVIVED  $name ($t)"
		survived=$((survived + 1))
	elif [ $rc = 124 ]; then
		echo "caught    $name ($(basename "$t"): does not end within $limit s)"
		caught=$((caught + 1))
	else
		echo "caught    $name ($(basename "$t"): $(grep -m1 -o '^not ok .*\|SUMMARY: .*\|runtime error: .*\|ASSERT.*\|ring_peer: .*\|vpeer: .*' "$tmp/out" | cut -c1-90))"
		caught=$((caught + 1))
	fi
}

ring=tests/unit/test_virtq.c start=tests/unit/test_virtio_start.c race=tests/race/race_virtq.c
cfg=tests/unit/test_virtio_config.c blk=tests/unit/test_virtio_blk.c net=tests/unit/test_virtio_net.c con=tests/unit/test_virtio_console.c

# the consume loop
mutant used-index	$v/virtq.c 'if ((uint16_t)(idx - vq->cons) > (uint16_t)(vq->published - vq->cons))' 'if (0)' $ring
mutant used-index-num	$v/virtq.c '> (uint16_t)(vq->published - vq->cons))' '> vq->num)' $ring
mutant used-id-range	$v/virtq.c 'if (id >= vq->num)' 'if (0)' $ring
mutant used-id-range+1	$v/virtq.c 'if (id >= vq->num)' 'if (id > vq->num)' $ring
mutant used-in-flight	$v/virtq.c 'if (!vq->slot[id].n_desc)' 'if (0)' $ring
mutant used-length	$v/virtq.c 'if (n > vq->slot[id].in_len)' 'if (0)' $ring
mutant used-length-out	$v/virtq.c 'if (!vq->slot[id].in_len)' 'if (0)' $ring
mutant broken-stays	$v/virtq.c '	vq->broken = true;
	dev_fail' '	dev_fail' $ring
mutant slot-cleared	$v/virtq.c 'vq->slot[head].n_desc = 0;' '' $ring
# barriers and notifications
mutant kick-fence	$v/virtq.c '	shared_fence_store_load();
	if (vq->event_idx)		/*' '	if (vq->event_idx)		/*' $race
mutant arm-fence	$v/virtq.c '	shared_fence_store_load();
	/* What is seen' '	/* What is seen' $race
mutant arm-kept	$v/virtq.c 'return look(vq) && (uint16_t)(vq->peer_prod - vq->cons) >= after;' 'return (uint16_t)(shared_load16(&vq->used->idx) - vq->cons) >= after;' $ring
mutant arm-recheck	$v/virtq.c 'return look(vq) && (uint16_t)(vq->peer_prod - vq->cons) >= after;' 'return false;' $ring
mutant kick-event-index	$v/virtq.c 'shared_load16(avail_event(vq)) - 1)' 'shared_load16(avail_event(vq)))' $ring
mutant kick-flag	$v/virtq.c 'notify = !(shared_load16(&vq->used->flags) & VIRTQ_USED_F_NO_NOTIFY);' 'notify = true;' $ring
mutant publish		$v/virtq.c 'shared_store_release16(&vq->avail->idx, now);' '' $ring
mutant arm-clamp	$v/virtq.c 'if (after > in_flight && in_flight)' 'if (0)' $ring
# start and transports
mutant version-1	$v/virtio.c 'if (!(offered & VIRTIO_F_VERSION_1))' 'if (0)' $start
mutant features-ok	$v/virtio.c 'if (!(vd->ops->status(vd) & VIRTIO_S_FEATURES_OK))' 'if (0)' $start
mutant features-wanted	$v/virtio.c 'offered & (wanted | VIRTIO_F_VERSION_1)' 'offered' $start
mutant reset-bounded	$v/virtio.c 'if (clock_now() >= deadline)' 'if (i--, 0)' $start
mutant needs-reset	$v/virtio.c 'if (vd->ops->status(vd) & VIRTIO_S_DEVICE_NEEDS_RESET)' 'if (0)' $start
mutant event-storm	$v/virtio.c 'if (is_storm(vd))' 'if (0)' $start
mutant storm-by-time	$v/virtio.c 'return clock_now() - vd->idle_since < NSEC_PER_SEC;' 'return true;' $start
mutant queue-least	$v/virtio.c 'if (num < least || max == 0)' 'if (0)' $start
mutant queue-max	$v/virtio.c 'while (num * 2 <= max && num * 2 <= want)' 'while (num * 2 <= want)' $blk
mutant config-bounds	$v/virtio.c 'bool there = off + f->width <= vd->config_len;' 'bool there = true;' $cfg
mutant config-steady	$v/virtio.c 'if (vd->ops->generation(vd) == before)' 'if (1)' $blk
mutant config-bounded	$v/virtio.c 'tries < CONFIG_TRIES' 'tries < CONFIG_TRIES || 1' $blk
mutant stop-unbinds	$v/virtio.c '	vd->ops->cut_off(vd);' '' $start
mutant mmio-queue-ready	$v/virtio_mmio.c 'return rd(vd, VIRTIO_MMIO_QueueReady) == 1 ? 0 : -EIO;' 'return 0;' $start
mutant mmio-magic	$v/virtio_mmio.c 'mmio_read32(regs + VIRTIO_MMIO_MagicValue) != VIRTIO_MMIO_MAGIC' '0' $start
mutant mmio-length	$v/virtio_mmio.c 'if (bus->len < VIRTIO_MMIO_Config ||' 'if (' $start
mutant mmio-ack		$v/virtio_mmio.c 'wr(vd, VIRTIO_MMIO_InterruptACK, isr);' '' $start
mutant mmio-ack-again	$v/virtio_mmio.c '#define ISR_TRIES	4' '#define ISR_TRIES	1' $start
mutant pci-loop		drivers/pci.c 'while (w->steps < PCI_CAP_STEPS)' 'while (1)' $start
mutant pci-cap-first	drivers/pci.c 'if (w->pos < PCI_CAP_FIRST)' 'if (w->pos == 0)' $cfg
mutant pci-cap-end	drivers/pci.c ' && w->pos + len <= PCI_CONFIG_LEN)' ')' $start
mutant pci-bar-number	drivers/pci.c 'if (n >= PCI_BARS)' 'if (0)' $start
mutant pci-bar-end	drivers/pci.c 'off > bars->len[n] - len)' '0)' $start
mutant pci-bar-len	drivers/pci.c 'len > bars->len[n] || ' '' $cfg
mutant pci-bar-zero	drivers/pci.c 'if (*addr == 0 || ' 'if (' $cfg
mutant pci-bar-aligned	drivers/pci.c ' || *addr & (*len - 1))' ')' $cfg
mutant pci-common-len	$v/virtio_pci.c 'len >= sizeof(struct virtio_pci_common_cfg) && off % 4 == 0' 'off % 4 == 0' $start
mutant pci-common-align	$v/virtio_pci.c 'len >= sizeof(struct virtio_pci_common_cfg) && off % 4 == 0' 'len >= sizeof(struct virtio_pci_common_cfg)' $start
mutant pci-notify-end	$v/virtio_pci.c 'off + 2 > d->notify_len || ' '' $start
mutant pci-notify-odd	$v/virtio_pci.c 'if (off + 2 > d->notify_len || off % 2)' 'if (off + 2 > d->notify_len)' $start
mutant pci-notify-cap	$v/virtio_pci.c 'cap_len >= sizeof(struct virtio_pci_cap) + 4 && ' '' $start
mutant pci-vector	$v/virtio_pci.c 'if (mmio_read16(common(vd, COMMON(config_msix_vector))) != 0)' 'if (0)' $start
mutant pci-master	$v/virtio_pci.c 'pci_command(d->bus, PCI_COMMAND_INTX_OFF, PCI_COMMAND_MASTER);' '' $start
# block
mutant blk-status	$v/virtio_blk.c 'if (status > VIRTIO_BLK_S_UNSUPP)' 'if (0)' $blk
mutant blk-status-none	$v/virtio_blk.c 'shared_copy_out(&dma->status, &none, 1);' '' $blk
mutant blk-drain	$v/virtio_blk.c 'while (virtq_drain(b->vd->vq[0], &cookie))' 'while (0 && virtq_drain(b->vd->vq[0], &cookie))' $blk
mutant blk-drain-list	$v/virtio_blk.c 'while ((l = list_pop(&b->waiting)))' 'while (0 && (l = list_pop(&b->waiting)))' $blk
mutant blk-waiting	$v/virtio_blk.c '	if (!b->vd->stopped)
		start_waiting(b);' '' $blk
mutant blk-kick		$v/virtio_blk.c '	event_defer(&b->kick);' '' $blk
mutant blk-id-wait	$v/virtio_blk.c ' || now >= deadline)' ')' $blk
mutant blk-capacity	$v/virtio_blk.c 'if (capacity > SECTORS_MAX)' 'if (0)' $blk
mutant blk-size		$v/virtio_blk.c 'blk_size < BLK_SECTOR || blk_size > 4096 || ' '' $blk
mutant blk-seg-max	$v/virtio_blk.c ' || seg_max == 0)' ')' $blk
mutant blk-segs		$v/virtio_blk.c 'if (rq->n_segs > b->bd.max_segs)' 'if (0)' $blk
mutant blk-discard-max	$v/virtio_blk.c 'rq->n_sectors < b->max_discard ? rq->n_sectors : b->max_discard' 'rq->n_sectors' $blk
# network
mutant net-short	$v/virtio_rx_net.c 'if (len < HDR_LEN)' 'if (0)' $net
mutant net-none		$v/virtio_rx_net.c 'if (n->missing == 0 || ' 'if (' $net
mutant net-many		$v/virtio_rx_net.c ' || n->missing > n->n_bufs)' ')' $net
mutant net-empty	$v/virtio_rx_net.c 'if (len == 0)' 'if (0)' $net
mutant net-long		$v/virtio_rx_net.c 'if (n->frame_len > FRAME_MAX)' 'if (0)' $net
mutant net-stub		$v/virtio_rx_net.c 'if (frame->len < ETH_HLEN || !n->nd.client)' 'if (!n->nd.client)' $net
mutant net-refill	$v/virtio_rx_net.c '	event_defer(&n->refill);' '' $net
mutant net-rearm	$v/virtio_rx_net.c '	} while (virtq_arm(vq, 1));
	vnet_tx' '	} while (0);
	vnet_tx' $net
mutant net-share	$v/virtio_rx_net.c 'page_total() / MEMORY_SHARE' 'page_total()' $net
mutant net-owed		$v/virtio_net.c 'n->tx_owed = true;' '' $net
mutant net-full-kick	$v/virtio_net.c '		virtq_kick(tx);
		if' '		if' $net
mutant net-full-arm	$v/virtio_net.c '		if (!virtq_arm(tx, virtq_in_flight(tx) / 2)) {' '		virtq_disarm(tx); {' $net
mutant net-service-arm	$v/virtio_net.c '		if (!virtq_arm(tx, virtq_in_flight(tx) / 2))
			break;' '		break;' $net
mutant net-cookies	$v/virtio_net.c 'while (virtq_drain(n->vd->vq[TXQ], &cookie))' 'while (0 && virtq_drain(n->vd->vq[TXQ], &cookie))' $net
mutant net-tso-csum	$v/virtio_net.c 'if (offered & VIRTIO_NET_F_CSUM)' 'if (1)' $net
mutant net-mtu		$v/virtio_net.c 'if (mtu < MTU_MIN)' 'if (0)' $net
mutant net-mtu-fits	$v/virtio_net.c 'mtu < fits ? mtu : (uint16_t)fits' 'mtu' $net
mutant net-mac		$v/virtio_net.c ' && !(mac[0] & 1)' '' $net
# console
mutant con-bounded	$v/virtio_console.c '		if (clock_now() >= deadline)
			break;' '		i = 0;' $con
mutant con-stuck	$v/virtio_console.c '	c->stuck = true;' '' $con
mutant con-dropped	$v/virtio_console.c '			c->dropped += len;' '' $con
mutant con-backlog	$v/virtio_console.c 'while (c->posted != c->head && virtq_arm(vq, 1))' 'while (0)' $con
mutant con-emergency	$v/virtio_console.c 'if (vd->config_len < VIRTIO_CONSOLE_CFG_EMERG_WR + 4)' 'if (0)' $con

echo "$caught caught, $survived survived, $stale stale"
[ $stale = 0 ] || exit 2
[ $survived = 0 ] || exit 1
