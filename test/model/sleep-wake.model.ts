// How client and engine sleep and wake each other (docs/PROTOCOL.md, "Sleeping and waking"), one access to shared memory
// for each step, with the engine dying and starting again, and the client dying, between any two of them.
//
//     ClientEnd.publish, ServiceEnd.publish       store the tail; load the peer's flag; exchange it; ring
//     ClientEnd.prepareSleep, ServiceEnd's        store the flag; look once more; lower the flag or sleep
//     a new engine                                publish, ring whatever the flag says, visit
//
// The accesses are sequentially consistent, so an order of steps is all that can happen. What a request is doesn't matter
// here: the engine takes and completes it at once, which its ledger remembers (slot.model.ts has that in detail).

import type { Model, Step } from './explorer.ts';

/** Where each side is: what it does next. */
type ClientAt = 'awake' | Publishing | Sleeping | 'gone';
type EngineAt = 'awake' | Publishing | Sleeping | 'dead' | Recovering | 'ended';
type Publishing = 'publish: tail' | 'publish: load' | 'publish: exchange' | 'publish: ring';
type Sleeping = 'sleep: flag' | 'sleep: look' | 'sleep: cancel' | 'asleep';
type Recovering = 'recover: tail' | 'recover: load' | 'recover: exchange' | 'recover: ring';

interface State {
  readonly client: ClientAt;
  /** The client's own indices. */
  readonly submitted: number;
  readonly reaped: number;
  readonly engine: EngineAt;
  /** The ledger: submissions taken, and completed. It outlives the engine. */
  readonly completed: number;
  /** Completions of this engine are to be published; it goes by this and not by the tails. */
  readonly isPosted: boolean;
  readonly crashesLeft: number;
  /** The shared memory. */
  readonly submissionTail: number;
  readonly completionTail: number;
  readonly engineNeedsWakeup: 0 | 1;
  readonly clientNeedsWakeup: 0 | 1;
  /** Bytes in the doorbell's two directions, which outlive the engine too. */
  readonly toEngine: number;
  readonly toClient: number;
}

const REQUESTS = 3;
const SLOTS = 2;
/** Where the socket is full, and another byte is dropped. */
const DOORBELL_BYTES = 2;

/** Ways to get it wrong. */
export const sleepWakeMutants = [
  'the client sleeps without a second look',
  'the engine sleeps without a second look',
  'the client looks before it raises its flag',
  'the engine looks before it raises its flag',
  'the client loads the flag before it stores the tail',
  'the engine loads the flag before it stores the tail',
  'the client forgets to ring',
  'a new engine rings only if the flag is up',
  'a new engine does not publish',
  'a new engine visits nobody',
] as const;
type SleepWakeMutant = (typeof sleepWakeMutants)[number];

