// The kernel's structs that we pass to system calls, LP64 (x86-64 and arm64 alike). A test compares sizes and
// offsets with a C compiler's.

import { declareLayout } from '../shared/layout.ts';

/** struct msghdr, <sys/socket.h> */
export const msghdrLayout = declareLayout('msghdr', 56, {
  msg_name: [0, 8, 'either', 'address'],
  msg_namelen: [8, 4, 'either', 'its length'],
  msg_iov: [16, 8, 'either', 'address of the iovecs'],
  msg_iovlen: [24, 8, 'either', 'their number'],
  msg_control: [32, 8, 'either', 'address of the ancillary data'],
  msg_controllen: [40, 8, 'either', 'its length'],
  msg_flags: [48, 4, 'either', 'flags of a received message'],
});

/** struct iovec, <sys/uio.h> */
export const iovecLayout = declareLayout('iovec', 16, {
  iov_base: [0, 8, 'either', 'address'],
  iov_len: [8, 8, 'either', 'length'],
});

/** struct cmsghdr, <sys/socket.h>; the data follow */
export const cmsghdrLayout = declareLayout('cmsghdr', 16, {
  cmsg_len: [0, 8, 'either', 'length with this header'],
  cmsg_level: [8, 4, 'either', 'SOL_SOCKET'],
  cmsg_type: [12, 4, 'either', 'SCM_RIGHTS'],
});

/** struct ucred, <sys/socket.h> */
export const ucredLayout = declareLayout('ucred', 12, {
  pid: [0, 4, 'either', 'process'],
  uid: [4, 4, 'either', 'user'],
  gid: [8, 4, 'either', 'group'],
});

/** struct pollfd, <poll.h> */
export const pollfdLayout = declareLayout('pollfd', 8, {
  fd: [0, 4, 'either', 'descriptor'],
  events: [4, 2, 'either', 'asked for'],
  revents: [6, 2, 'either', 'found'],
});

/** struct sockaddr_un, <sys/un.h> */
export const sockaddrUnLayout = declareLayout('sockaddr_un', 110, {
  sun_family: [0, 2, 'either', 'AF_UNIX'],
  sun_path: [2, 108, 'either', 'path, ended by a zero byte'],
});
