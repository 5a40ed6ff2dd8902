// Addresses of devices: never two ranges at one place, never two without a gap.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { IovaSpace } from '../../../src/daemon/custodian/iova-space.ts';

const PAGE = 4096;
const FIRST = 2 ** 32;

it('gives ranges that do not touch, also when the space was used up and given back in part', () => {
  const step = fc.record({ isTake: fc.boolean(), pages: fc.integer({ min: 1, max: 5 }), at: fc.nat() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const end = FIRST + 40 * PAGE;
      const space = new IovaSpace(end);
      const taken = new Map<number, number>();
      for (const { isTake, pages, at } of steps) {
        const given = [...taken.keys()][at % Math.max(taken.size, 1)];
        if (!isTake && given !== undefined) {
          space.give(given);
          taken.delete(given);
          continue;
        }
        let address: number;
        try {
          address = space.take(pages * PAGE - 7);
        } catch (error) {
          expect((error as Error).message).toMatch(/the device has none left/);
          continue;
        }
        expect(address % PAGE).toBe(0);
        expect(address).toBeGreaterThanOrEqual(FIRST);
        expect(address + pages * PAGE).toBeLessThan(end);
        for (const [other, bytes] of taken) {
          expect(address >= other + bytes + PAGE || other >= address + (pages + 1) * PAGE).toBe(true);
        }
        taken.set(address, pages * PAGE);
      }
    }),
  );
});

it('does not give an address again at once', () => {
  const space = new IovaSpace();
  const first = space.take(PAGE);
  space.give(first);
  expect(space.take(PAGE)).toBe(first + 2 * PAGE);
});
