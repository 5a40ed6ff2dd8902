// The user driver of the queues that test/vm/kernel puts in front of QEMU's edu device: copies memory, computes
// factorials. Its queue format is 64 submission entries and 64 completion entries, run in order.
//
//     memory    0 +----------------+
//                 | 64 x 64 bytes  |  submissions: entry i at i modulo 64
//            4096 +----------------+
//                 | 64 x 32 bytes  |  completions: the phase of entry i tells whether it is of this round
//                 +----------------+
//
// A completion is there when its phase is 1 in even rounds and 0 in odd ones; the device writes it last.

import {
  C_DEVICE_NANOS,
  C_PRODUCED,
  C_RESULT,
  C_SLOT,
  C_STATUS,
  COMPLETION_WORDS,
  R_DESTINATION_BYTES,
  R_DESTINATION_REGION,
  R_OPERATION,
  R_SOURCE_BYTES,
  R_SOURCE_REGION,
} from '../../shared/channel/layout.ts';
import { errorNumber } from '../../shared/errors.ts';
import { declareLayout, wordOf } from '../../shared/layout.ts';
import { FACTORIAL_OPERAND_MAX, operations } from '../../shared/operations.ts';
import { completeAtOnce, ROW_PARAMETERS, SEND_FULL, SEND_PENDING, SEND_TAKEN } from '../driver.ts';
import type { SpimdevDriver, SpimdevQueue } from '../spimdev/driver.ts';
import { ADDRESS_NONE, ADDRESS_PENDING, type SpimdevTransport } from '../spimdev/transport.ts';

/** struct wd_edu_sqe of test/vm/kernel/spimdev_abi.h. */
export const submissionLayout = declareLayout('wd_edu_sqe', 64, {
  opcode: [0, 4, 'client', 'COPY or FACTORIAL'],
  tag: [4, 4, 'client', 'comes back with the completion'],
  source: [8, 8, 'client', "the device's address of the input"],
  destination: [16, 8, 'client', "the device's address of the output"],
  bytes: [24, 4, 'client', 'length of both'],
  operand: [28, 4, 'client', 'of a factorial'],
  reserved: [32, 32, 'client', '0'],
});

/** struct wd_edu_cqe. */
export const completionEntryLayout = declareLayout('wd_edu_cqe', 32, {
  tag: [0, 4, 'engine', "the submission's"],
  status: [4, 4, 'engine', '0, or why it failed'],
  produced: [8, 4, 'engine', 'bytes written'],
  result: [12, 4, 'engine', 'of a factorial'],
  nanos: [16, 4, 'engine', 'device time'],
  sq_head: [20, 4, 'engine', '0'],
  reserved: [24, 4, 'engine', '0'],
  phase: [28, 4, 'engine', 'the round, written last'],
});

export const ENTRIES = 64;
export const CQ_OFFSET = 4096;
export const MEMORY_BYTES = 8192;
export const COPY_BYTES_MAX = 65_536;

export const OPCODE = { copy: 1, factorial: 2 } as const;
/** What a completion's status stands for. */
export const STATUS = { ok: 0, badEntry: 1, dmaFault: 2, deviceError: 3 } as const;

const DEVICE_ERROR = errorNumber('DEVICE_ERROR');
const DMA_FAULT = errorNumber('DMA_FAULT');
const TOO_LARGE = errorNumber('TOO_LARGE');
const BAD_LENGTH = errorNumber('BAD_LENGTH');
const OUTPUT_TOO_SMALL = errorNumber('OUTPUT_TOO_SMALL');

/** Error numbers by status. The engine checks requests, so a bad entry would be the driver's own mistake. */
const errorOfStatus = new Int32Array([0, DEVICE_ERROR, DMA_FAULT, DEVICE_ERROR]);

const ENTRY_WORDS = submissionLayout.bytes / 4;
const CQ_WORD = CQ_OFFSET / 4;
const CQE_WORDS = completionEntryLayout.bytes / 4;
const SOURCE = submissionLayout.fields.source.offset / 4;
const DESTINATION = submissionLayout.fields.destination.offset / 4;
const OP = wordOf(submissionLayout, 'opcode');
const TAG = wordOf(submissionLayout, 'tag');
const BYTES = wordOf(submissionLayout, 'bytes');
const OPERAND = wordOf(submissionLayout, 'operand');
const CQE_TAG = wordOf(completionEntryLayout, 'tag');
const CQE_STATUS = wordOf(completionEntryLayout, 'status');
const CQE_PRODUCED = wordOf(completionEntryLayout, 'produced');
const CQE_RESULT = wordOf(completionEntryLayout, 'result');
const CQE_NANOS = wordOf(completionEntryLayout, 'nanos');
const CQE_PHASE = wordOf(completionEntryLayout, 'phase');

const COPY = operations.copy.number;
const FACTORIAL = operations.factorial.number;

/** Writes a 64-bit address, which is below 2^53, as two words. */
function writeAddress(words: Int32Array, at: number, address: number): void {
  words[at] = address;
  words[at + 1] = address / 2 ** 32;
}

