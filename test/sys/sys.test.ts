// The system-call edge: real descriptors, real memory, real sockets; structs compared with the C compiler's.

import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { Layout } from '../../src/shared/layout.ts';
import { closeAll, Fd, openFds } from '../../src/sys/fd.ts';
import { ioctl, ioctlRequest } from '../../src/sys/ioctl.ts';
import { pollInPool, structMemory } from '../../src/sys/libc.ts';
import { checkSealed, createSealedMemory, mapShared, PAGE_BYTES, punchOut } from '../../src/sys/memory.ts';
import { openPidfd, tryLock } from '../../src/sys/process.ts';
import {
  connectUnix,
  createSocketPair,
  peerCredentials,
  peerGroups,
  peerPidfd,
  receiveWithFds,
  sendWithFds,
  shutdownSocket,
  waitReadable,
  waitReadableAsync,
} from '../../src/sys/socket.ts';
import * as structs from '../../src/sys/structs.ts';

function tryOpen(path: string): Fd {
  const numbers = createSocketPair('stream', path);
  closeAll(numbers);
  return createSealedMemory(path, 4096);
}

describe('Fd', () => {
  it('counts what is open, closes once, and hands ownership on', () => {
    const fd = tryOpen('counted');
    const second = fd.dup('counted twice');
    expect(openFds().get('counted')).toBe(1);
    expect(openFds().get('counted twice')).toBe(1);
    fd.close();
    fd.close();
    expect(fd.isOpen).toBe(false);
    expect(() => fd.number).toThrow(/counted is open/);
    const taken = second.take();
    expect(existsSync(`/proc/self/fd/${taken}`)).toBe(true);
    new Fd(taken, 'owner').close();
    expect(existsSync(`/proc/self/fd/${taken}`)).toBe(false);
    expect([...openFds().keys()].filter((label) => label.startsWith('counted'))).toEqual([]);
  });

  it('is closed in children: nothing that we open is inherited', () => {
    const pair = createSocketPair('stream', 'private');
    const memory = createSealedMemory('private', 4096);
    const listed = execFileSync('ls', ['/proc/self/fd']).toString().split('\n');
    for (const fd of [...pair, memory]) expect(listed).not.toContain(String(fd.number));
    closeAll([...pair, memory]);
  });
});

describe('memory', () => {
  it('is sealed, shared between its mappings, and has an inaccessible page on both sides', () => {
    const fd = createSealedMemory('shared', 2 * PAGE_BYTES);
    checkSealed(fd);
    const first = mapShared(fd, 2 * PAGE_BYTES);
    const second = mapShared(fd, 2 * PAGE_BYTES);
    first.words()[5] = 77;
    expect(second.words()[5]).toBe(77);
    const maps = readFileSync('/proc/self/maps', 'utf8').split('\n');
    const hex = (address: number): string => address.toString(16);
    const before = maps.find((line) => line.includes(`-${hex(first.address)} `));
    const after = maps.find((line) => line.startsWith(`${hex(first.address + 2 * PAGE_BYTES)}-`));
    expect(before).toContain('---p');
    expect(after).toContain('---p');
    first.unmap();
    first.unmap();
    expect(readFileSync('/proc/self/maps', 'utf8')).not.toContain(hex(first.address));
    punchOut(fd, { offset: 0, bytes: 2 * PAGE_BYTES });
    expect(second.words()[5]).toBe(0);
    second.unmap();
    fd.close();
  });

  it('leaves Buffers harmless when it is blanked, and shows another memfd when it is replaced', () => {
    const fd = createSealedMemory('first', PAGE_BYTES);
    const other = createSealedMemory('second', PAGE_BYTES);
    const mapping = mapShared(fd, PAGE_BYTES);
    const peer = mapShared(other, PAGE_BYTES);
    const { buffer } = mapping;
    buffer.fill(1);
    peer.buffer.fill(2);
    mapping.replace(other);
    expect(buffer[100]).toBe(2);
    buffer[100] = 3;
    expect(peer.buffer[100]).toBe(3);
    mapping.blank();
    expect(buffer[100]).toBe(0);
    buffer[100] = 9;
    expect(peer.buffer[100]).toBe(3);
    peer.unmap();
    closeAll([fd, other]);
  });

  it('that could still change its size is refused', () => {
    const [pipe, end] = createSocketPair('stream', 'not memory');
    expect(() => checkSealed(pipe)).toThrow(/SYSTEM_CALL/);
    closeAll([pipe, end]);
  });
});

