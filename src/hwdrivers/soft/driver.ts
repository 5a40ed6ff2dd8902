// The soft device's user driver: its queue format is a channel (shared/channel), the device at the other end a
// worker process. Two words mean something else than towards a client: a request's cookie is its tag, and its flags
// are the number of control messages that the worker must have read before it runs the request.

import type { ClientEnd } from '../../shared/channel/client-end.ts';
import {
  C_COOKIE_LOW,
  C_SLOT,
  COMPLETION_WORDS,
  R_COOKIE_LOW,
  R_FLAGS,
  R_OPERATION,
  REQUEST_WORDS,
  W_COMPLETION_HEAD,
  W_SUBMISSION_HEAD,
} from '../../shared/channel/layout.ts';
import { algorithmNames, OPERATION_NUMBERS, operationsByNumber } from '../../shared/operations.ts';
import { type Driver, type HardwareQueue, ROW_PARAMETERS, SEND_FULL, SEND_TAKEN } from '../driver.ts';

/** What the soft driver needs of a worker's channel. */
export interface SoftTransport {
  readonly end: ClientEnd;
  readonly ring: () => void;
  /** Control messages sent to the worker so far. */
  readonly controlMessages: () => number;
}

export interface SoftQueue extends HardwareQueue {
  /** The tag of the request that the worker has taken but not completed; -1 if it is between requests. */
  runningTag(): number;
}

const parameterWords = new Uint8Array(OPERATION_NUMBERS);
const resultWords = new Uint8Array(OPERATION_NUMBERS);
for (const operation of operationsByNumber) {
  if (operation === undefined) continue;
  parameterWords[operation.number] = operation.parameterBytes / 4;
  resultWords[operation.number] = operation.resultBytes / 4;
}

function open({ end, ring, controlMessages }: SoftTransport): SoftQueue {
  const { words, slots } = end;
  /** Tags in the order in which they were sent: the worker runs them in this order, one at a time. */
  const sentTags = new Int32Array(slots);
  const resultWordsOfTag = new Uint8Array(slots);
  let sentCount = 0;

  return {
    depth: slots,
    send(rows, base, tag) {
      const slot = end.takeSlot();
      if (slot === -1) return SEND_FULL;
      const at = end.slotWord(slot);
      for (let word = 0; word < REQUEST_WORDS; word++) words[at + word] = rows[base + word] as number;
      const operation = rows[base + R_OPERATION] as number;
      const parameters = parameterWords[operation] as number;
      const parametersAt = end.parameterWord(slot);
      for (let word = 0; word < parameters; word++) {
        words[parametersAt + word] = rows[base + ROW_PARAMETERS + word] as number;
      }
      words[at + R_FLAGS] = controlMessages();
      words[at + R_COOKIE_LOW] = tag;
      resultWordsOfTag[tag] = resultWords[operation] as number;
      sentTags[sentCount & (slots - 1)] = tag;
      sentCount = (sentCount + 1) | 0;
      end.push(slot);
      if (end.publish()) ring();
      return SEND_TAKEN;
    },
    recv(completion) {
      const at = end.peek();
      if (at === -1) return false;
      for (let word = 0; word < COMPLETION_WORDS; word++) completion[word] = words[at + word] as number;
      const slot = completion[C_SLOT] as number;
      const parameters = end.parameterWord(slot & (slots - 1));
      const tag = (completion[C_COOKIE_LOW] as number) & (slots - 1);
      const results = resultWordsOfTag[tag] as number;
      for (let word = 0; word < results; word++) {
        completion[COMPLETION_WORDS + word] = words[parameters + word] as number;
      }
      completion[C_SLOT] = tag;
      end.reap(slot);
      end.publishReaped();
      return true;
    },
    close() {},
    runningTag() {
      const taken = Atomics.load(words, W_SUBMISSION_HEAD);
      const completed = Atomics.load(words, W_COMPLETION_HEAD);
      const isRunning = ((taken - completed) | 0) > 0 && ((sentCount - completed) | 0) > 0;
      return isRunning ? (sentTags[completed & (slots - 1)] as number) : -1;
    },
  };
}

export const softDriver: Driver<SoftTransport, SoftQueue> = {
  deviceApis: ['soft'],
  algorithms: algorithmNames.filter((algorithm) => algorithm !== 'nop'),
  open,
};

/** Slots of a worker's channel: more requests than the engine ever puts into a worker. */
export const SOFT_QUEUE_SLOTS = 64;
