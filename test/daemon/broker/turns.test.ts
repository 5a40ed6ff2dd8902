// Calls that take turns, and those who give up while they wait.

import { setImmediate } from 'node:timers/promises';
import { beforeEach, expect, it } from 'vitest';
import { Turns } from '../../../src/daemon/broker/turns.ts';

let turns: Turns;
let begun: string[];
let ends: Map<string, () => void>;
const never = new AbortController().signal;

function take(name: string, what: string, signal = never): Promise<string> {
  return turns.take(name, signal, () => {
    begun.push(what);
    return new Promise((resolve) => ends.set(what, () => resolve(what)));
  });
}

beforeEach(() => {
  turns = new Turns();
  begun = [];
  ends = new Map();
});

it('those of one name come one after the other, those of others at once', async () => {
  const first = take('a', 'a1');
  const second = take('a', 'a2');
  const other = take('b', 'b1');
  await setImmediate();
  expect(begun).toEqual(['a1', 'b1']);
  ends.get('a1')?.();
  expect(await first).toBe('a1');
  await setImmediate();
  expect(begun).toEqual(['a1', 'b1', 'a2']);
  ends.get('a2')?.();
  ends.get('b1')?.();
  expect(await Promise.all([second, other])).toEqual(['a2', 'b1']);
});

it('one that fails hands its turn on', async () => {
  const failed = turns.take('a', never, () => Promise.reject(new Error('no')));
  const next = take('a', 'a2');
  await expect(failed).rejects.toThrow('no');
  await setImmediate();
  ends.get('a2')?.();
  expect(await next).toBe('a2');
});

it('who gives up is answered at once and never begins; those behind still wait for who is before', async () => {
  const first = take('a', 'a1');
  const controller = new AbortController();
  const second = take('a', 'a2', controller.signal);
  const third = take('a', 'a3');
  controller.abort();
  await expect(second).rejects.toMatchObject({ code: 'CANCELLED' });
  await setImmediate();
  expect(begun).toEqual(['a1']);
  ends.get('a1')?.();
  await first;
  await setImmediate();
  expect(begun).toEqual(['a1', 'a3']);
  ends.get('a3')?.();
  expect(await third).toBe('a3');
});

it('who has given up before it came is refused', async () => {
  await expect(take('a', 'a1', AbortSignal.abort())).rejects.toMatchObject({ code: 'CANCELLED' });
  await setImmediate();
  expect(begun).toEqual([]);
});
