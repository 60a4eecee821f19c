/* SPDX-License-Identifier: BSD-2-Clause
 *
 * poll, select and epoll by descriptor, over kernel/poll.h.
 */
#include "libc_impl.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>

#include "kernel/clock.h"
#include "kernel/poll.h"

_Static_assert(POLLIN == FILE_IN && POLLOUT == FILE_OUT &&
	       POLLERR == FILE_ERR && POLLHUP == FILE_HUP &&
	       EPOLLRDHUP == FILE_RDHUP, "readiness bits are shared");

#define POLL_ON_STACK 16

/* POSIX' "normal" data is what everybody calls data. */
static unsigned to_file(short events)
{
	return (unsigned short)events |
	       (events & POLLRDNORM ? FILE_IN : 0) |
	       (events & POLLWRNORM ? FILE_OUT : 0);
}

static short from_file(unsigned got, short wanted)
{
	unsigned always = FILE_ERR | FILE_HUP;

	got |= (got & FILE_IN ? POLLRDNORM : 0) | (got & FILE_OUT ? POLLWRNORM : 0);
	return (short)(got & ((unsigned short)wanted | always));
}

int poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	struct poll_entry few[POLL_ON_STACK], *e = few;
	bool bad = false;
	int ready, signalled;

	if (n > FD_MAX)
		return (int)libc_result(-EINVAL);
	if (n >= POLL_ON_STACK && !(e = malloc((n + 1) * sizeof(*e))))
		return -1;
	for (nfds_t i = 0; i < n; i++) {
		struct file *f = fds[i].fd < 0 ? NULL : fd_get(fds[i].fd);

		bad |= fds[i].fd >= 0 && !f;
		e[i] = (struct poll_entry){ f, to_file(fds[i].events), 0 };
	}
	e[n] = (struct poll_entry){ libc_signal_file(), FILE_IN, 0 };
	/* A descriptor that is not open is an answer: do not wait. */
	ready = poll_files(e, n + 1, bad ? 0 : libc_deadline_ms(timeout_ms));
	signalled = ready > 0 && e[n].revents;
	ready -= signalled;
	for (nfds_t i = 0; i < n; i++) {
		fds[i].revents = from_file(e[i].revents, fds[i].events);
		if (e[i].file) {
			file_put(e[i].file);
		} else if (fds[i].fd >= 0) {
			fds[i].revents = POLLNVAL;
			ready += ready >= 0;
		}
	}
	if (e != few)
		free(e);
	return (int)libc_result(signalled && ready == 0 ? -EINTR : ready);
}

static short select_events(int fd, fd_set *r, fd_set *w, fd_set *x)
{
	return (short)((r && FD_ISSET(fd, r) ? POLLIN | POLLHUP : 0) |
		       (w && FD_ISSET(fd, w) ? POLLOUT : 0) |
		       (x && FD_ISSET(fd, x) ? POLLPRI : 0));
}

/* Turns the sets into what is ready; the number of bits, or -EBADF. */
static int select_result(const struct pollfd *p, int n, fd_set *r, fd_set *w,
			 fd_set *x)
{
	int count = 0;

	for (int i = 0; i < n; i++) {
		short got = p[i].revents;

		if (got & POLLNVAL)
			return -EBADF;
		if (r && FD_ISSET(p[i].fd, r)) {
			if (got & (POLLIN | POLLHUP | POLLERR))
				count++;
			else
				FD_CLR(p[i].fd, r);
		}
		if (w && FD_ISSET(p[i].fd, w)) {
			if (got & (POLLOUT | POLLERR))
				count++;
			else
				FD_CLR(p[i].fd, w);
		}
		if (x && FD_ISSET(p[i].fd, x)) {
			if (got & POLLPRI)
				count++;
			else
				FD_CLR(p[i].fd, x);
		}
	}
	return count;
}

int select(int n, fd_set *r, fd_set *w, fd_set *x, struct timeval *tv)
{
	struct pollfd p[FD_SETSIZE];
	int used = 0, timeout = -1, got;

	if (n < 0 || n > FD_SETSIZE ||
	    (tv && (tv->tv_sec < 0 || tv->tv_usec < 0)))
		return (int)libc_result(-EINVAL);
	for (int fd = 0; fd < n; fd++) {
		short events = select_events(fd, r, w, x);

		if (events)
			p[used++] = (struct pollfd){ fd, events, 0 };
	}
	if (tv)
		timeout = tv->tv_sec > 2000000 || tv->tv_usec > 2000000 * 1000000LL ?
			  2000000000 :
			  (int)(tv->tv_sec * 1000 + (tv->tv_usec + 999) / 1000);
	if (poll(p, (nfds_t)used, timeout) < 0)
		return -1;
	got = select_result(p, used, r, w, x);
	return (int)libc_result(got);
}

int epoll_create1(int flags)
{
	struct file *f;
	int r = epoll_file_create(&f);

	return r < 0 ? (int)libc_result(r) :
	       fd_install(f, flags & EPOLL_CLOEXEC);
}

int epoll_create(int size)
{
	return size > 0 ? epoll_create1(0) : (int)libc_result(-EINVAL);
}

int epoll_ctl(int ep, int op, int fd, struct epoll_event *ev)
{
	struct file *e = fd_get(ep), *f = e ? fd_get(fd) : NULL;
	int r = -EINVAL;

	if (f && op == EPOLL_CTL_ADD)
		r = epoll_file_add(e, fd, f, ev->events, ev->data.u64);
	else if (f && op == EPOLL_CTL_MOD)
		r = epoll_file_mod(e, fd, f, ev->events, ev->data.u64);
	else if (f && op == EPOLL_CTL_DEL)
		r = epoll_file_del(e, fd, f);
	if (f)
		file_put(f);
	else
		r = -EBADF;
	if (e)
		file_put(e);
	return (int)libc_result(r);
}

int epoll_wait(int ep, struct epoll_event *out, int max, int timeout_ms)
{
	_Static_assert(sizeof(struct epoll_event) == sizeof(struct epoll_ready),
		       "one layout");
	struct file *e;
	int r;

	if (max <= 0)
		return (int)libc_result(-EINVAL);
	e = fd_get(ep);
	if (!e)
		return -1;
	r = epoll_file_wait(e, (struct epoll_ready *)(void *)out, max,
			    libc_deadline_ms(timeout_ms));
	file_put(e);
	return (int)libc_result(r);
}
