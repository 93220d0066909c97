#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "MartletNetwork.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "MartletThreads.h"

_Static_assert(EPOLLIN == MARTLET_READABLE && EPOLLOUT == MARTLET_WRITABLE, "the bits are those of epoll");
_Static_assert(EPOLLERR == MARTLET_FAILED && EPOLLHUP == MARTLET_HUNG_UP, "the bits are those of epoll");

static inline int status(int result) { return result < 0 ? -errno : result; }
static inline ssize_t counted(ssize_t result) { return result < 0 ? -errno : result; }

int martlet_epoll_create(void) { return status(epoll_create1(EPOLL_CLOEXEC)); }

static int control(int epoll, int operation, int descriptor, uint32_t events, uint64_t token) {
  struct epoll_event event = {.events = events, .data.u64 = token};
  return status(epoll_ctl(epoll, operation, descriptor, &event));
}

int martlet_epoll_add(int epoll, int descriptor, uint32_t waits_for, uint64_t token) {
  return control(epoll, EPOLL_CTL_ADD, descriptor, waits_for, token);
}

int martlet_epoll_add_edge(int epoll, int descriptor, uint32_t waits_for, uint64_t token) {
  return control(epoll, EPOLL_CTL_ADD, descriptor, waits_for | EPOLLET, token);
}

int martlet_epoll_change(int epoll, int descriptor, uint32_t waits_for, uint64_t token) {
  return control(epoll, EPOLL_CTL_MOD, descriptor, waits_for, token);
}

int martlet_epoll_remove(int epoll, int descriptor) { return control(epoll, EPOLL_CTL_DEL, descriptor, 0, 0); }

// epoll_pwait2 takes nanoseconds; systems before 5.11 lack it and get milliseconds, rounded up.
static int wait_nanoseconds(int epoll, struct epoll_event *events, int capacity, int64_t nanoseconds) {
  if (nanoseconds <= 0) return epoll_wait(epoll, events, capacity, nanoseconds < 0 ? -1 : 0);
#ifdef SYS_epoll_pwait2
  struct {
    int64_t seconds, nanoseconds;
  } timeout = {nanoseconds / 1000000000, nanoseconds % 1000000000};
  int count = (int)syscall(SYS_epoll_pwait2, epoll, events, capacity, &timeout, NULL, 0);
  if (count >= 0 || errno != ENOSYS) return count;
#endif
  int64_t milliseconds = (nanoseconds + 999999) / 1000000;
  return epoll_wait(epoll, events, capacity, milliseconds > 3600000 ? 3600000 : (int)milliseconds);
}

int martlet_epoll_wait(int epoll, martlet_event *events, int capacity, int64_t nanoseconds) {
  struct epoll_event raw[256];
  int limit = capacity < 256 ? capacity : 256;
  int count = wait_nanoseconds(epoll, raw, limit, nanoseconds);
  if (count < 0) return errno == EINTR ? 0 : -errno;
  for (int i = 0; i < count; i++) {
    events[i].token = raw[i].data.u64;
    events[i].happened = raw[i].events;
  }
  return count;
}

