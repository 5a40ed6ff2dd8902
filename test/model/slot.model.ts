// The life of a slot (docs/PROTOCOL.md, "The life of a slot"): what the engine writes into its ledger and into the
// completion ring, one store for each step, with the engine dying between any two of them, while it recovers too, and the
// client dying at any.
//
//     ledger, outlives the engine      rows, journal (one word for each slot), completionTail
//     completion ring and its tail     shared with the client, outlive the engine too
//     submission head, device          the engine's own: gone with it
//
// The submission head is not in the ledger: each entry that was taken has its completion or is in flight, so it is
// completionTail + the slots in flight.

import type { Model, Step } from './explorer.ts';

/** Kinds of a journal word, as in the engine's ledger. The index is beside it here, and above it in the same word there. */
const FREE = 0;
const POSTED = 1;
const QUEUED = 2;
const STARTED = 3;
const RERUN = 4;

interface Word {
  readonly kind: number;
  /** POSTED: of the completion. */
  readonly index: number;
}

type Status = 'done' | 'refused' | 'interrupted';

interface Completion {
  readonly slot: number;
  readonly request: number;
  readonly status: Status;
  /** Not in the ring: for which index it was written. */
  readonly index: number;
}

/** What the engine does next; `slot` and `status` belong to it. */
interface Engine {
  readonly at:
    | 'idle'
    | 'take: row'
    | 'take: commit'
    | 'take: head'
    | 'refuse: entry'
    | 'refuse: commit'
    | 'start: note'
    | 'start: give'
    | 'complete: entry'
    | 'complete: commit'
    | 'complete: tail'
    | 'dead'
    | 'recover: tail'
    | 'recover: requests'
    | 'ended';
  readonly slot: number;
  readonly status: Status;
  /** Whether recovery goes on when the completion is written. */
  readonly isRecovering: boolean;
}

interface State {
  readonly client: {
    readonly isGone: boolean;
    readonly submitted: number;
    /** The request in each slot; NONE if the slot is free. */
    readonly slots: readonly number[];
    /** Completions of each request. */
    readonly answers: readonly number[];
    /** Indices of the rings. The engine reads both from shared memory. */
    readonly submissionTail: number;
    readonly completionHead: number;
    readonly submissions: readonly number[];
  };
  readonly ring: { readonly tail: number; readonly completions: readonly (Completion | null)[] };
  readonly ledger: {
    readonly completionTail: number;
    readonly journal: readonly Word[];
    readonly rows: readonly number[];
    /** Only one mutant has this, and goes by it. */
    readonly submissionHead: number;
  };
  readonly engine: Engine;
  readonly submissionHead: number;
  /** What the device has of each slot. */
  readonly device: readonly ('nothing' | 'given' | 'ran')[];
  /** How often each request has run. */
  readonly runs: readonly number[];
  readonly crashesLeft: number;
  /** The first thing that went wrong, where that isn't a matter of the state alone. */
  readonly broken: string;
}

const NONE = -1;
const SLOTS = 2;

/** What a request is: 'pure' may run twice, 'effect' may not, 'bad' is refused when it is taken. */
export type Kind = 'pure' | 'effect' | 'bad';

/** Ways to get it wrong. */
export const slotMutants = [
  'the request is committed before its row is whole',
  'a device has the request before the journal says so',
  'the completion is committed before its entry is written',
  'the tail is stored before the completion is committed',
  'the submission head is stored by itself',
  'recovery does not look for a completion that the tail lacks',
  'what runs again is not marked',
  'what has started runs again, whatever it is',
  'what was queued is taken for lost, and forgotten',
] as const;
type SlotMutant = (typeof slotMutants)[number];

export interface SlotModelOptions {
  readonly requests: readonly Kind[];
  readonly crashes: number;
  readonly mutant?: SlotMutant;
}

