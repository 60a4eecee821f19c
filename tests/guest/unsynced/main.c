/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A program that writes and does not sync: /data/log stays open with 20,000
 * bytes, after "write" from stdin; "sync" says what fsync says. Each line is
 * answered; at "counters" with what /metrics has of the volume's cache.
 */
#include <errno.h>
#include <fcntl.h>
#include <glint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void emit(void *arg, const char *name, const char *label, uint64_t value)
{
	(void)arg;
	if (!strncmp(name, "glint_fs_", 9))
		printf("%s{%s} %llu\n", name, label, (unsigned long long)value);
}

int main(void)
{
	static char data[20000], line[64];
	int fd = open("/data/log", O_WRONLY | O_CREAT | O_TRUNC, 0640);

	memset(data, 'u', sizeof(data));
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("open: %s\n", fd < 0 ? strerror(errno) : "done");
	while (fgets(line, sizeof(line), stdin)) {
		errno = 0;
		if (line[0] == 'w')
			printf("write: %ld\n", (long)write(fd, data, sizeof(data)));
		else if (line[0] == 's')
			printf("sync: %d\n", fsync(fd) < 0 ? errno : 0);
		else
			glint_metrics(emit, NULL);
		printf("answered\n");
	}
	return 0;
}
