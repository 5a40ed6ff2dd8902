// One run: a daemon, valid clients that compare every byte, and hostile processes one after the other until so many
// entries were submitted. Then everything that the daemon held for them must be gone.
//
//     daemon <--- valid clients (SDK, to the end)
//        ^------- launcher --execv--> fuzz-client (C), a few channels each, again and again

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Control, unixEndpoint } from '../../../src/client/control.ts';
import { packageRoot } from '../../../src/shared/package-files.ts';
import { GRPC_SOCKET } from '../../../src/shared/runtime-paths.ts';
import { eventually, startDaemon, type TestDaemon } from '../../fixtures/daemon.ts';
import { type Holdings, holdingsOf } from '../../fixtures/proc.ts';
import { Noise } from './noise.ts';
import type { ValidReport } from './valid-client.ts';

export interface FuzzOptions {
  readonly seed: number;
  /** Entries to submit, at least. */
  readonly entries: number;
  readonly onProgress?: (submitted: number, perSecond: number) => void;
  /** Ends the run before its time. */
  readonly isOver?: () => boolean;
}

/** What a hostile process prints when it ends. */
interface HostileReport {
  readonly submitted: number;
  /** Entries of a channel whose rings were left alone that got no completion. */
  readonly unanswered: number;
  /** Completions there that belong to nothing. */
  readonly wrong: number;
  readonly refusedTokens: number;
  /** By status; one above all of them for what the process itself has overwritten. */
  readonly completions: Counts;
  /** Entries by mode. */
  readonly modes: Counts;
}

export type Counts = Readonly<Record<string, number>>;

export interface FuzzResult extends HostileReport {
  readonly seed: number;
  readonly seconds: number;
  readonly hostileProcesses: number;
  readonly hostileChannels: number;
  /** Their channels by the reason for which they ended, as the daemon's log tells it. */
  readonly ends: Counts;
  /** Hardware queues that were lost with their worker, and came back. */
  readonly workersLost: number;
  readonly valid: { readonly requests: number; readonly connections: number };
  /** What must not be: empty if all is well. */
  readonly failures: readonly string[];
}

const HOSTILES = 2;
const VALIDS = 2;
const CHANNELS_PER_HOSTILE = 6;
/** At most so many for each hostile process: many different ends are worth more than long lives. */
const ENTRIES_PER_HOSTILE = 1_000_000;
/** Whatever a hostile process does, it is over by then; it ends itself well before. */
const HOSTILE_MILLIS_MAX = 90_000;
/** Somebody else's uid, for half of the hostile processes if we are root: nobody's. */
const OTHER_UID = '65534';
/** Memory of its own by which a process may have grown: what a garbage collector leaves for later. */
const OWN_BYTES_GROWN_MAX = 256 * 2 ** 20;

/** Of the daemon's log, told after a failure. */
const LOG_LINES_MAX = 40;

