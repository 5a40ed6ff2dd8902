// The short form of `npm run test:fuzz`.

import { expect, it } from 'vitest';
import { fuzz } from './fuzz/fuzz.ts';

it('hostile clients harm nobody but themselves', { timeout: 180_000 }, async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const { failures, submitted, valid, completions } = await fuzz({ seed, entries: 20_000 });
  expect({ seed, failures }).toEqual({ seed, failures: [] });
  expect(submitted).toBeGreaterThanOrEqual(20_000);
  expect(valid.requests).toBeGreaterThan(0);
  expect(Object.keys(completions).length).toBeGreaterThan(5);
});
