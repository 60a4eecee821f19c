/* SPDX-License-Identifier: BSD-2-Clause */
/* Resolves each argument and prints `NAME ADDRESS-or-errorN MILLISECONDS ms`; tests/net/test_dns.py is the server. */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void resolve(const char *name)
{
	struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM }, *list = NULL;
	char text[INET6_ADDRSTRLEN] = "";
	long start = now_ms();
	int error = getaddrinfo(name, NULL, &hints, &list);

	if (error)
		snprintf(text, sizeof(text), "error%d", error);
	else
		inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)list->ai_addr)->sin_addr, text, sizeof(text));
	printf("%s %s %ld ms\n", name, text, now_ms() - start);
	if (!error)
		freeaddrinfo(list);
}

int main(int argc, char *argv[])
{
	for (int i = 1; i < argc; i++)
		resolve(argv[i]);
	return 0;
}
