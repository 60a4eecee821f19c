/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What an outsider must not guess: initial sequence numbers (RFC 6528: a clock
 * of 4 us plus a keyed hash of the connection, SipHash-2-4 by Aumasson and
 * Bernstein), ephemeral ports and lwIP's random numbers.
 */
#include "net/net_impl.h"

#include "kernel/clock.h"
#include "kernel/entropy.h"
#include "kernel/lib/string.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/udp.h"
#include "net/hooks.h"

static uint64_t rotl(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1]; v[1] = rotl(v[1], 13) ^ v[0]; v[0] = rotl(v[0], 32);
	v[2] += v[3]; v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3]; v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1]; v[1] = rotl(v[1], 17) ^ v[2]; v[2] = rotl(v[2], 32);
}

/* Of whole 64-bit words. */
static uint64_t siphash(const uint64_t key[2], const uint64_t *m, unsigned n)
{
	uint64_t v[4] = {
		key[0] ^ 0x736f6d6570736575ull, key[1] ^ 0x646f72616e646f6dull,
		key[0] ^ 0x6c7967656e657261ull, key[1] ^ 0x7465646279746573ull,
	};
	uint64_t last = (uint64_t)n * 8 << 56;

	for (unsigned i = 0; i <= n; i++) {
		uint64_t w = i < n ? m[i] : last;

		v[3] ^= w;
		sip_round(v);
		sip_round(v);
		v[0] ^= w;
	}
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static void put_addr(uint64_t out[2], const ip_addr_t *a)
{
	out[0] = out[1] = 0;
	if (IP_IS_V6(a))
		memcpy(out, ip_2_ip6(a)->addr, 16);
	else
		out[0] = ip4_addr_get_u32(ip_2_ip4(a));
}

u32_t net_tcp_isn(const ip_addr_t *local_ip, u16_t local_port,
		  const ip_addr_t *remote_ip, u16_t remote_port)
{
	static uint64_t key[2];
	uint64_t m[5];

	if (!key[0])
		entropy_bytes(key, sizeof(key));
	put_addr(&m[0], local_ip);
	put_addr(&m[2], remote_ip);
	m[4] = (uint64_t)local_port << 16 | remote_port;
	return (u32_t)(siphash(key, m, 5) + clock_now() / 4000);
}

uint32_t net_rand(void)
{
	return (uint32_t)entropy_u64();
}

void net_random_ports(void)
{
	tcp_init();	/* all it does is to draw the first port */
	udp_init();
}
