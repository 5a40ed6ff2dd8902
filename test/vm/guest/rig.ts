// A SPIMDEV device in a guest, with a port on it as the engine would have it, and requests as it would send them.

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ENGINE_USER, ParentUse, QueueBudget } from '../../../src/daemon/custodian/parent-use.ts';
import { MdevStore } from '../../../src/daemon/custodian/mdev-store.ts';
import { SpimdevDevice } from '../../../src/daemon/custodian/spimdev-device.ts';
import {
  ROW_PARAMETERS,
  ROW_WORDS,
  SEND_DONE,
  SEND_FULL,
  SEND_PENDING,
  SEND_TAKEN,
} from '../../../src/hwdrivers/driver.ts';
import type { Port, PortEvents } from '../../../src/hwdrivers/port.ts';
import { DeviceMemory } from '../../../src/hwdrivers/spimdev/device-memory.ts';
import { openSpimdevPort } from '../../../src/hwdrivers/spimdev/port.ts';
import {
  C_DEVICE_NANOS,
  C_PRODUCED,
  C_RESULT,
  C_SLOT,
  C_STATUS,
  COMPLETION_WORDS,
  PARAMETER_WORDS,
  R_DESTINATION_REGION,
  R_OPERATION,
  R_SESSION,
  R_SOURCE_REGION,
} from '../../../src/shared/channel/layout.ts';
import { present } from '../../../src/shared/assert.ts';
import { errorCode } from '../../../src/shared/errors.ts';
import { operations } from '../../../src/shared/operations.ts';
import { createSealedMemory, mapShared, type Mapping } from '../../../src/sys/memory.ts';
import type { Fd } from '../../../src/sys/fd.ts';
import { PARENT } from './parent.ts';

export function openStore(): MdevStore {
  return new MdevStore({ stateDir: mkdtempSync(join(tmpdir(), 'warpdrive-state-')) });
}

export function startDevice(
  store: MdevStore,
  use: ParentUse = new ParentUse(),
  algorithm = 'copy',
  allowNoiommu = false,
): Promise<SpimdevDevice> {
  return SpimdevDevice.start({
    parent: PARENT,
    algorithm,
    allowNoiommu,
    store,
    use,
    user: ENGINE_USER,
    budget: new QueueBudget(64),
  });
}

/** Maps memory for a device behind an IOMMU; its address there. */
export async function mapFor(device: SpimdevDevice, memory: Fd, bytes: number): Promise<number> {
  return present(await device.mapMemory(memory, bytes), 'the address of memory that was mapped');
}

export interface Outcome {
  readonly code: string;
  readonly produced: number;
  readonly result: number;
  readonly nanos: number;
}

/** A region, as the broker would make it. */
export class TestRegion {
  readonly memory: Fd;
  readonly mapping: Mapping;
  readonly bytes: number;

  constructor(bytes: number) {
    this.bytes = bytes;
    this.memory = createSealedMemory('region', bytes);
    this.mapping = mapShared(this.memory, bytes);
  }

  get buffer(): Buffer {
    return this.mapping.buffer;
  }

  close(): void {
    this.mapping.unmap();
    this.memory.close();
  }
}

interface Range {
  readonly region: number;
  readonly offset: number;
  readonly bytes: number;
}

/** A port on one hardware queue of a device. */
export function openRig(device: SpimdevDevice, memory: DeviceMemory = new DeviceMemory(device)): PortRig {
  return new PortRig((events) => openSpimdevPort(device, memory, events));
}

/** A port and what the engine keeps of it. */
export class PortRig {
  readonly port: Port;
  /** Why the port's queues were lost, one line each; what it failed with. */
  readonly lost: string[] = [];
  readonly failures: string[] = [];
  #readies = 0;
  #listeners = new Set<() => void>();
  readonly #pending = new Map<number, (outcome: Outcome) => void>();
  readonly #completion = new Int32Array(COMPLETION_WORDS + PARAMETER_WORDS);
  #nextTag = 0;

  constructor(open: (events: PortEvents) => Port) {
    this.port = open({
      onWake: () => this.#wake(),
      onReady: () => {
        this.#readies += 1;
        this.#wake();
      },
      onLost: (found) => {
        this.#reap();
        this.lost.push(found);
        for (const resolve of this.#pending.values()) resolve(lostOutcome);
        this.#pending.clear();
        this.#wake();
      },
      onFailed: (found) => {
        this.failures.push(found);
        this.#wake();
      },
      onIdle: () => this.#wake(),
    });
    this.port.setWanted(true);
  }

  get inFlight(): number {
    return this.#pending.size;
  }

  get readies(): number {
    return this.#readies;
  }

  /** Resolves when `condition` holds; looks again at each event. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!condition()) return;
        this.#listeners.delete(check);
        resolve();
      };
      this.#listeners.add(check);
      check();
    });
  }

  copy(source: Range, destination: Range): Promise<Outcome> {
    const row = new Int32Array(ROW_WORDS);
    row[R_OPERATION] = operations.copy.number;
    row.set([source.region, source.offset, source.bytes], R_SOURCE_REGION);
    row.set([destination.region, destination.offset, destination.bytes], R_DESTINATION_REGION);
    return this.#send(row);
  }

  compress(session: number, source: Range, destination: Range): Promise<Outcome> {
    const row = new Int32Array(ROW_WORDS);
    row[R_OPERATION] = operations['gzip-compress'].number;
    row[R_SESSION] = session;
    row.set([source.region, source.offset, source.bytes], R_SOURCE_REGION);
    row.set([destination.region, destination.offset, destination.bytes], R_DESTINATION_REGION);
    return this.#send(row);
  }

  factorial(operand: number): Promise<Outcome> {
    const row = new Int32Array(ROW_WORDS);
    row[R_OPERATION] = operations.factorial.number;
    row[ROW_PARAMETERS] = operand;
    return this.#send(row);
  }

  async close(): Promise<void> {
    await this.port.close();
  }

  async #send(row: Int32Array): Promise<Outcome> {
    const tag = this.#nextTag++ % this.port.queue.depth;
    let outcome: Promise<Outcome> | undefined;
    await this.until(() => {
      const answer = this.port.queue.send(row, 0, tag, this.#completion);
      if (answer === SEND_DONE) outcome = Promise.resolve(this.#outcome());
      if (answer === SEND_TAKEN) outcome = this.#completionOf(tag);
      return answer !== SEND_FULL && answer !== SEND_PENDING;
    });
    this.#wake();
    return await (outcome as Promise<Outcome>);
  }

  #completionOf(tag: number): Promise<Outcome> {
    return new Promise((resolve) => {
      this.#pending.set(tag, resolve);
    });
  }

  #wake(): void {
    do this.#reap();
    while (this.#pending.size > 0 && !this.port.prepareSleep());
    for (const listener of this.#listeners) listener();
  }

  #reap(): void {
    while (this.#pending.size > 0 && this.port.queue.recv(this.#completion)) {
      const tag = this.#completion[C_SLOT] as number;
      this.#pending.get(tag)?.(this.#outcome());
      this.#pending.delete(tag);
    }
  }

  #outcome(): Outcome {
    const at = (word: number): number => (this.#completion[word] as number) >>> 0;
    const status = at(C_STATUS);
    const code = status === 0 ? 'OK' : errorCode(status);
    return { code, produced: at(C_PRODUCED), result: at(C_RESULT), nanos: at(C_DEVICE_NANOS) };
  }
}

const lostOutcome: Outcome = { code: 'LOST', produced: 0, result: 0, nanos: 0 };
