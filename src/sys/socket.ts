// Unix sockets where Node's own can't serve: file descriptors as ancillary data, the peer's credentials, pairs,
// and waiting without the event loop.

import { WarpError } from '../shared/errors.ts';
import { EAGAIN, ECONNRESET, EINTR, ERANGE, mustCall, retryInterrupted, systemCallError } from './errno.ts';
import { closeAll, type Descriptor, Fd } from './fd.ts';
import { addressOf, callIoctl, callLibc, type CallResult, pollInPool, structMemory } from './libc.ts';
import {
  cmsghdrLayout,
  iovecLayout,
  msghdrLayout,
  pollfdLayout,
  sockaddrUnLayout,
  ucredLayout,
} from './structs.ts';

// <bits/socket.h>, <asm-generic/socket.h>, <linux/sockios.h>, <poll.h>
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_SEQPACKET = 5;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SO_PEERGROUPS = 59;
const SO_PEERPIDFD = 77;
const SCM_RIGHTS = 1;
const SIOCOUTQ = 0x5411;
const MSG_CTRUNC = 0x8;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const POLLIN = 1;
const POLLHUP = 16;
const ANY_EVENT = -1;
const SHUT_RDWR = 2;

/** Descriptors in one message. The kernel allows 253. */
export const FDS_PER_MESSAGE_MAX = 128;
/** More supplementary groups than most have; there may be 65,536. */
const GROUPS_FEW = 64;
/** Bytes of one message with descriptors. */
const MESSAGE_BYTES_MAX = 64 * 1024;

// One set of structs serves all calls: they are synchronous, and sizes never change.
const payload = structMemory(MESSAGE_BYTES_MAX);
const control = structMemory(cmsghdrLayout.bytes + FDS_PER_MESSAGE_MAX * 4);
const iovec = structMemory(iovecLayout.bytes);
const msghdr = structMemory(msghdrLayout.bytes);
iovec.writeBigUInt64LE(addressOf(payload), iovecLayout.fields.iov_base.offset);
msghdr.writeBigUInt64LE(addressOf(iovec), msghdrLayout.fields.msg_iov.offset);
msghdr.writeBigUInt64LE(1n, msghdrLayout.fields.msg_iovlen.offset);
msghdr.writeBigUInt64LE(addressOf(control), msghdrLayout.fields.msg_control.offset);

export type PairKind = 'stream' | 'packets';

/** Two connected Unix sockets. 'packets' (SOCK_SEQPACKET) keeps message boundaries. */
export function createSocketPair(kind: PairKind, label: string): [Fd, Fd] {
  const numbers = structMemory(8);
  const type = (kind === 'stream' ? SOCK_STREAM : SOCK_SEQPACKET) | SOCK_CLOEXEC | SOCK_NONBLOCK;
  mustCall(`create the socket pair "${label}"`, 'socketpair', AF_UNIX, type, 0, numbers);
  return [new Fd(numbers.readInt32LE(0), label), new Fd(numbers.readInt32LE(4), label)];
}

/** Connects to a listening Unix socket. Throws NO_DAEMON where nothing listens. */
export function connectUnix(path: string, label: string): Fd {
  return connectTo(path, SOCK_STREAM, label);
}

/** Connects to a Unix socket that takes datagrams, one for each message sent. "@" begins a name that is no path. */
export function connectDatagrams(path: string, label: string): Fd {
  return connectTo(path, SOCK_DGRAM, label);
}

