// A soft worker: the process that is one hardware queue of a soft device. It serves a channel whose other side is
// the engine, one request at a time, in order.
//
// It needs no event loop: it polls its channel, spins shortly when there is nothing, then sleeps in poll(2) on the
// doorbell. A request is taken (the submission head moves) right before it runs, so that whoever finds this
// process dead can tell which request was running.
//
// A hostile client may write its regions while a library reads them; what a library does to this process then is a
// device fault, not the engine's end.

import { readSync, writeSync } from 'node:fs';
import { assert } from '../../shared/assert.ts';
import {
  channelGeometry,
  PARAMETER_BYTES,
  R_AUXILIARY_REGION,
  R_COOKIE_LOW,
  R_DESTINATION_BYTES,
  R_DESTINATION_REGION,
  R_FLAGS,
  R_OPERATION,
  R_SESSION,
  R_SOURCE_BYTES,
  R_SOURCE_REGION,
} from '../../shared/channel/layout.ts';
import { ServiceEnd } from '../../shared/channel/service-end.ts';
import { errorNumber, WarpError } from '../../shared/errors.ts';
import { DOORBELL_RING } from '../../shared/limits.ts';
import { LEVEL_DEFAULT, operationsByNumber } from '../../shared/operations.ts';
import { Fd } from '../../sys/fd.ts';
import { type Mapping, mapShared } from '../../sys/memory.ts';
import { writeStderr } from '../../sys/stderr.ts';
import { confine } from '../../sys/confinement.ts';
import { dieWithParent, forbidDumps } from '../../sys/process.ts';
import { receiveWithFds, waitReadable } from '../../sys/socket.ts';
import { SOFT_QUEUE_SLOTS } from './driver.ts';
import { Executor, type Job, type Outcome } from './execute.ts';
import { injectFault } from './faults.ts';
import {
  type ControlMessage,
  type SoftOptions,
  WORKER_CHANNEL_FD,
  WORKER_CONTROL_FD,
  WORKER_DOORBELL_FD,
} from './options.ts';

const SIGKILL = 9;
const NANOS_PER_MICRO = 1e3;
/**
 * For how long a completion may be held back from an engine that sleeps while more of the same is there to be done,
 * nanoseconds of device time: some wake-ups' worth, which is what the engine then saves.
 */
const HOLD_NANOS_MAX = 250_000;
const NANOS_PER_MILLI = 1e6;
/** Of a completion's word. */
const NANOS_MAX = 0xffff_ffff;
/** Polls of an empty channel before sleeping: some ten microseconds, about what a wake-up costs. */
const SPIN_POLLS = 1_000;
/** Requests and wake-ups between two turns of the event loop, which runs what the runtime has deferred. */
const ROUNDS_PER_TURN = 4_096;
const RING = Buffer.of(DOORBELL_RING);
const NOTHING = Buffer.alloc(0);
const DEVICE_ERROR = errorNumber('DEVICE_ERROR');

interface Session {
  readonly level: number;
  readonly key: Buffer | undefined;
}

