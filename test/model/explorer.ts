// Goes through every state that a model can reach, by every order of its steps, and finds the shortest-lived mistake: a
// state that must not be, or one from which nothing leads to the end.
//
// A model's state is a plain value: two are the same if their JSON is. Depth first, with a set of what was visited.

export interface Step<State> {
  /** Who does what, for the trace of a failure. */
  readonly name: string;
  readonly next: State;
  /** A crash and the like: it may happen, and nothing may depend on its happening. */
  readonly isFault?: boolean;
}

export interface Model<State> {
  readonly initial: State;
  /** Everything that can happen next. */
  steps(state: State): Iterable<Step<State>>;
  /** What is wrong with a state; undefined if nothing is. */
  violation(state: State): string | undefined;
  /** All is done that was to be done. */
  isDone(state: State): boolean;
}

export interface Exploration {
  readonly states: number;
  readonly steps: number;
  readonly failure?: { readonly what: string; readonly trace: readonly string[] };
}

export function explore<State>(model: Model<State>): Exploration {
  const numbers = new Map<string, number>();
  const found: { readonly state: State; readonly from: number; readonly by: string }[] = [];
  /** By state: those from which a step that is no fault leads there. */
  const before: number[][] = [];
  const stack: number[] = [];
  let steps = 0;

  const visit = (state: State, from: number, by: string): number => {
    const key = JSON.stringify(state);
    const known = numbers.get(key);
    if (known !== undefined) return known;
    const number = found.length;
    numbers.set(key, number);
    found.push({ state, from, by });
    before.push([]);
    stack.push(number);
    return number;
  };
  const traceOf = (last: number): string[] => {
    const trace: string[] = [];
    for (let number = last; number > 0; ) {
      const { from, by } = found[number] as (typeof found)[number];
      trace.unshift(by);
      number = from;
    }
    return trace;
  };
  const outcome = (failure?: Exploration['failure']): Exploration =>
    failure === undefined ? { states: found.length, steps } : { states: found.length, steps, failure };

  visit(model.initial, 0, '');
  for (let number = stack.pop(); number !== undefined; number = stack.pop()) {
    const { state } = found[number] as (typeof found)[number];
    const what = model.violation(state);
    if (what !== undefined) return outcome({ what, trace: traceOf(number) });
    for (const { name, next, isFault } of model.steps(state)) {
      steps += 1;
      const reached = visit(next, number, name);
      if (isFault !== true) before[reached]?.push(number);
    }
  }
  const stuck = stateWithoutEnd(
    found.map(({ state }) => model.isDone(state)),
    before,
  );
  if (stuck === -1) return outcome();
  return outcome({ what: 'nothing leads to the end from here', trace: traceOf(stuck) });
}

/** The first state from which no path without faults leads to one that is done; -1 if there is none. */
function stateWithoutEnd(isDone: readonly boolean[], before: readonly (readonly number[])[]): number {
  const leads = [...isDone];
  const stack = [...leads.keys()].filter((number) => leads[number]);
  for (let number = stack.pop(); number !== undefined; number = stack.pop()) {
    for (const earlier of before[number] ?? []) {
      if (leads[earlier] === true) continue;
      leads[earlier] = true;
      stack.push(earlier);
    }
  }
  return leads.indexOf(false);
}