function connectTo(path: string, type: number, label: string): Fd {
  const operation = `connect to ${path}`;
  // An abstract name begins with a zero byte and ends with its length; see unix(7).
  const pathBytes = Buffer.from(path.replace(/^@/, '\0'));
  const room = sockaddrUnLayout.fields.sun_path.bytes - 1;
  if (pathBytes.length > room) {
    throw new WarpError('INVALID_ARGUMENT', {
      operation,
      found: `a socket's path has at most ${room} bytes, this one ${pathBytes.length}`,
      hint: 'use a runtime folder with a shorter path',
    });
  }
  const address = structMemory(sockaddrUnLayout.bytes);
  address.writeUInt16LE(AF_UNIX, sockaddrUnLayout.fields.sun_family.offset);
  pathBytes.copy(address, sockaddrUnLayout.fields.sun_path.offset);
  const isAbstract = path.startsWith('@');
  const addressBytes = isAbstract
    ? sockaddrUnLayout.fields.sun_path.offset + pathBytes.length
    : sockaddrUnLayout.bytes;
  const fd = new Fd(mustCall(operation, 'socket', AF_UNIX, type | SOCK_CLOEXEC, 0), label);
  const { value, errno } = retryInterrupted(() => callLibc('connect', fd.number, address, addressBytes));
  if (value === -1) {
    fd.close();
    const cause = systemCallError(operation, errno);
    throw new WarpError('NO_DAEMON', { operation, found: cause.found, cause });
  }
  return fd;
}

/** The path that a Unix socket is bound to; empty if it has none. */
export function socketPath(socket: number): string {
  const address = structMemory(sockaddrUnLayout.bytes);
  const length = structMemory(4);
  length.writeInt32LE(address.length);
  mustCall("read a socket's path", 'getsockname', socket, address, length);
  const { offset } = sockaddrUnLayout.fields.sun_path;
  const end = Math.min(length.readInt32LE(), address.length);
  const path = address.subarray(offset, Math.max(offset, end)).toString();
  return path.split('\0')[0] ?? '';
}

/**
 * Sends bytes and descriptors as one message; the receiver gets its own copies of the descriptors.
 * False if the socket is full; throws if the peer is gone.
 */
export function sendWithFds(socket: number, bytes: Uint8Array, fds: readonly Descriptor[]): boolean {
  const operation = `send ${fds.length} descriptors`;
  if (bytes.length === 0 || bytes.length > MESSAGE_BYTES_MAX || fds.length > FDS_PER_MESSAGE_MAX) {
    throw new WarpError('INVALID_ARGUMENT', {
      operation,
      found: `${bytes.length} bytes, ${fds.length} descriptors`,
    });
  }
  payload.set(bytes);
  iovec.writeBigUInt64LE(BigInt(bytes.length), iovecLayout.fields.iov_len.offset);
  writeControl(fds);
  const { value, errno } = retryInterrupted(() =>
    callLibc('sendmsg', socket, msghdr, MSG_DONTWAIT | MSG_NOSIGNAL),
  );
  if (value === bytes.length) return true;
  if (value === -1 && errno === EAGAIN) return false;
  if (value === -1) throw systemCallError(operation, errno);
  throw new WarpError('INTERNAL', { operation, found: `the kernel took ${value} of ${bytes.length} bytes` });
}

function writeControl(fds: readonly Descriptor[]): void {
  const controlBytes = fds.length === 0 ? 0 : cmsghdrLayout.bytes + fds.length * 4;
  msghdr.writeBigUInt64LE(BigInt(controlBytes), msghdrLayout.fields.msg_controllen.offset);
  control.writeBigUInt64LE(BigInt(controlBytes), cmsghdrLayout.fields.cmsg_len.offset);
  control.writeInt32LE(SOL_SOCKET, cmsghdrLayout.fields.cmsg_level.offset);
  control.writeInt32LE(SCM_RIGHTS, cmsghdrLayout.fields.cmsg_type.offset);
  for (const [index, fd] of fds.entries()) control.writeInt32LE(fd.number, cmsghdrLayout.bytes + index * 4);
}

export interface ReceivedMessage {
  readonly bytes: Buffer;
  /** The caller owns them. */
  readonly fds: readonly Fd[];
}

