# SPDX-License-Identifier: BSD-2-Clause
#
# lwIP as this system uses it: the core, IPv4, IPv6, Ethernet; no sequential
# API, no applications. Sources are compiled as they were fetched; for three
# files net/pcb_wrap.h is put in front.

LWIP	    := third_party/lwip/src
LWIP_SRC    := $(addprefix $(LWIP)/core/,def.c dns.c inet_chksum.c init.c ip.c mem.c \
	       memp.c netif.c pbuf.c raw.c stats.c tcp.c tcp_in.c tcp_out.c udp.c \
	       ipv4/dhcp.c ipv4/etharp.c ipv4/icmp.c ipv4/ip4.c ipv4/ip4_addr.c \
	       ipv4/ip4_frag.c ipv6/ethip6.c ipv6/icmp6.c ipv6/inet6.c ipv6/ip6.c \
	       ipv6/ip6_addr.c ipv6/ip6_frag.c ipv6/mld6.c ipv6/nd6.c) \
	       $(LWIP)/netif/ethernet.c
# For every file that includes lwIP: its headers, then lwipopts.h and arch/.
LWIP_INC    := -isystem $(LWIP)/include -isystem net
# For lwIP's own files. $< is known when FILE_CFLAGS expands.
LWIP_WRAP    = $(if $(filter %/core/tcp.c %/core/tcp_in.c,$<),-include net/pcb_wrap.h) \
	       $(if $(filter %/core/tcp_out.c,$<),-include net/tcp_wake.h) \
	       $(if $(filter %/core/tcp_in.c,$<),-DPCB_WRAP_TCP_IN)
LWIP_CFLAGS  = $(LWIP_INC) -fno-strict-aliasing $(LWIP_WRAP)