function open(transport: SpimdevTransport): SpimdevQueue {
  const { words, addresses } = transport;
  /** Tags in the order in which they were sent, which is the order in which the device runs them. */
  const sentTags = new Int32Array(ENTRIES);
  let tail = 0;
  let head = 0;

  /** The address of a range (three words of a row), or ADDRESS_PENDING, ADDRESS_NONE. */
  function addressOfRange(rows: Int32Array, at: number): number {
    const address = addresses.addressOf(rows[at] as number);
    return address < 0 ? address : address + ((rows[at + 1] as number) >>> 0);
  }

  function push(at: number, tag: number, opcode: number): number {
    words[at + OP] = opcode;
    words[at + TAG] = tag;
    sentTags[tail & (ENTRIES - 1)] = tag;
    tail = (tail + 1) | 0;
    transport.ringSubmissions(tail);
    return SEND_TAKEN;
  }

  function sendCopy(rows: Int32Array, base: number, tag: number, completion: Int32Array): number {
    const bytes = (rows[base + R_SOURCE_BYTES] as number) >>> 0;
    const room = (rows[base + R_DESTINATION_BYTES] as number) >>> 0;
    if (bytes > room) return completeAtOnce(completion, OUTPUT_TOO_SMALL);
    if (bytes > COPY_BYTES_MAX) return completeAtOnce(completion, TOO_LARGE);
    if (bytes === 0) return completeAtOnce(completion, 0);
    const source = addressOfRange(rows, base + R_SOURCE_REGION);
    const destination = addressOfRange(rows, base + R_DESTINATION_REGION);
    if (source === ADDRESS_PENDING || destination === ADDRESS_PENDING) return SEND_PENDING;
    if (source === ADDRESS_NONE || destination === ADDRESS_NONE) return completeAtOnce(completion, DMA_FAULT);
    const at = (tail & (ENTRIES - 1)) * ENTRY_WORDS;
    words.fill(0, at, at + ENTRY_WORDS);
    writeAddress(words, at + SOURCE, source);
    writeAddress(words, at + DESTINATION, destination);
    words[at + BYTES] = bytes;
    return push(at, tag, OPCODE.copy);
  }

  function sendFactorial(rows: Int32Array, base: number, tag: number, completion: Int32Array): number {
    const operand = (rows[base + ROW_PARAMETERS] as number) >>> 0;
    // The device would multiply on, up to a loop of minutes.
    if (operand >= FACTORIAL_OPERAND_MAX) return completeAtOnce(completion, 0);
    const at = (tail & (ENTRIES - 1)) * ENTRY_WORDS;
    words.fill(0, at, at + ENTRY_WORDS);
    words[at + OPERAND] = operand;
    return push(at, tag, OPCODE.factorial);
  }

  return {
    depth: ENTRIES,
    send(rows, base, tag, completion) {
      if (((tail - head) | 0) >= ENTRIES) return SEND_FULL;
      const operation = rows[base + R_OPERATION] as number;
      if (operation === COPY) return sendCopy(rows, base, tag, completion);
      if (operation === FACTORIAL) return sendFactorial(rows, base, tag, completion);
      return completeAtOnce(completion, BAD_LENGTH);
    },
    recv(completion) {
      if (head === tail) return false;
      const at = CQ_WORD + (head & (ENTRIES - 1)) * CQE_WORDS;
      const phase = (head & ENTRIES) === 0 ? 1 : 0;
      if (Atomics.load(words, at + CQE_PHASE) !== phase) return false;
      completion.fill(0, 0, COMPLETION_WORDS);
      const status = errorOfStatus[words[at + CQE_STATUS] as number] ?? DEVICE_ERROR;
      // In order, so the tag is known; another one means that the device's answers can't be told apart.
      const tag = sentTags[head & (ENTRIES - 1)] as number;
      completion[C_SLOT] = tag;
      completion[C_STATUS] = words[at + CQE_TAG] === tag ? status : DEVICE_ERROR;
      completion[C_PRODUCED] = words[at + CQE_PRODUCED] as number;
      completion[C_RESULT] = words[at + CQE_RESULT] as number;
      completion[C_DEVICE_NANOS] = words[at + CQE_NANOS] as number;
      head = (head + 1) | 0;
      transport.ringCompletions(head);
      return true;
    },
    close: () => transport.close(),
    runningTag: () => (head === tail ? -1 : (sentTags[head & (ENTRIES - 1)] as number)),
    hasCompletion() {
      const at = CQ_WORD + (head & (ENTRIES - 1)) * CQE_WORDS;
      return head !== tail && Atomics.load(words, at + CQE_PHASE) === ((head & ENTRIES) === 0 ? 1 : 0);
    },
  };
}

export const eduDriver: SpimdevDriver = {
  deviceApis: ['wd_edu_v1'],
  algorithms: ['copy', 'factorial'],
  memoryBytes: MEMORY_BYTES,
  requestBytesMax: COPY_BYTES_MAX,
  open,
};