describe('sockets', () => {
  it('carry bytes with descriptors, which the receiver owns, and tell empty from ended', () => {
    const [a, b] = createSocketPair('packets', 'pair');
    const memory = createSealedMemory('sent', PAGE_BYTES);
    expect(receiveWithFds(b.number, 'received')).toBe('empty');
    expect(sendWithFds(a.number, Buffer.from('one'), [memory, a])).toBe(true);
    expect(sendWithFds(a.number, Buffer.from('two'), [])).toBe(true);
    const first = receiveWithFds(b.number, 'received');
    const second = receiveWithFds(b.number, 'received');
    if (typeof first === 'string' || typeof second === 'string') throw new Error('both messages are there');
    expect([first.bytes.toString(), first.fds.length]).toEqual(['one', 2]);
    expect([second.bytes.toString(), second.fds.length]).toEqual(['two', 0]);
    const [received] = first.fds;
    const mapping = mapShared(received as Fd, PAGE_BYTES);
    const original = mapShared(memory, PAGE_BYTES);
    mapping.words()[0] = 5;
    expect(original.words()[0]).toBe(5);
    mapping.unmap();
    original.unmap();
    closeAll([...first.fds, memory, a]);
    expect(receiveWithFds(b.number, 'received')).toBe('end');
    b.close();
  });

  it('say false when they are full, and throw when the peer is gone', () => {
    const [a, b] = createSocketPair('packets', 'pair');
    let sent = 0;
    while (sendWithFds(a.number, Buffer.alloc(1_000), [])) sent += 1;
    expect(sent).toBeGreaterThan(10);
    b.close();
    expect(() => sendWithFds(a.number, Buffer.of(1), [])).toThrow(/EPIPE|ECONNRESET/);
    a.close();
  });

  it('know their peer', () => {
    const [a, b] = createSocketPair('stream', 'pair');
    const { pid, uid, gid } = peerCredentials(a.number);
    expect([pid, uid, gid]).toEqual([process.pid, process.getuid?.(), process.getgid?.()]);
    expect(new Set(peerGroups(a.number))).toEqual(
      new Set([process.getegid?.(), ...(process.getgroups?.() ?? [])]),
    );
    peerPidfd(a.number)?.close();
    closeAll([a, b]);
  });

  it.runIf(process.getuid?.() === 0)('know the groups that their peer had when it connected', () => {
    const mine = process.getgroups?.() ?? [];
    const many = Array.from({ length: 100 }, (_, index) => 5_000 + index);
    process.setgroups?.(many);
    const [a, b] = createSocketPair('stream', 'pair');
    process.setgroups?.(mine);
    expect(peerGroups(a.number)).toEqual([process.getegid?.(), ...many]);
    closeAll([a, b]);
  });

  it('wake who waits, blocking or not; a shutdown ends them for every holder', async () => {
    const [a, b] = createSocketPair('stream', 'pair');
    expect(waitReadable(b.number, 5)).toBe(false);
    const waiting = waitReadableAsync(b.number, 5_000);
    sendWithFds(a.number, Buffer.of(1), []);
    expect(await waiting).toBe(true);
    expect(waitReadable(b.number, 5_000)).toBe(true);
    const held = a.dup();
    shutdownSocket(a.number);
    receiveWithFds(b.number, 'last byte');
    expect(receiveWithFds(b.number, 'end')).toBe('end');
    closeAll([a, b, held]);
  });

  it('keep the memory that a thread of the pool writes to, though nobody else does', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const [a, b] = createSocketPair('stream', 'pair');
    const poll = (): [Promise<number>, WeakRef<Buffer>] => {
      const entry = structMemory(structs.pollfdLayout.bytes);
      entry.writeInt32LE(b.number, structs.pollfdLayout.fields.fd.offset);
      entry.writeInt16LE(1, structs.pollfdLayout.fields.events.offset);
      return [pollInPool(entry, 1, 5_000), new WeakRef(entry)];
    };
    const [polling, entry] = poll();
    // A reference that was looked at holds until the turn ends.
    await new Promise(setImmediate);
    collect();
    expect(entry.deref()).toBeDefined();
    sendWithFds(a.number, Buffer.of(1), []);
    expect(await polling).toBe(1);
    await new Promise(setImmediate);
    collect();
    expect(entry.deref()).toBeUndefined();
    closeAll([a, b]);
  });

  it('name the path and what to do where nobody listens, or the path is too long', () => {
    expect(() => connectUnix('/nonexistent/socket', 'x')).toThrow(
      /connect to \/nonexistent\/socket.*ENOENT.*NO_DAEMON/,
    );
    expect(() => connectUnix(`/${'x'.repeat(200)}`, 'x')).toThrow(/at most 107 bytes/);
  });

  it('end for a reader whose peer closed before it had read everything', () => {
    const [a, b] = createSocketPair('stream', 'pair');
    sendWithFds(a.number, Buffer.from('unread'), []);
    b.close();
    expect(receiveWithFds(a.number, 'nothing')).toBe('end');
    a.close();
  });
});

