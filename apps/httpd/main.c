/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * httpd: a web server for the files of a folder. One thread, one event loop. Read server.c for the loop, conn.c
 * for a connection, request.c and respond.c for HTTP, files.c and filecache.c for the files.
 */
#include <stdlib.h>

#include "options.h"
#include "platform.h"
#include "server.h"

static struct server server;

int main(int argc, char *argv[])
{
	struct options options;

	platform_init(&server.stop);
	int error = options_parse(&options, argc, argv, platform_memory());

	if (error != OPTIONS_RUN)
		return error;
	error = server_init(&server, &options);
	if (!error)
		error = server_run(&server);
	server_destroy(&server);
	return error ? 1 : 0;
}
