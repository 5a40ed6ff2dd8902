import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WaitingLine } from '../../../src/daemon/broker/waiting-line.ts';

const NEVER = Number.POSITIVE_INFINITY;

/** Serves one at a time until nobody waits. */
function serveAll(line: WaitingLine<string>): string[] {
  const order: string[] = [];
  while (line.length > 0) {
    let hasGiven = false;
    line.serve((want) => {
      if (hasGiven) return 'none left';
      hasGiven = true;
      order.push(want);
      return 'served';
    });
  }
  return order;
}

describe('a waiting line', () => {
  it('serves first who came first, among those of one weight', () => {
    const line = new WaitingLine<string>();
    for (const want of ['a', 'b', 'c']) line.join(want, 1, NEVER);
    expect(serveAll(line)).toEqual(['a', 'b', 'c']);
  });

  it('serves weights in proportion, and none of them never', () => {
    const line = new WaitingLine<string>();
    for (let count = 0; count < 12; count++) line.join('light', 1, NEVER);
    for (let count = 0; count < 12; count++) line.join('heavy', 3, NEVER);
    const order = serveAll(line);
    expect(order.slice(0, 8).filter((want) => want === 'light')).toHaveLength(2);
    expect(order.slice(0, 16).filter((want) => want === 'light')).toHaveLength(4);
  });

  it('lets a weight that comes late save up nothing', () => {
    const line = new WaitingLine<string>();
    for (let count = 0; count < 100; count++) line.join('light', 1, NEVER);
    let left = 50;
    line.serve(() => (left-- > 0 ? 'served' : 'none left'));
    for (let count = 0; count < 10; count++) line.join('late', 1.5, NEVER);
    expect(
      serveAll(line)
        .slice(0, 10)
        .filter((want) => want === 'late').length,
    ).toBeLessThanOrEqual(7);
  });

  it('passes who can not be served, who keeps its place', () => {
    const line = new WaitingLine<string>();
    const blocked = line.join('blocked', 1, NEVER);
    line.join('b', 1, NEVER);
    const served = line.serve((want) => (want === 'blocked' ? 'passed' : 'served'));
    expect(served.map(({ want }) => want)).toEqual(['b']);
    line.join('c', 1, NEVER);
    expect([...line][0]).toBe(blocked);
  });

  it('tells each its position, which is the order of service', () => {
    const line = new WaitingLine<string>();
    const places = [1, 4, 1, 2, 4, 1].map((weight, index) => line.join(`${index}`, weight, NEVER));
    const byPosition = places
      .map((place) => ({ want: place.want, position: [...line].indexOf(place) }))
      .sort((a, b) => a.position - b.position);
    expect(byPosition.map(({ position }) => position)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(serveAll(line)).toEqual(byPosition.map(({ want }) => want));
  });

  it('gives nothing to who has left, and tells so once', () => {
    const line = new WaitingLine<string>();
    const place = line.join('a', 1, NEVER);
    line.join('b', 1, NEVER);
    expect(line.cancel(place)).toBe(true);
    expect(line.cancel(place)).toBe(false);
    expect([...line]).not.toContain(place);
    expect(serveAll(line)).toEqual(['b']);
  });

  it('takes out whose deadline has come', () => {
    const line = new WaitingLine<string>();
    line.join('late', 1, 300);
    line.join('soon', 2, 100);
    expect(line.nextDeadlineMillis).toBe(100);
    expect(line.expire(99)).toEqual([]);
    expect(line.expire(100).map(({ want }) => want)).toEqual(['soon']);
    expect(line.nextDeadlineMillis).toBe(300);
    expect(line.expire(1_000).map(({ want }) => want)).toEqual(['late']);
    expect(line.nextDeadlineMillis).toBeUndefined();
  });

  it('serves, cancels or expires each exactly once, whatever happens', () => {
    const event = fc.record({
      what: fc.constantFrom('join', 'join', 'serve', 'cancel', 'expire'),
      number: fc.nat({ max: 20 }),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 200 }), (events) => {
        const line = new WaitingLine<number>();
        const waiting = new Map<number, ReturnType<typeof line.join>>();
        let next = 0;
        for (const { what, number } of events) {
          if (what === 'join') {
            waiting.set(next, line.join(next, 1 + (number % 3), number));
            next += 1;
          } else if (what === 'serve') {
            let left = number % 4;
            const gone = line.serve((want) => {
              if (left === 0) return 'none left';
              if (want % 5 === 0) return 'passed';
              left -= 1;
              return 'served';
            });
            for (const { want } of gone) expect(waiting.delete(want)).toBe(true);
          } else if (what === 'cancel') {
            const [first] = waiting.keys();
            const place = first === undefined ? undefined : waiting.get(first);
            if (first === undefined || place === undefined) continue;
            expect(line.cancel(place)).toBe(true);
            waiting.delete(first);
          } else {
            for (const { want, deadlineMillis } of line.expire(number)) {
              expect(deadlineMillis).toBeLessThanOrEqual(number);
              expect(waiting.delete(want)).toBe(true);
            }
          }
          expect(line.length).toBe(waiting.size);
        }
      }),
    );
  });
});