export function slotModel({ requests, crashes, mutant }: SlotModelOptions): Model<State> {
  const is = (candidate: SlotMutant): boolean => mutant === candidate;

  /** Submits into the lowest free slot, and reaps in order. */
  function* clientSteps(state: State): Iterable<Step<State>> {
    const { client, ring } = state;
    if (client.isGone) return;
    const slot = client.slots.indexOf(NONE);
    if (client.submitted < requests.length && slot !== -1) {
      const change = {
        submitted: client.submitted + 1,
        slots: client.slots.with(slot, client.submitted),
        submissions: client.submissions.with(client.submissionTail % SLOTS, slot),
        submissionTail: client.submissionTail + 1,
      };
      const name = `client: submit request ${client.submitted} in slot ${slot}`;
      yield { name, next: { ...state, client: { ...client, ...change } } };
    }
    if (client.completionHead !== ring.tail) yield reap(state);
    yield { name: 'client: die', next: { ...state, client: { ...client, isGone: true } }, isFault: true };
  }

  function reap(state: State): Step<State> {
    const { client, ring } = state;
    const found = ring.completions[client.completionHead % SLOTS] ?? null;
    const name = `client: reap ${JSON.stringify(found)}`;
    if (found === null || found.index !== client.completionHead)
      return { name, next: { ...state, broken: 'a completion was published that nobody has written' } };
    const { slot, request, status } = found;
    if (client.slots[slot] !== request)
      return { name, next: { ...state, broken: 'a completion came for what is not in its slot' } };
    const answers = client.answers.with(request, at(client.answers, request) + 1);
    const slots = client.slots.with(slot, NONE);
    const broken = status === 'done' && at(state.runs, request) === 0 ? 'done, and never run' : state.broken;
    const change = { answers, slots, completionHead: client.completionHead + 1 };
    return { name, next: { ...state, client: { ...client, ...change }, broken } };
  }

  function* engineSteps(state: State): Iterable<Step<State>> {
    const { engine, ledger, ring, device, client } = state;
    const { slot } = engine;
    const go = (name: string, to: Engine['at'], change: Partial<State> = {}): Step<State> => ({
      name: `engine: ${name}, slot ${slot}`,
      next: { ...state, ...change, engine: { ...(change.engine ?? engine), at: to } },
    });
    const begin = (name: string, chosen: number, to: Engine['at'], status: Status = 'done'): Step<State> => ({
      name: `engine: ${name}, slot ${chosen}`,
      next: { ...state, engine: { at: to, slot: chosen, status, isRecovering: false } },
    });
    const note = (kind: number, index = 0): Partial<State> => ({
      ledger: { ...ledger, journal: ledger.journal.with(slot, { kind, index }) },
    });
    const kind = ledger.journal[slot]?.kind ?? FREE;

    if (engine.at === 'idle') {
      // Between two turns, by the doorbell; a channel that is taken over is looked at too.
      if (client.isGone) yield go('see the hang-up', 'ended');
      if (state.submissionHead !== client.submissionTail) {
        const next = at(client.submissions, state.submissionHead % SLOTS);
        const isBusy = isInFlight(at(ledger.journal, next).kind);
        const isBad = requests[at(client.slots, next)] === 'bad';
        yield isBusy || isBad
          ? begin('refuse', next, 'refuse: entry', 'refused')
          : begin('take', next, 'take: row');
      }
      for (const [candidate, word] of ledger.journal.entries()) {
        if ((word.kind & ~RERUN) === QUEUED) yield begin('start', candidate, 'start: note');
        if (device[candidate] === 'ran') yield begin('complete', candidate, 'complete: entry');
      }
      if (ring.tail !== ledger.completionTail) {
        yield go('publish', 'idle', { ring: { ...ring, tail: ledger.completionTail } });
      }
    } else if (engine.at === 'take: row') {
      if (is('the request is committed before its row is whole') && kind !== QUEUED) {
        yield go('commit', 'take: row', note(QUEUED));
      } else {
        const rows = ledger.rows.with(slot, at(client.slots, slot));
        const to = kind === QUEUED ? 'take: head' : 'take: commit';
        yield go('copy the row', to, { ledger: { ...ledger, rows } });
      }
    } else if (engine.at === 'take: commit') {
      yield go('commit', 'take: head', note(QUEUED));
    } else if (engine.at === 'take: head') {
      yield go('count it', 'idle', counted(state));
    } else if (engine.at === 'refuse: entry') {
      yield go('write the refusal', 'refuse: commit', written(state, at(client.slots, slot)));
    } else if (engine.at === 'refuse: commit') {
      const tail = { ...ledger, completionTail: ledger.completionTail + 1 };
      yield go('commit the refusal', 'idle', counted({ ...state, ledger: tail }));
    } else if (engine.at === 'start: note') {
      yield is('a device has the request before the journal says so') && device[slot] === 'nothing'
        ? go('give', 'start: note', { device: device.with(slot, 'given') })
        : go('note', device[slot] === 'nothing' ? 'start: give' : 'idle', note(kind | STARTED));
    } else if (engine.at === 'start: give') {
      yield go('give', 'idle', { device: device.with(slot, 'given') });
    } else if (engine.at === 'complete: entry') {
      if (is('the completion is committed before its entry is written') && kind !== POSTED)
        yield go('commit', 'complete: entry', note(POSTED, ledger.completionTail));
      else
        yield go('write the entry', kind === POSTED ? 'complete: tail' : 'complete: commit', {
          ...written(state, at(ledger.rows, slot)),
        });
    } else if (engine.at === 'complete: commit') {
      if (is('the tail is stored before the completion is committed')) {
        const completionTail = ledger.completionTail + 1;
        yield go('store the tail', 'complete: tail', { ledger: { ...ledger, completionTail } });
      } else {
        yield go('commit', 'complete: tail', note(POSTED, ledger.completionTail));
      }
    } else if (engine.at === 'complete: tail') {
      const to = engine.isRecovering ? 'recover: requests' : 'idle';
      const free = { device: device.with(slot, 'nothing') } as const;
      if (is('the tail is stored before the completion is committed'))
        yield go('commit', to, { ...note(POSTED, ledger.completionTail - 1), ...free });
      else
        yield go('store the tail', to, {
          ledger: { ...ledger, completionTail: ledger.completionTail + 1 },
          ...free,
        });
    } else if (engine.at === 'dead') {
      yield go('start again', 'recover: tail');
    } else if (engine.at === 'recover: tail') {
      yield go('restore the indices', 'recover: requests', restored(state));
    } else if (engine.at === 'recover: requests') {
      yield recoverNext(state);
    }

    for (const [given, stage] of device.entries()) {
      if (stage !== 'given') continue;
      const request = at(ledger.rows, given);
      const runs = state.runs.with(request, at(state.runs, request) + 1);
      yield {
        name: `device: run slot ${given}`,
        next: { ...state, device: device.with(given, 'ran'), runs },
      };
    }
    if (engine.at !== 'dead' && engine.at !== 'ended' && state.crashesLeft > 0) yield crash(state);
  }

  /** A device's processes end with their engine: what it had not finished is gone, what it did has happened. */
  function crash(state: State): Step<State> {
    return {
      name: 'engine: die',
      isFault: true,
      next: {
        ...state,
        engine: { at: 'dead', slot: 0, status: 'done', isRecovering: false },
        submissionHead: 0,
        device: state.device.map(() => 'nothing'),
        crashesLeft: state.crashesLeft - 1,
      },
    };
  }

  /** The head moves with the entry that was taken; the mutant writes it down, later than the entry. */
  function counted(state: State): Partial<State> {
    const submissionHead = state.submissionHead + 1;
    return { submissionHead, ledger: { ...state.ledger, submissionHead } };
  }

  function written(
    { engine: { slot, status }, ledger, ring, client, broken }: State,
    request: number,
  ): Partial<State> {
    const index = ledger.completionTail;
    const completion = { slot, request, status, index };
    return {
      ring: { ...ring, completions: ring.completions.with(index % SLOTS, completion) },
      broken:
        index - client.completionHead >= SLOTS ? 'a completion was overwritten before it was reaped' : broken,
    };
  }

  /** As Channel's constructor does. */
  function restored({ ledger }: State): Partial<State> {
    const { journal } = ledger;
    let { completionTail } = ledger;
    const lacks = ({ kind, index }: Word): boolean => kind === POSTED && index === completionTail;
    const isBlind = is('recovery does not look for a completion that the tail lacks');
    if (!isBlind && journal.some(lacks)) completionTail += 1;
    const inFlight = journal.filter(({ kind }) => isInFlight(kind)).length;
    const submissionHead = is('the submission head is stored by itself')
      ? ledger.submissionHead
      : completionTail + inFlight;
    return { submissionHead, ledger: { ...ledger, completionTail } };
  }

  /** As recoverRequests does: the next request that is to be marked or given up, or on to work. */
  function recoverNext(state: State): Step<State> {
    const { ledger, engine } = state;
    const go = (name: string, to: Engine, change: Partial<State> = {}): Step<State> => ({
      name: `engine: ${name}`,
      next: { ...state, ...change, engine: to },
    });
    if (ledger.journal.some(({ kind }) => kind === (STARTED | RERUN)))
      return go('end the channel: a request ran at two crashes', { ...engine, at: 'ended' });
    if (is('what was queued is taken for lost, and forgotten')) {
      const queued = ledger.journal.findIndex(({ kind }) => kind === QUEUED);
      const journal = ledger.journal.with(queued, { kind: FREE, index: 0 });
      if (queued !== -1) return go('forget', engine, { ledger: { ...ledger, journal } });
    }
    const slot = ledger.journal.findIndex(({ kind }) => kind === STARTED);
    if (slot === -1) return go('go to work', { ...engine, at: 'idle', slot: 0 });
    const isPure = requests[at(ledger.rows, slot)] === 'pure';
    if (!isPure && !is('what has started runs again, whatever it is'))
      return go(`interrupt slot ${slot}`, {
        at: 'complete: entry',
        slot,
        status: 'interrupted',
        isRecovering: true,
      });
    const kind = is('what runs again is not marked') ? QUEUED : QUEUED | RERUN;
    const journal = ledger.journal.with(slot, { kind, index: 0 });
    return go(`run slot ${slot} again`, engine, { ledger: { ...ledger, journal } });
  }

  return {
    initial: {
      client: {
        isGone: false,
        submitted: 0,
        slots: filled(SLOTS, NONE),
        answers: filled(requests.length, 0),
        submissionTail: 0,
        completionHead: 0,
        submissions: filled(SLOTS, NONE),
      },
      ring: { tail: 0, completions: filled(SLOTS, null) },
      ledger: {
        completionTail: 0,
        journal: filled(SLOTS, { kind: FREE, index: 0 }),
        rows: filled(SLOTS, NONE),
        submissionHead: 0,
      },
      engine: { at: 'idle', slot: 0, status: 'done', isRecovering: false },
      submissionHead: 0,
      device: filled(SLOTS, 'nothing'),
      runs: filled(requests.length, 0),
      crashesLeft: crashes,
      broken: '',
    },
    *steps(state) {
      if (state.broken !== '' || state.engine.at === 'ended') return;
      yield* clientSteps(state);
      yield* engineSteps(state);
    },
    violation({ broken, runs, client, engine, crashesLeft, submissionHead }) {
      if (broken !== '') return broken;
      if (submissionHead > client.submissionTail) return 'the head is past what was submitted';
      for (const [request, kind] of requests.entries()) {
        if (at(runs, request) > (kind === 'pure' ? 2 : kind === 'effect' ? 1 : 0))
          return `a request of the kind "${kind}" ran too often`;
        if (at(client.answers, request) > 1) return 'a request was completed twice';
      }
      if (engine.at === 'ended' && !client.isGone && crashes - crashesLeft < 2)
        return 'a channel ended for one crash';
      return undefined;
    },
    isDone: ({ client, engine }) => engine.at === 'ended' || client.answers.every((count) => count === 1),
  };
}

function isInFlight(kind: number): boolean {
  return (kind & QUEUED) !== 0;
}

function at<Value>(values: readonly Value[], index: number): Value {
  return values[index] as Value;
}

function filled<Value>(count: number, value: Value): Value[] {
  return Array.from({ length: count }, () => value);
}
