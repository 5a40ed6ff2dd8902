// A socket whose path was left behind is replaced without a moment in which there is none.

import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { listenAt } from '../../src/daemon/listen.ts';

const folder = mkdtempSync(join(tmpdir(), 'warpdrive-test-'));
const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
  rmSync(folder, { recursive: true });
});

describe('listening where a socket was left behind', () => {
  it('puts the new one in its place: the path is never removed, and leads to the new one', async () => {
    const path = join(folder, 'sock');
    for (let round = 0; round < 3; round++) {
      const server = createServer((socket) => socket.end(String(round)));
      servers.push(server);
      const state = { isListening: false };
      const listening = listenAt(server, path).then(() => (state.isListening = true));
      while (!state.isListening) {
        expect(existsSync(path)).toBe(round > 0);
        await Promise.race([listening, new Promise(setImmediate)]);
      }
      const answer = await new Promise<string>((resolve, reject) => {
        connect(path).once('error', reject).setEncoding('utf8').once('data', resolve);
      });
      expect(answer).toBe(String(round));
    }
    expect(readdirSync(folder)).toEqual(['sock']);
  });
});
