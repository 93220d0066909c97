// Sockets and readiness, which Swift reaches only through variadic, packed or GNU-only interfaces.
//
// Functions that can fail return a negative errno; errno itself is not to be looked at.
#ifndef MARTLET_NETWORK_H
#define MARTLET_NETWORK_H

#include <stdint.h>
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/uio.h>

/// What a descriptor waits for, and what happened to it, as bits. The last two always wait.
enum {
  MARTLET_READABLE = 1,
  MARTLET_WRITABLE = 4,
  MARTLET_FAILED = 8,
  MARTLET_HUNG_UP = 16,
};

typedef struct martlet_event {
  /// What the descriptor was registered with.
  uint64_t token;
  /// What happened, as bits.
  uint32_t happened;
} martlet_event;

/// A new epoll descriptor, closed in programs that this one starts.
int martlet_epoll_create(void);

/// Adds `descriptor`; its events are reported for as long as they last (level-triggered).
int martlet_epoll_add(int epoll, int descriptor, uint32_t waits_for, uint64_t token);

/// Adds `descriptor`; each event is reported once (edge-triggered), so an eventfd need not be read.
int martlet_epoll_add_edge(int epoll, int descriptor, uint32_t waits_for, uint64_t token);

/// Changes what an added descriptor waits for.
int martlet_epoll_change(int epoll, int descriptor, uint32_t waits_for, uint64_t token);

/// Takes `descriptor` out.
int martlet_epoll_remove(int epoll, int descriptor);

/// Waits until something happened, `nanoseconds` at most; without end below 0, not at all with 0.
/// Returns the number of events written, at most `capacity` and 256; a signal gives 0.
int martlet_epoll_wait(int epoll, martlet_event *events, int capacity, int64_t nanoseconds);

/// A descriptor that other threads write to with `martlet_eventfd_signal`; not blocking.
int martlet_eventfd_create(void);

/// Makes it readable.
void martlet_eventfd_signal(int descriptor);

/// A stream socket of `family` that does not block and is closed in programs that this one starts.
int martlet_stream_socket(int family);

/// Accepts a connection as such a socket.
int martlet_accept(int listener, struct sockaddr_storage *address, socklen_t *length);

/// Starts connecting: 0 when connected, -EINPROGRESS while under way.
int martlet_connect(int descriptor, const struct sockaddr_storage *address, socklen_t length);

int martlet_bind(int descriptor, const struct sockaddr_storage *address, socklen_t length);

/// Addresses of this and of the other end.
int martlet_local_address(int descriptor, struct sockaddr_storage *address, socklen_t *length);
int martlet_remote_address(int descriptor, struct sockaddr_storage *address, socklen_t *length);

/// The user of the process at the other end of a connected AF_UNIX socket, as it was when that connected or began to listen.
int64_t martlet_peer_user(int descriptor);
/// The number of that process.
int64_t martlet_peer_process(int descriptor);

/// The error that waits in the socket, as a positive errno, and clears it; 0 for none.
int martlet_take_socket_error(int descriptor);

/// Options, each 0 or a negative errno.
int martlet_set_no_delay(int descriptor, int on);
int martlet_set_reuse_address(int descriptor);
int martlet_set_ipv6_only(int descriptor, int on);
int martlet_set_buffer_bytes(int descriptor, int send_bytes, int receive_bytes);
int martlet_set_keep_alive(int descriptor, int idle_seconds, int interval_seconds, int probes);
/// How long sent bytes may stay without acknowledgement before the connection fails.
int martlet_set_user_timeout(int descriptor, int milliseconds);

/// Sends what it can without blocking or raising SIGPIPE; `more` says that other bytes follow at once.
ssize_t martlet_send_vector(int descriptor, const struct iovec *parts, int count, int more);

/// Receives what is there without blocking.
ssize_t martlet_receive(int descriptor, void *memory, size_t count);
ssize_t martlet_receive_vector(int descriptor, struct iovec *parts, int count);

/// Sends at most `count` bytes of `file` from `offset`. May raise SIGPIPE: call it where that is blocked.
ssize_t martlet_send_file(int descriptor, int file, int64_t offset, size_t count);

/// Copies from the memory of another process, `remote`, to this one's, `local`: the bytes of one list to those of the other, in
/// their order. Returns how many bytes were copied, which are fewer where memory is not there, or a negative errno: -EPERM where
/// the system does not allow it.
ssize_t martlet_read_process(int64_t process, const struct iovec *local, int local_count, const struct iovec *remote,
                             int remote_count);

/// Whether the other end of a connected socket has closed it or ended its output, as of now.
int martlet_has_hung_up(int descriptor);

/// Starts a detached thread that runs `body(argument)`; signals from outside are blocked in it.
int martlet_start_thread(const char *name, void (*body)(void *), void *argument);

/// A number for the calling thread that no other running thread has.
uintptr_t martlet_thread_identity(void);

#endif