export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  const folder = mkdtempSync(join(tmpdir(), 'warpdrive-fuzz-'));
  const daemon = await startDaemon();
  try {
    chmodSync(folder, 0o755);
    chmodSync(daemon.runtimeDir, 0o755);
    const run = new Run(options, daemon, compile(folder));
    const result = await run.run().finally(() => run.close());
    if ((await daemon.stop()) === 0) return result;
    return { ...result, failures: [...result.failures, 'the daemon did not stop in order'] };
  } finally {
    await daemon.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function compile(folder: string): string {
  const program = join(folder, 'fuzz-client');
  const source = join(packageRoot, 'test/hostile/fuzz-client.c');
  const options = ['-O2', '-std=gnu11', '-Wall', '-Wextra', '-Werror', '-pthread'];
  execFileSync('cc', [...options, '-o', program, source]);
  chmodSync(program, 0o755);
  return program;
}

class Run {
  readonly #options: FuzzOptions;
  readonly #daemon: TestDaemon;
  readonly #program: string;
  readonly #control: Control;
  readonly #noise: Noise;
  readonly #failures: string[] = [];
  readonly #startedMillis = performance.now();
  #sum: HostileReport = {
    submitted: 0,
    unanswered: 0,
    wrong: 0,
    refusedTokens: 0,
    completions: {},
    modes: {},
  };
  readonly #hostilePids = new Set<number>();
  readonly #children = new Set<ChildProcess>();

  constructor(options: FuzzOptions, daemon: TestDaemon, program: string) {
    this.#options = options;
    this.#daemon = daemon;
    this.#program = program;
    this.#noise = new Noise(options.seed);
    this.#control = new Control(unixEndpoint(join(daemon.runtimeDir, GRPC_SOCKET)), 20_000);
  }

  async run(): Promise<FuzzResult> {
    const processes = this.#daemon.pids;
    await eventually('all workers are there', async () =>
      (await this.#devices()).every(({ isReady }) => isReady),
    );
    const before = await this.#holdings();
    const valids = Array.from({ length: VALIDS }, () => this.#startValid());
    await Promise.all(Array.from({ length: HOSTILES }, () => this.#keepHostile()));
    const seconds = (performance.now() - this.#startedMillis) / 1000;
    const reports = await Promise.all(valids.map((stop) => stop()));
    await this.#checkHoldings(before, processes);
    const devices = await this.#devices();
    if (this.#sum.unanswered > 0) this.#failures.push(`${this.#sum.unanswered} entries were never answered`);
    if (this.#sum.wrong > 0) this.#failures.push(`${this.#sum.wrong} completions belong to nothing`);
    return {
      ...this.#sum,
      seed: this.#options.seed,
      seconds,
      hostileProcesses: this.#hostilePids.size,
      hostileChannels: this.#hostilePids.size * CHANNELS_PER_HOSTILE,
      ends: this.#ends(),
      workersLost: devices.reduce((sum, { resets }) => sum + resets, 0),
      valid: {
        requests: reports.reduce((sum, { requests }) => sum + requests, 0),
        connections: reports.reduce((sum, { connections }) => sum + connections, 0),
      },
      failures: this.#failures,
    };
  }

  /** Ends what is left, if the run was cut short. */
  close(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    this.#control.close();
  }

  #adopt<Child extends ChildProcess>(child: Child): Child {
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }

  /** One hostile process after the other. */
  async #keepHostile(): Promise<void> {
    const { entries, isOver = () => false } = this.#options;
    while (this.#sum.submitted < entries && !isOver() && this.#failures.length === 0) {
      const seed = this.#noise.next();
      const share = Math.min(ENTRIES_PER_HOSTILE, Math.ceil(entries / HOSTILES));
      const isOther = process.getuid?.() === 0 && this.#noise.below(2) === 0;
      const report = await this.#runHostile(seed, share, isOther ? OTHER_UID : '');
      if (report !== undefined) this.#sum = add(this.#sum, report);
      const seconds = (performance.now() - this.#startedMillis) / 1000;
      this.#options.onProgress?.(this.#sum.submitted, this.#sum.submitted / seconds);
    }
  }

  async #runHostile(seed: number, entries: number, uid: string): Promise<HostileReport | undefined> {
    const values = [this.#daemon.runtimeDir, this.#program, seed, entries, CHANNELS_PER_HOSTILE, uid];
    const child = this.#adopt(
      spawn(process.execPath, [programPath('launcher'), ...values.map(String)], {
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: HOSTILE_MILLIS_MAX,
        killSignal: 'SIGKILL',
      }),
    );
    if (child.pid !== undefined) this.#hostilePids.add(child.pid);
    let output = '';
    let trouble = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => void (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => void (trouble += text));
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    if (code === 0) return JSON.parse(output) as HostileReport;
    this.#failures.push(
      `the hostile process of seed ${seed} ended with ${signal ?? `exit code ${code}`}: ${trouble.trim()}`,
    );
    return undefined;
  }

  /** From the broker's audit lines: a hostile process can write its own reason into the channel's header. */
  #ends(): Counts {
    const ends: Record<string, number> = {};
    for (const line of this.#daemon.log().split('\n')) {
      if (!line.includes('"audit":true') || !line.includes('"msg":"channel ended"')) continue;
      const { pid, reason } = JSON.parse(line.replace(/^.*"uid"/, '{"uid"')) as {
        pid: number;
        reason: string;
      };
      if (this.#hostilePids.has(pid)) ends[reason] = (ends[reason] ?? 0) + 1;
    }
    return ends;
  }

  /** Returns what ends it and resolves with what it has seen. One that has seen something wrong ends by itself. */
  #startValid(): () => Promise<ValidReport> {
    const values = [this.#daemon.runtimeDir, String(this.#noise.next())];
    const child = this.#adopt(
      spawn(process.execPath, [programPath('valid-client'), ...values], {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      }),
    );
    let report: ValidReport = {
      requests: 0,
      connections: 0,
      errors: ['it ended before it said what it saw'],
    };
    child.once('message', (message) => {
      report = message as ValidReport;
    });
    const ended = once(child, 'close');
    return async () => {
      if (child.connected) child.send('stop');
      await ended;
      this.#failures.push(...report.errors.map((error) => `a valid client: ${error}`));
      if (report.requests === 0) this.#failures.push('a valid client was never served');
      return report;
    };
  }

  async #devices(): Promise<readonly { readonly isReady: boolean; readonly resets: number }[]> {
    const { devices } = await this.#control.call('ListDevices', {}, 'list the devices');
    return devices.map(({ state, resets }) => ({
      isReady: state === 'DEVICE_STATE_READY',
      resets,
    }));
  }

  async #holdings(): Promise<Readonly<Record<string, Holdings>>> {
    const { processes } = await this.#control.call('GetStatus', {}, 'read the status');
    return Object.fromEntries(processes.map(({ name, pid }) => [name, holdingsOf(pid)]));
  }

  /** The daemon's processes are the same as before, and hold no more than before. */
  async #checkHoldings(
    before: Readonly<Record<string, Holdings>>,
    pids: Readonly<Record<string, number>>,
  ): Promise<void> {
    const status = await this.#control.call('GetStatus', {}, 'read the status');
    for (const { name, pid } of status.processes) {
      if (pids[name] !== pid)
        this.#failures.push(`the ${name} has died: it was ${pids[name]}, now it is ${pid}`);
    }
    const grown = async (): Promise<string[]> => {
      const { channels, connections } = await this.#control.call('GetStatus', {}, 'read the status');
      const now = await this.#holdings();
      return [
        ...(channels > 0 ? [`${channels} channels are left`] : []),
        ...(connections > 1 ? [`${connections - 1} connections are left`] : []),
        ...Object.entries(before).flatMap(([name, was]) => growth(name, was, now[name] ?? was)),
      ];
    };
    await eventually('everything is given back', async () => (await grown()).length === 0).catch(() => {});
    this.#failures.push(...(await grown()));
    if (this.#failures.length > 0) this.#failures.push(...troublesIn(this.#daemon.log()));
  }
}

/** What the daemon itself says of what went wrong: its warnings, and what isn't a line of its log. */
function troublesIn(log: string): string[] {
  const isTrouble = (line: string): boolean => line !== '' && !/^\{"level":[1-3]0,/.test(line);
  return log
    .split('\n')
    .filter(isTrouble)
    .slice(-LOG_LINES_MAX)
    .map((line) => `log: ${line}`);
}

function growth(name: string, was: Holdings, is: Holdings): string[] {
  const grown: string[] = [];
  if (is.fds > was.fds) grown.push(`the ${name} has ${is.fds} descriptors, before ${was.fds}`);
  if (is.shared > was.shared)
    grown.push(`the ${name} has ${is.shared} shared mappings, before ${was.shared}`);
  const ownBytes = is.ownBytes - was.ownBytes;
  if (ownBytes > OWN_BYTES_GROWN_MAX) grown.push(`the ${name} has grown by ${ownBytes >> 20} MiB`);
  return grown;
}

function add(sum: HostileReport, more: HostileReport): HostileReport {
  return {
    submitted: sum.submitted + more.submitted,
    unanswered: sum.unanswered + more.unanswered,
    wrong: sum.wrong + more.wrong,
    refusedTokens: sum.refusedTokens + more.refusedTokens,
    completions: addCounts(sum.completions, more.completions),
    modes: addCounts(sum.modes, more.modes),
  };
}

function addCounts(sum: Counts, more: Counts): Counts {
  const added: Record<string, number> = { ...sum };
  for (const [name, count] of Object.entries(more)) added[name] = (added[name] ?? 0) + count;
  return added;
}

/** Compiled, whether or not we are. */
function programPath(name: string): string {
  return join(packageRoot, 'dist/test/hostile/fuzz', `${name}.js`);
}
