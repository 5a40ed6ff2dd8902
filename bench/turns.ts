// What a contestant, a process that can be measured, does: it says that it is ready, then measures once for each
// line on its standard input, and ends with its input. C yardsticks speak the same lines (yardsticks/turns.h).
//
//     bench                            contestant
//       | <------ {"workers":"2"} --------- |   ready, with facts for the report
//       | ------------ 500 -------------->  |   a turn of this amount: milliseconds, or round trips
//       | <----- {"rate":7341234.5} ------- |   its figures

import { createInterface } from 'node:readline';

/** What a contestant tells about itself, for the report. */
export type Facts = Readonly<Record<string, string>>;

/** The figures of one turn, by name. */
export type Metrics = Readonly<Record<string, number>>;

/** Answers turns until the input ends. */
export async function serveTurns(
  measure: (amount: number) => Metrics | Promise<Metrics>,
  facts: Facts = {},
): Promise<void> {
  say(facts);
  for await (const line of createInterface({ input: process.stdin })) say(await measure(Number(line)));
}

function say(message: Facts | Metrics): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