int martlet_eventfd_create(void) { return status(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

void martlet_eventfd_signal(int descriptor) {
  uint64_t one = 1;
  // Fails only when the counter is full, and then it is readable.
  ssize_t written = write(descriptor, &one, sizeof one);
  (void)written;
}

int martlet_stream_socket(int family) {
  return status(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

int martlet_accept(int listener, struct sockaddr_storage *address, socklen_t *length) {
  *length = sizeof *address;
  return status(accept4(listener, (struct sockaddr *)address, length, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

int martlet_connect(int descriptor, const struct sockaddr_storage *address, socklen_t length) {
  return status(connect(descriptor, (const struct sockaddr *)address, length));
}

int martlet_bind(int descriptor, const struct sockaddr_storage *address, socklen_t length) {
  return status(bind(descriptor, (const struct sockaddr *)address, length));
}

int martlet_local_address(int descriptor, struct sockaddr_storage *address, socklen_t *length) {
  *length = sizeof *address;
  return status(getsockname(descriptor, (struct sockaddr *)address, length));
}

int martlet_remote_address(int descriptor, struct sockaddr_storage *address, socklen_t *length) {
  *length = sizeof *address;
  return status(getpeername(descriptor, (struct sockaddr *)address, length));
}

int martlet_take_socket_error(int descriptor) {
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length) < 0) return errno;
  return error;
}

static int set(int descriptor, int level, int option, int value) {
  return status(setsockopt(descriptor, level, option, &value, sizeof value));
}

int64_t martlet_peer_user(int descriptor) {
  struct ucred credentials;
  socklen_t length = sizeof credentials;
  int result = status(getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length));
  return result < 0 ? result : (int64_t)credentials.uid;
}

int64_t martlet_peer_process(int descriptor) {
  struct ucred credentials;
  socklen_t length = sizeof credentials;
  int result = status(getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length));
  return result < 0 ? result : (int64_t)credentials.pid;
}

int martlet_set_no_delay(int descriptor, int on) { return set(descriptor, IPPROTO_TCP, TCP_NODELAY, on); }
int martlet_set_reuse_address(int descriptor) { return set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1); }
int martlet_set_ipv6_only(int descriptor, int on) { return set(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, on); }

int martlet_set_buffer_bytes(int descriptor, int send_bytes, int receive_bytes) {
  int result = 0;
  if (send_bytes > 0) result = set(descriptor, SOL_SOCKET, SO_SNDBUF, send_bytes);
  if (result == 0 && receive_bytes > 0) result = set(descriptor, SOL_SOCKET, SO_RCVBUF, receive_bytes);
  return result;
}

int martlet_set_keep_alive(int descriptor, int idle_seconds, int interval_seconds, int probes) {
  int result = set(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
  if (result == 0) result = set(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, idle_seconds);
  if (result == 0) result = set(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, interval_seconds);
  if (result == 0) result = set(descriptor, IPPROTO_TCP, TCP_KEEPCNT, probes);
  return result;
}

int martlet_set_user_timeout(int descriptor, int milliseconds) {
  return set(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, milliseconds);
}

ssize_t martlet_send_vector(int descriptor, const struct iovec *parts, int count, int more) {
  struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count};
  return counted(sendmsg(descriptor, &message, MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0)));
}

ssize_t martlet_receive(int descriptor, void *memory, size_t count) {
  return counted(recv(descriptor, memory, count, MSG_DONTWAIT));
}

ssize_t martlet_receive_vector(int descriptor, struct iovec *parts, int count) {
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
  return counted(recvmsg(descriptor, &message, MSG_DONTWAIT));
}

ssize_t martlet_send_file(int descriptor, int file, int64_t offset, size_t count) {
  off_t place = offset;
  return counted(sendfile(descriptor, file, &place, count));
}

ssize_t martlet_read_process(int64_t process, const struct iovec *local, int local_count, const struct iovec *remote,
                             int remote_count) {
  return counted(process_vm_readv((pid_t)process, local, (unsigned long)local_count, remote, (unsigned long)remote_count, 0));
}

int martlet_has_hung_up(int descriptor) {
  struct pollfd state = {.fd = descriptor, .events = POLLRDHUP};
  return poll(&state, 1, 0) != 0 && state.revents != 0;
}

typedef struct {
  void (*body)(void *);
  void *argument;
  char name[16];
} start_t;

static void *run_thread(void *argument) {
  start_t start = *(start_t *)argument;
  free(argument);
  martlet_name_thread(start.name);
  start.body(start.argument);
  return NULL;
}

int martlet_start_thread(const char *name, void (*body)(void *), void *argument) {
  start_t *start = calloc(1, sizeof *start);
  if (start == NULL) return -ENOMEM;
  start->body = body;
  start->argument = argument;
  strncpy(start->name, name, sizeof start->name - 1);

  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, (size_t)8 << 20);
  // Signals that a fault raises stay as they are.
  sigset_t blocked, before;
  sigfillset(&blocked);
  const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT};
  for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) sigdelset(&blocked, faults[i]);
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
  pthread_t thread;
  int error = pthread_create(&thread, &attributes, run_thread, start);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  if (error != 0) free(start);
  return -error;
}

uintptr_t martlet_thread_identity(void) { return (uintptr_t)pthread_self(); }
