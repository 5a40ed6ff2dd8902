// Who waits for something that there is not enough of, such as a queue on a device: a line for each thing.
//
// First come, first served among those of one weight. Between weights by turns, in proportion: each class of weight
// counts what it was given, divided by the weight, and the one with the least goes first; so the heavier wait less
// and the lighter are never passed for good. Who can't be served for a reason of its own (its tenant's quota) is
// passed and keeps its place.
//
// Pure: no timers; the time is told, milliseconds of a clock that never goes back.

import { assert } from '../../shared/assert.ts';

/** What becomes of who is next: it has what it wanted; it can't have it now, though others may; nobody can. */
export type Outcome = 'served' | 'passed' | 'none left';

/** A place in the line; the line's own. */
export interface Place<Want> {
  readonly want: Want;
  readonly weight: number;
  readonly deadlineMillis: number;
}

interface WeightClass<Want> {
  readonly weight: number;
  readonly places: Set<Place<Want>>;
  /** What it was given, divided by its weight. */
  given: number;
}

export class WaitingLine<Want> {
  readonly #classes = new Map<number, WeightClass<Want>>();
  /** What the class that was served last had been given before: where one that comes begins. */
  #level = 0;

  get length(): number {
    let sum = 0;
    for (const { places } of this.#classes.values()) sum += places.size;
    return sum;
  }

  /** Takes the last place among those of its weight. */
  join(want: Want, weight: number, deadlineMillis: number): Place<Want> {
    assert(weight > 0, 'a weight is positive');
    const place = { want, weight, deadlineMillis };
    let among = this.#classes.get(weight);
    if (among === undefined) {
      // As long as it was empty it wanted nothing, and has saved up nothing.
      among = { weight, places: new Set(), given: this.#level };
      this.#classes.set(weight, among);
    }
    among.places.add(place);
    return place;
  }

  /** Gives a place up; false if it was served, cancelled or too late before. */
  cancel(place: Place<Want>): boolean {
    const among = this.#classes.get(place.weight);
    if (among?.places.delete(place) !== true) return false;
    if (among.places.size === 0) this.#classes.delete(place.weight);
    return true;
  }

  /** All places, in the order in which they would be served if all could be. */
  [Symbol.iterator](): Iterator<Place<Want>> {
    return this.#inOrder()[Symbol.iterator]();
  }

  /** Goes along the line until nothing is left to give; returns who was served. */
  serve(attempt: (want: Want) => Outcome): Place<Want>[] {
    const served: Place<Want>[] = [];
    for (const place of this.#inOrder()) {
      const outcome = attempt(place.want);
      if (outcome === 'none left') break;
      if (outcome === 'served') served.push(place);
    }
    for (const place of served) {
      const among = this.#classes.get(place.weight);
      assert(among !== undefined, 'who was served had a place');
      this.#level = Math.max(this.#level, among.given);
      among.given += 1 / among.weight;
      this.cancel(place);
    }
    return served;
  }

  /** Takes out whose deadline has come, and returns them. */
  expire(nowMillis: number): Place<Want>[] {
    const late = [...this.#inOrder()].filter(({ deadlineMillis }) => deadlineMillis <= nowMillis);
    for (const place of late) this.cancel(place);
    return late;
  }

  /** When `expire` has something to do; undefined while nobody waits. */
  get nextDeadlineMillis(): number | undefined {
    let next: number | undefined;
    for (const { places } of this.#classes.values()) {
      for (const { deadlineMillis } of places) next = Math.min(next ?? deadlineMillis, deadlineMillis);
    }
    return next;
  }

  /** The order in which all would be served. */
  *#inOrder(): Iterable<Place<Want>> {
    const rest = [...this.#classes.values()].map(({ weight, places, given }) => ({
      weight,
      given,
      places: [...places],
      at: 0,
    }));
    for (;;) {
      let first: (typeof rest)[number] | undefined;
      for (const among of rest) {
        if (among.at === among.places.length) continue;
        // What it will have been given: of two that had the same, the heavier goes first.
        const end = among.given + 1 / among.weight;
        if (first === undefined || end < first.given + 1 / first.weight) first = among;
      }
      const place = first?.places[first.at];
      if (first === undefined || place === undefined) return;
      first.at += 1;
      first.given += 1 / first.weight;
      yield place;
    }
  }
}