/**
 * Receives one message without waiting: 'empty' if there is none, 'end' if the peer has closed. On a stream, what follows
 * bytes without descriptors may come along with them, unless at most `maxBytes` are asked for.
 */
export function receiveWithFds(
  socket: number,
  label: string,
  maxBytes: number = payload.length,
): ReceivedMessage | 'empty' | 'end' {
  iovec.writeBigUInt64LE(BigInt(maxBytes), iovecLayout.fields.iov_len.offset);
  msghdr.writeBigUInt64LE(BigInt(control.length), msghdrLayout.fields.msg_controllen.offset);
  const { value, errno } = retryInterrupted(() =>
    callLibc('recvmsg', socket, msghdr, MSG_DONTWAIT | MSG_CMSG_CLOEXEC),
  );
  if (value === -1 && errno === EAGAIN) return 'empty';
  // It closed before it had read all that we sent.
  if (value === -1 && errno === ECONNRESET) return 'end';
  if (value === -1) throw systemCallError(`receive ${label}`, errno);
  const fds = readControl(label);
  const flags = msghdr.readInt32LE(msghdrLayout.fields.msg_flags.offset);
  if ((flags & (MSG_CTRUNC | MSG_TRUNC)) !== 0) {
    closeAll(fds);
    throw new WarpError('SYSTEM_CALL', {
      operation: `receive ${label}`,
      found: 'the message was cut: too many bytes or descriptors, or no descriptor numbers left',
      hint: 'raise the limit of open files of the process ("ulimit -n")',
    });
  }
  if (value === 0 && fds.length === 0) return 'end';
  return { bytes: Buffer.from(payload.subarray(0, value)), fds };
}

function readControl(label: string): Fd[] {
  const received = Number(msghdr.readBigUInt64LE(msghdrLayout.fields.msg_controllen.offset));
  if (received < cmsghdrLayout.bytes) return [];
  const length = Number(control.readBigUInt64LE(cmsghdrLayout.fields.cmsg_len.offset));
  const isRights =
    control.readInt32LE(cmsghdrLayout.fields.cmsg_level.offset) === SOL_SOCKET &&
    control.readInt32LE(cmsghdrLayout.fields.cmsg_type.offset) === SCM_RIGHTS;
  if (!isRights) return [];
  const fds: Fd[] = [];
  const end = Math.min(length, received);
  for (let at = cmsghdrLayout.bytes; at + 4 <= end; at += 4) fds.push(new Fd(control.readInt32LE(at), label));
  return fds;
}

export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** Who connected: the credentials that the kernel noted at connect(2). */
export function peerCredentials(socket: number): PeerCredentials {
  const ucred = structMemory(ucredLayout.bytes);
  const length = structMemory(4);
  length.writeInt32LE(ucred.length);
  mustCall("read the peer's credentials", 'getsockopt', socket, SOL_SOCKET, SO_PEERCRED, ucred, length);
  return {
    pid: ucred.readInt32LE(ucredLayout.fields.pid.offset),
    uid: ucred.readUInt32LE(ucredLayout.fields.uid.offset),
    gid: ucred.readUInt32LE(ucredLayout.fields.gid.offset),
  };
}

/** The groups of who connected, the effective one first, as they were at connect(2): what it runs since counts for nothing. */
export function peerGroups(socket: number): number[] {
  const { gid } = peerCredentials(socket);
  const length = structMemory(4);
  const read = (groups: Buffer): CallResult => {
    length.writeInt32LE(groups.length);
    return callLibc('getsockopt', socket, SOL_SOCKET, SO_PEERGROUPS, groups, length);
  };
  let groups = structMemory(GROUPS_FEW * 4);
  let { value, errno } = read(groups);
  if (value === -1 && errno === ERANGE) {
    groups = structMemory(length.readInt32LE());
    ({ value, errno } = read(groups));
  }
  if (value === -1) throw systemCallError("read the peer's groups", errno);
  const others = Array.from({ length: length.readInt32LE() / 4 }, (_, index) =>
    groups.readUInt32LE(index * 4),
  );
  return [...new Set([gid, ...others])];
}