describe('processes', () => {
  it('have pidfds while they live', async () => {
    const child = spawn('sleep', ['60']);
    const pidfd = openPidfd(child.pid as number);
    expect(waitReadable(pidfd?.number ?? -1, 0)).toBe(false);
    child.kill('SIGKILL');
    expect(waitReadable(pidfd?.number ?? -1, 5_000)).toBe(true);
    await new Promise((resolve) => child.once('exit', resolve));
    expect(openPidfd(child.pid as number)).toBeUndefined();
    pidfd?.close();
  });

  it('lock a file one at a time', () => {
    const first = createSealedMemory('lock', 1);
    const again = new Fd(first.dup().take(), 'same file');
    expect(tryLock(first)).toBe(true);
    expect(tryLock(again)).toBe(true);
    closeAll([first, again]);
  });
});

describe('ioctl', () => {
  it('composes the numbers that the kernel headers have', () => {
    expect(ioctlRequest('none', 'W', 1)).toBe(0x5701);
    expect(ioctlRequest('write', 'W', 1, 8)).toBe(0x40085701);
    expect(ioctlRequest('readWrite', 'H', 10, 4)).toBe(0xc004480a);
    expect(ioctlRequest('readWrite', 'H', 11, 16)).toBe(0xc010480b);
    expect(ioctlRequest('none', ';', 100)).toBe(0x3b64);
  });

  it('reads into a Buffer in place, and throws what the kernel says', () => {
    const FIONREAD = 0x541b;
    const [a, b] = createSocketPair('stream', 'pair');
    sendWithFds(a.number, Buffer.alloc(123), []);
    const count = Buffer.from(new ArrayBuffer(4));
    ioctl(b, FIONREAD, count, 'count waiting bytes');
    expect(count.readInt32LE()).toBe(123);
    expect(() => ioctl(b, 0x5701, 0, 'take a queue')).toThrow(/take a queue \(pair\).*EINVAL|ENOTTY/);
    closeAll([a, b]);
  });
});

/** Offsets and widths of our layouts as a C program prints them. */
function compareWithCompiler(all: readonly Layout<string>[], compiler: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'warpdrive-test-'));
  const lines = all.flatMap(({ name, fields }) => [
    `printf("${name} %zu\\n", sizeof(struct ${name}));`,
    ...Object.keys(fields).map(
      (field) =>
        `printf("${name}.${field} %zu %zu\\n", offsetof(struct ${name}, ${field}), sizeof(((struct ${name} *)0)->${field}));`,
    ),
  ]);
  const source = `#define _GNU_SOURCE\n#include <stdio.h>\n#include <stddef.h>\n#include <sys/socket.h>\n#include <sys/uio.h>\n#include <sys/un.h>\n#include <poll.h>\nint main(void) {\n${lines.join('\n')}\nreturn 0; }\n`;
  writeFileSync(join(folder, 'structs.c'), source);
  execFileSync(compiler, ['-o', join(folder, 'structs'), join(folder, 'structs.c')]);
  const printed = execFileSync(join(folder, 'structs')).toString().trim().split('\n');
  rmSync(folder, { recursive: true });
  const expected = all.flatMap(({ name, bytes, fields }) => [
    `${name} ${bytes}`,
    ...Object.entries(fields).map(
      ([field, { offset, bytes: width }]) => `${name}.${field} ${offset} ${width}`,
    ),
  ]);
  expect(printed).toEqual(expected);
}

describe('struct layouts', () => {
  const all = Object.values(structs) as readonly Layout<string>[];
  const compiler = ['/usr/bin/cc', '/usr/bin/gcc'].find((path) => existsSync(path));

  it('have pinned sizes', () => {
    expect(
      all.map(({ name, bytes }) => [name, bytes] as const).sort(([a], [b]) => a.localeCompare(b)),
    ).toEqual([
      ['cmsghdr', 16],
      ['iovec', 16],
      ['msghdr', 56],
      ['pollfd', 8],
      ['sockaddr_un', 110],
      ['ucred', 12],
    ]);
  });

  it.runIf(compiler !== undefined || process.env['CI'] === 'true')("are the C compiler's", () => {
    compareWithCompiler(all, compiler ?? 'cc');
  });
});
