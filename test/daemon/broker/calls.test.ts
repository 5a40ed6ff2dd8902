// How long a caller may let a call lie, with grpc-js's own interceptor around a call that this test plays.

import { Metadata, type ServerInterceptingCallInterface, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Calls } from '../../../src/daemon/broker/calls.ts';

/** Longer than any caller may take. */
const LONG_MILLIS = 60_000;

type Listener = Parameters<ServerInterceptingCallInterface['start']>[0];

let listener: Listener;
let cuts: number;
let call: ServerInterceptingCallInterface;

beforeEach(() => {
  vi.useFakeTimers();
  cuts = 0;
  const played = {
    start: (given: Listener) => {
      listener = given;
    },
    sendStatus: () => {},
  } as unknown as ServerInterceptingCallInterface;
  const owner = {
    payer: 'uid:1',
    cut: () => {
      cuts += 1;
    },
  };
  call = new Calls(1).open(played, owner, false);
  const ignore = (): void => {};
  call.start({
    onReceiveMetadata: ignore,
    onReceiveMessage: ignore,
    onReceiveHalfClose: ignore,
    onCancel: ignore,
  });
  listener.onReceiveMetadata(new Metadata());
});

afterEach(() => {
  vi.useRealTimers();
});

function answer(): void {
  call.sendStatus({ code: status.OK, details: '' });
}

it('a request that does not come to its end cuts the connection', () => {
  vi.advanceTimersByTime(LONG_MILLIS);
  expect(cuts).toBe(1);
});

it('an answer that is not read cuts it, however long it took to make', () => {
  listener.onReceiveHalfClose();
  vi.advanceTimersByTime(LONG_MILLIS);
  expect(cuts).toBe(0);
  answer();
  vi.advanceTimersByTime(LONG_MILLIS);
  expect(cuts).toBe(1);
});

it('an answer to somebody who has gone is no fault', () => {
  listener.onReceiveHalfClose();
  listener.onCancel();
  answer();
  vi.advanceTimersByTime(LONG_MILLIS);
  expect(cuts).toBe(0);
});