export function sleepWakeModel(crashes: number, mutant?: SleepWakeMutant): Model<State> {
  const is = (candidate: SleepWakeMutant): boolean => mutant === candidate;

  function* clientSteps(state: State): Iterable<Step<State>> {
    const step = (name: string, change: Partial<State>): Step<State> => ({
      name: `client: ${name}`,
      next: { ...state, ...change },
    });
    const { client, submitted, reaped } = state;
    const isEarly = is('the client loads the flag before it stores the tail');
    if (client === 'awake') {
      if (submitted < REQUESTS && submitted - reaped < SLOTS) {
        const change = { submitted: submitted + 1 };
        yield step('push', { ...change, client: isEarly ? 'publish: load' : 'publish: tail' });
      }
      if (state.completionTail !== reaped) yield step('reap', { reaped: state.completionTail });
      if (state.toClient > 0) yield step('hear the doorbell', { toClient: 0 });
      if (reaped < submitted) {
        const isHasty = is('the client looks before it raises its flag');
        yield step('nothing to do', { client: isHasty ? 'sleep: look' : 'sleep: flag' });
      }
    } else if (client === 'publish: tail') {
      yield step('store submissionTail', {
        submissionTail: submitted,
        client: isEarly ? 'awake' : 'publish: load',
      });
    } else if (client === 'publish: load') {
      const after = isEarly ? 'publish: tail' : 'awake';
      yield step('load engineNeedsWakeup', {
        client: state.engineNeedsWakeup === 0 ? after : 'publish: exchange',
      });
    } else if (client === 'publish: exchange') {
      const after = isEarly ? 'publish: tail' : 'awake';
      const mustRing = state.engineNeedsWakeup !== 0 && !is('the client forgets to ring');
      yield step('exchange engineNeedsWakeup', {
        engineNeedsWakeup: 0,
        client: mustRing ? 'publish: ring' : after,
      });
    } else if (client === 'publish: ring') {
      yield step('ring', { toEngine: rung(state.toEngine), client: isEarly ? 'publish: tail' : 'awake' });
    } else if (client === 'sleep: flag') {
      const skips =
        is('the client sleeps without a second look') || is('the client looks before it raises its flag');
      yield step('raise clientNeedsWakeup', {
        clientNeedsWakeup: 1,
        client: skips ? 'asleep' : 'sleep: look',
      });
    } else if (client === 'sleep: look') {
      const isIdle = state.completionTail === reaped;
      const onward = is('the client looks before it raises its flag') ? 'sleep: flag' : 'asleep';
      yield step('look once more', { client: isIdle ? onward : 'sleep: cancel' });
    } else if (client === 'sleep: cancel') {
      yield step('lower clientNeedsWakeup', { clientNeedsWakeup: 0, client: 'awake' });
    } else if (client === 'asleep' && state.toClient > 0) {
      // Who rang has lowered the flag; after a byte that came late it stays up, and the next ring comes for nothing.
      yield step('wake up', { toClient: 0, client: 'awake' });
    }
    if (client !== 'gone') yield { ...step('die', { client: 'gone' }), isFault: true };
  }

  function* engineSteps(state: State): Iterable<Step<State>> {
    const step = (name: string, change: Partial<State>): Step<State> => ({
      name: `engine: ${name}`,
      next: { ...state, ...change },
    });
    const { engine, completed } = state;
    const isEarly = is('the engine loads the flag before it stores the tail');
    if (engine === 'awake') {
      if (state.submissionTail !== completed)
        yield step('take and complete', { completed: completed + 1, isPosted: true });
      // What was posted is published in the same round, before the engine can think of sleeping.
      if (state.isPosted) {
        yield step('publish', { isPosted: false, engine: isEarly ? 'publish: load' : 'publish: tail' });
      } else {
        const isHasty = is('the engine looks before it raises its flag');
        yield step('nothing to do', { engine: isHasty ? 'sleep: look' : 'sleep: flag' });
      }
      if (state.toEngine > 0) yield step('hear the doorbell', { toEngine: 0 });
    } else if (engine === 'publish: tail' || engine === 'recover: tail') {
      const after = engine === 'publish: tail' ? 'publish: load' : 'recover: load';
      const isForgotten = is('a new engine does not publish') && engine === 'recover: tail';
      yield step('store completionTail', {
        completionTail: isForgotten ? state.completionTail : completed,
        engine: isEarly && engine === 'publish: tail' ? 'awake' : after,
      });
    } else if (engine === 'publish: load' || engine === 'recover: load') {
      const after = engine === 'recover: load' ? afterRecovery() : isEarly ? 'publish: tail' : 'awake';
      const exchange = engine === 'recover: load' ? 'recover: exchange' : 'publish: exchange';
      yield step('load clientNeedsWakeup', { engine: state.clientNeedsWakeup === 0 ? after : exchange });
    } else if (engine === 'publish: exchange') {
      const after = isEarly ? 'publish: tail' : 'awake';
      yield step('exchange clientNeedsWakeup', {
        clientNeedsWakeup: 0,
        engine: state.clientNeedsWakeup === 0 ? after : 'publish: ring',
      });
    } else if (engine === 'recover: exchange') {
      yield step('exchange clientNeedsWakeup', { clientNeedsWakeup: 0, engine: 'recover: ring' });
    } else if (engine === 'publish: ring') {
      yield step('ring', { toClient: rung(state.toClient), engine: isEarly ? 'publish: tail' : 'awake' });
    } else if (engine === 'recover: ring') {
      const engine = is('a new engine visits nobody') ? 'asleep' : 'awake';
      yield step('ring', { toClient: rung(state.toClient), engine });
    } else if (engine === 'sleep: flag') {
      const skips =
        is('the engine sleeps without a second look') || is('the engine looks before it raises its flag');
      yield step('raise engineNeedsWakeup', {
        engineNeedsWakeup: 1,
        engine: skips ? 'asleep' : 'sleep: look',
      });
    } else if (engine === 'sleep: look') {
      const isIdle = state.submissionTail === completed;
      const onward = is('the engine looks before it raises its flag') ? 'sleep: flag' : 'asleep';
      yield step('look once more', { engine: isIdle ? onward : 'sleep: cancel' });
    } else if (engine === 'sleep: cancel') {
      yield step('lower engineNeedsWakeup', { engineNeedsWakeup: 0, engine: 'awake' });
    } else if (engine === 'asleep' && state.toEngine > 0) {
      yield step('wake up', { toEngine: 0, engine: 'awake' });
    } else if (engine === 'dead') {
      yield step('start again', { engine: 'recover: tail' });
    }
    if (engine === 'ended') return;
    if (state.client === 'gone' && engine !== 'dead') yield step('see the hang-up', { engine: 'ended' });
    if (engine !== 'dead' && state.crashesLeft > 0) {
      yield {
        ...step('die', { engine: 'dead', isPosted: false, crashesLeft: state.crashesLeft - 1 }),
        isFault: true,
      };
    }
  }

  /** After its publish a new engine rings in any case: the one before may have died between exchange and ring. */
  function afterRecovery(): EngineAt {
    return is('a new engine rings only if the flag is up') ? 'awake' : 'recover: ring';
  }

  return {
    initial: {
      client: 'awake',
      submitted: 0,
      reaped: 0,
      engine: 'awake',
      completed: 0,
      isPosted: false,
      crashesLeft: crashes,
      submissionTail: 0,
      completionTail: 0,
      engineNeedsWakeup: 0,
      clientNeedsWakeup: 0,
      toEngine: 0,
      toClient: 0,
    },
    *steps(state) {
      yield* clientSteps(state);
      yield* engineSteps(state);
    },
    violation({ completed, completionTail, submissionTail, reaped }) {
      if (completed > submissionTail) return 'completed what was not submitted';
      if (completionTail > completed) return 'published what was not completed';
      if (reaped > completionTail) return 'reaped what was not published';
      return undefined;
    },
    isDone: ({ reaped, engine }) => reaped === REQUESTS || engine === 'ended',
  };
}

function rung(bytes: number): number {
  return Math.min(bytes + 1, DOORBELL_BYTES);
}