class Worker {
  readonly #options: SoftOptions;
  readonly #executor: Executor;
  readonly #end: ServiceEnd;
  readonly #slotBytes: Buffer;
  readonly #regions = new Map<number, Mapping>();
  readonly #sessions = new Map<number, Session>();
  #messagesRead = 0;
  readonly #heard = Buffer.allocUnsafeSlow(256);
  readonly #job: Job = {
    operation: 'copy',
    level: 0,
    key: undefined,
    source: NOTHING,
    auxiliary: NOTHING,
    destination: NOTHING,
    parameters: Buffer.alloc(PARAMETER_BYTES),
  };
  readonly #outcome: Outcome = { status: 0, produced: 0, result: 0 };
  /** The request that ran last: what it took, if it took so long, is what one like it will take. */
  #lastOperation = 0;
  #lastBytes = 0;
  #lastNanos = 0;
  /** Completions that the engine was not rung for yet, and the device time since the first of them. */
  #held = 0;
  #heldNanos = 0;
  /** Processor time at the end of the last request, if nothing but it has been done since, microseconds. */
  #cpuMicros: number | undefined = undefined;

  constructor(options: SoftOptions) {
    this.#options = options;
    this.#executor = new Executor(options);
    const geometry = channelGeometry(SOFT_QUEUE_SLOTS);
    const channel = mapShared(new Fd(WORKER_CHANNEL_FD, 'channel'), geometry.totalBytes);
    this.#end = new ServiceEnd(channel.words(), geometry);
    this.#slotBytes = channel.buffer;
  }

  get libraries(): Readonly<Record<string, string>> {
    return Object.fromEntries([...this.#executor.backends].filter(([operation]) => operation !== 'nop'));
  }

  /** Serves until the engine goes away, which ends this process. */
  serve(): void {
    let idlePolls = 0;
    for (let round = 0; round < ROUNDS_PER_TURN; ) {
      const available = this.#end.available();
      if (available !== 0) {
        idlePolls = 0;
        round += 1;
        this.#serveOne(available);
        continue;
      }
      this.#deliver();
      this.#cpuMicros = undefined;
      if (++idlePolls >= SPIN_POLLS) {
        idlePolls = 0;
        round += 1;
        this.#sleep();
      }
    }
    this.#cpuMicros = undefined;
    setImmediate(() => this.serve());
  }

  #sleep(): void {
    if (!this.#end.prepareSleep()) return;
    while (!waitReadable(WORKER_DOORBELL_FD, -1));
    if (readSync(WORKER_DOORBELL_FD, this.#heard) === 0) process.exit(0);
    // Rung for a control message, perhaps: an idle worker too lets go of memory when told.
    while (this.#readMessage());
  }

  #serveOne(available: number): void {
    this.#end.announceTaking(1);
    const slot = this.#end.takeSlot();
    assert(slot >= 0, 'the engine submits slots that exist');
    const { words } = this.#end;
    const base = this.#end.slotWord(slot);
    const operation = words[base + R_OPERATION] as number;
    const bytes = (words[base + R_SOURCE_BYTES] as number) + (words[base + R_DESTINATION_BYTES] as number);
    if (!this.#mayHold(operation, bytes, available)) this.#deliver();
    this.#readControl(words[base + R_FLAGS] as number);
    const beforeMicros = this.#cpuMicros ?? cpuMicros();
    this.#run(words, slot, base);
    this.#cpuMicros = cpuMicros();
    const nanos = this.#deviceNanos(this.#cpuMicros - beforeMicros);
    const { status, produced, result } = this.#outcome;
    this.#end.post(slot, status, words[base + R_COOKIE_LOW] as number, 0, produced, result, nanos);
    this.#end.show();
    if (this.#held > 0) this.#heldNanos += nanos;
    this.#held += 1;
    this.#lastOperation = operation;
    this.#lastBytes = bytes;
    this.#lastNanos = nanos;
  }

  /**
   * Whether completions may wait for one more request to be done: a short one, as far as the last one tells, and as many
   * again as are done are still there, so that this worker doesn't run dry before the engine has woken.
   */
  #mayHold(operation: number, bytes: number, available: number): boolean {
    const isLikeLast = operation === this.#lastOperation && bytes <= this.#lastBytes;
    return isLikeLast && this.#held < available && this.#heldNanos + this.#lastNanos <= HOLD_NANOS_MAX;
  }

  /** Wakes the engine for what is done, if it sleeps. */
  #deliver(): void {
    if (this.#held === 0) return;
    this.#held = 0;
    this.#heldNanos = 0;
    if (this.#end.mustRing()) this.#ring();
  }

  /**
   * Device time: what the request took of the processor. Whatever else the host did meanwhile is not its tenant's to pay, and
   * tells nothing of the next one like it.
   */
  #deviceNanos(micros: number): number {
    const nanos = micros * NANOS_PER_MICRO + this.#options.faults.delay_millis * NANOS_PER_MILLI;
    return Math.min(nanos, NANOS_MAX);
  }

  #run(words: Int32Array, slot: number, base: number): void {
    const operation = operationsByNumber[words[base + R_OPERATION] as number];
    assert(operation !== undefined, 'the engine sends operations that exist');
    const job = this.#job;
    const outcome = this.#outcome;
    const { ranges, session, parameterBytes, resultBytes } = operation;
    outcome.status = 0;
    outcome.produced = 0;
    outcome.result = 0;
    if (injectFault(this.#options.faults)) {
      outcome.status = DEVICE_ERROR;
      return;
    }
    job.operation = operation.name as Job['operation'];
    const source = ranges.source ? this.#range(words, base + R_SOURCE_REGION) : NOTHING;
    const destination = ranges.destination ? this.#range(words, base + R_DESTINATION_REGION) : NOTHING;
    const auxiliary = ranges.auxiliary === 'no' ? NOTHING : this.#range(words, base + R_AUXILIARY_REGION);
    if (source === undefined || destination === undefined || auxiliary === undefined) {
      outcome.status = DEVICE_ERROR;
      return;
    }
    job.source = source;
    job.destination = destination;
    job.auxiliary = auxiliary;
    const known = session === 'none' ? undefined : this.#sessions.get(words[base + R_SESSION] as number);
    job.level = known?.level ?? LEVEL_DEFAULT;
    job.key = known?.key;
    const at = this.#end.parameterWord(slot) * 4;
    if (parameterBytes > 0) this.#slotBytes.copy(job.parameters, 0, at, at + parameterBytes);
    this.#executor.execute(job, outcome);
    if (resultBytes > 0) job.parameters.copy(this.#slotBytes, at, 0, resultBytes);
  }

  /**
   * The bytes of one of a request's ranges: region, offset and length are three words in a row. undefined if the
   * region could not be mapped.
   */
  #range(words: Int32Array, at: number): Buffer | undefined {
    const bytes = words[at + 2] as number;
    if (bytes === 0) return NOTHING;
    const region = this.#regions.get(words[at] as number);
    if (region === undefined) return undefined;
    const offset = words[at + 1] as number;
    return region.buffer.subarray(offset, offset + bytes);
  }

  /** Reads control messages until `count` were read; they were sent before the request that asks for them. */
  #readControl(count: number): void {
    while (((count - this.#messagesRead) | 0) > 0) {
      assert(this.#readMessage(), 'control messages are sent before the requests that need them');
    }
  }

  /** Reads and obeys one control message; false if there is none. */
  #readMessage(): boolean {
    const received = receiveWithFds(WORKER_CONTROL_FD, 'region');
    if (received === 'empty') return false;
    if (received === 'end') process.exit(0);
    this.#messagesRead = (this.#messagesRead + 1) | 0;
    // What it takes to obey is not the next request's.
    this.#cpuMicros = undefined;
    this.#obey(JSON.parse(received.bytes.toString()) as ControlMessage, received.fds);
    return true;
  }

  #obey(message: ControlMessage, memories: readonly Fd[]): void {
    switch (message.type) {
      case 'add-regions':
        assert(memories.length === message.handles.length, 'regions come with their memories');
        for (const [index, memory] of memories.entries())
          this.#map(message.handles[index] as number, memory, message.bytes[index] as number);
        break;
      case 'remove-region':
        this.#job.source = NOTHING;
        this.#job.destination = NOTHING;
        this.#job.auxiliary = NOTHING;
        this.#regions.get(message.handle)?.unmap();
        this.#regions.delete(message.handle);
        break;
      case 'add-session': {
        const key = message.key === '' ? undefined : Buffer.from(message.key, 'base64');
        this.#sessions.set(message.handle, { level: message.level, key });
        break;
      }
      case 'remove-session':
        this.#sessions.get(message.handle)?.key?.fill(0);
        this.#sessions.delete(message.handle);
        break;
    }
  }

  /** A region that can't be mapped is not there: its requests fail, those of others go on. */
  #map(handle: number, memory: Fd, bytes: number): void {
    try {
      this.#regions.set(handle, mapShared(memory, bytes));
    } catch (error) {
      if (!(error instanceof WarpError)) throw error;
      report(error.message);
    } finally {
      memory.close();
    }
  }

  #ring(): void {
    this.#cpuMicros = undefined;
    try {
      writeSync(WORKER_DOORBELL_FD, RING);
    } catch (error) {
      // Full: the bytes that wait will wake the engine as well. Gone: the kernel ends this process with it.
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EAGAIN' && code !== 'EPIPE' && code !== 'ECONNRESET') throw error;
    }
  }
}

/** What this process has had of processors so far, microseconds. */
function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** One line on stderr, like the log of the others. */
function report(message: string): void {
  writeStderr(`${JSON.stringify({ level: 50, name: process.title, msg: message })}\n`);
}

function main(): void {
  const [name, optionsText] = process.argv.slice(2);
  process.title = `warpdrive-${name}`;
  dieWithParent(SIGKILL);
  forbidDumps();
  // It runs as the engine's user: whoever takes it over must not pass for the engine.
  confine();
  // Signals to the process group are for the supervisor: this process ends with the engine.
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => {});
  try {
    const worker = new Worker(JSON.parse(optionsText ?? '{}') as SoftOptions);
    writeSync(1, `${JSON.stringify(worker.libraries)}\n`);
    worker.serve();
  } catch (error) {
    // The engine has died meanwhile: there is nobody to serve.
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return;
    if (!(error instanceof WarpError)) throw error;
    report(error.message);
    process.exitCode = 1;
  }
}

main();