/** A pidfd of the process that connected, which no other process can come to stand for. Linux 6.5 and later. */
export function peerPidfd(socket: number): Fd | undefined {
  const number = structMemory(4);
  const length = structMemory(4);
  length.writeInt32LE(4);
  const { value } = callLibc('getsockopt', socket, SOL_SOCKET, SO_PEERPIDFD, number, length);
  return value === -1 ? undefined : new Fd(number.readInt32LE(0), 'peer pidfd');
}

/** Bytes that were sent and that the peer hasn't received yet, with what the kernel needs to keep them. */
export function unreadBytes(socket: number): number {
  const count = structMemory(4);
  const { value, errno } = callIoctl(socket, SIOCOUTQ, count);
  if (value === -1) throw systemCallError('count the bytes that the peer has not read', errno);
  return count.readInt32LE();
}

/** Ends a connection for every holder of its descriptors, in whichever process. */
export function shutdownSocket(socket: number): void {
  callLibc('shutdown', socket, SHUT_RDWR);
}

const pollfd = structMemory(pollfdLayout.bytes);

/** Blocks the thread until the descriptor can be read or has hung up; false when the time was up before. */
export function waitReadable(fd: number, timeoutMillis: number): boolean {
  writePollfd(pollfd, fd);
  const { value, errno } = callLibc('poll', pollfd, 1, Math.ceil(timeoutMillis));
  if (value === -1 && errno !== EINTR) throw systemCallError('wait for a descriptor', errno);
  return value > 0;
}

/** The same without blocking the event loop. */
export async function waitReadableAsync(fd: number, timeoutMillis: number): Promise<boolean> {
  return (await waitAnyReadable([fd], timeoutMillis)).length > 0;
}

/** Those of the descriptors whose peer is gone. */
export function hungUp(fds: readonly number[]): readonly number[] {
  return pollNow(fds, POLLHUP);
}

/** Those of the descriptors that can be read, or have hung up. */
export function readableNow(fds: readonly number[]): readonly number[] {
  return pollNow(fds, POLLIN | POLLHUP);
}

function pollNow(fds: readonly number[], events: number): readonly number[] {
  const table = pollTable(fds);
  const { value, errno } = callLibc('poll', table, fds.length, 0);
  if (value === -1 && errno !== EINTR) throw systemCallError('look at descriptors', errno);
  return foundIn(table, fds, events);
}

function pollTable(fds: readonly number[]): Buffer {
  const { bytes } = pollfdLayout;
  const table = structMemory(Math.max(1, fds.length) * bytes);
  for (const [index, fd] of fds.entries()) writePollfd(table.subarray(index * bytes), fd);
  return table;
}

/** Those of which poll(2) has found any of the events. */
function foundIn(table: Buffer, fds: readonly number[], events: number): number[] {
  const { bytes, fields } = pollfdLayout;
  return fds.filter((_, index) => (table.readInt16LE(index * bytes + fields.revents.offset) & events) !== 0);
}

function writePollfd(target: Buffer, fd: number): void {
  target.writeInt32LE(fd, pollfdLayout.fields.fd.offset);
  target.writeInt16LE(POLLIN, pollfdLayout.fields.events.offset);
  target.writeInt16LE(0, pollfdLayout.fields.revents.offset);
}

/** Waits for any of some descriptors, without blocking the event loop; returns those that can be read or hung up. */
export async function waitAnyReadable(fds: readonly number[], timeoutMillis: number): Promise<number[]> {
  const table = pollTable(fds);
  // Interrupted by a signal it answers -1: nothing was found.
  if ((await pollInPool(table, fds.length, Math.ceil(timeoutMillis))) <= 0) return [];
  return foundIn(table, fds, ANY_EVENT);
}
