// A client of the chaos test: a prompt and a tardy program side by side, one after the other, each on a connection of
// its own, until the test says that it is enough. Whatever is wrong is told, and ends it.

import { errorText } from './error-text.ts';
import { runErrands } from './errands.ts';
import type { ChaosMessage, ClientMessage } from './messages.ts';
import { Program } from './program.ts';
import { Random } from './random.ts';
import { emptyTally } from './tally.ts';

const PROGRAM_MILLIS_MIN = 2_000;
const PROGRAM_MILLIS_MAX = 8_000;
const PROGRESS_MILLIS = 500;

const [runtimeDir = '', seed] = process.argv.slice(2);
const random = new Random(Number(seed));
const tally = emptyTally();
const told = { isToFinish: false, isOnHold: false };

function tell(message: ClientMessage, then: () => void = () => {}): void {
  process.send?.(message, undefined, undefined, then);
}

async function runPrograms(isHeld: () => boolean, onOpen: () => void): Promise<void> {
  do {
    const program = await Program.open(runtimeDir, { tally, random, isHeld });
    onOpen();
    await runOne(program);
  } while (!told.isToFinish);
}

async function runOne(program: Program): Promise<void> {
  const endMillis = performance.now() + random.within(PROGRAM_MILLIS_MIN, PROGRAM_MILLIS_MAX);
  let isOver = false;
  const isToEnd = (): boolean => isOver || told.isToFinish || performance.now() > endMillis;
  const errands = runErrands({ runtimeDir, program, tally, random }, isToEnd);
  // Told at once, not only when the program comes to its end.
  errands.catch(fail);
  const isSound = await program.run(isToEnd);
  isOver = true;
  if (!isSound) tally.poisoned += 1;
  await errands;
  await program.close();
}

function fail(error: unknown): void {
  tell({ type: 'failed', message: errorText(error) }, () => process.exit(1));
}

// Signals of a terminal go to all its processes: the test ends its clients.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit(1));
process.on('uncaughtException', fail);
process.on('message', ({ type }: ChaosMessage) => {
  told.isOnHold = type === 'hold';
  if (type === 'finish') told.isToFinish = true;
});
const progress = setInterval(() => tell({ type: 'progress', requests: tally.requests }), PROGRESS_MILLIS);
const isPrompt = (): boolean => false;
const isTardy = (): boolean => told.isOnHold;
await Promise.all([runPrograms(isPrompt, () => tell({ type: 'ready' })), runPrograms(isTardy, () => {})]);
clearInterval(progress);
tell({ type: 'done', tally }, () => process.exit(0));
