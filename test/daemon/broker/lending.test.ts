// What becomes of things that an engine was asked for, with engines that this test plays.

import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { type EngineLink, Lending } from '../../../src/daemon/broker/lending.ts';
import { WarpError } from '../../../src/shared/errors.ts';

interface Engine {
  readonly name: string;
  isOpen: boolean;
}

const lost = new WarpError('ENGINE_UNAVAILABLE', { operation: 'ask' });
const late = new WarpError('DEADLINE_EXCEEDED', { operation: 'ask' });

function rig() {
  const lending = new Lending(pino({ level: 'silent' }));
  const undone: string[] = [];
  let givenBack = 0;
  return {
    undone,
    givenBack: () => givenBack,
    engine: (name: string): Engine => ({ name, isOpen: true }),
    renew: (engine: Engine) => lending.renew(engine as unknown as EngineLink),
    lend: (engine: Engine, ask: () => Promise<void>) =>
      lending.lend(engine as unknown as EngineLink, ask, () => (givenBack += 1), undo),
    takeBack: (engine: Engine, ask: (engine: Engine) => Promise<void>) =>
      lending.takeBack(engine as unknown as EngineLink, (link) => ask(link as unknown as Engine)),
  };
  async function undo(link: EngineLink): Promise<void> {
    const engine = link as unknown as Engine;
    if (!engine.isOpen) throw lost;
    undone.push(engine.name);
    return Promise.resolve();
  }
}

function refuse(error: WarpError): Promise<never> {
  return Promise.reject(error);
}

describe('what was lent', () => {
  it('is given back when the engine refuses, and nothing is undone', async () => {
    const { engine, lend, renew, undone, givenBack } = rig();
    const first = engine('first');
    renew(first);
    await expect(
      lend(first, () => refuse(new WarpError('QUOTA_EXCEEDED', { operation: 'ask' }))),
    ).rejects.toThrow();
    expect([givenBack(), undone]).toEqual([1, []]);
  });

  it('is given back once an engine that answered too late has undone it', async () => {
    const { engine, lend, renew, undone, givenBack } = rig();
    const first = engine('first');
    renew(first);
    const lent = lend(first, () => refuse(late));
    await expect(lent).rejects.toBe(late);
    await new Promise(setImmediate);
    expect([givenBack(), undone]).toEqual([1, ['first']]);
  });

  it('is undone by the next engine, where the one that was asked is lost', async () => {
    const { engine, lend, renew, undone, givenBack } = rig();
    const first = engine('first');
    renew(first);
    const lent = lend(first, () => {
      first.isOpen = false;
      return refuse(lost);
    });
    await expect(lent).rejects.toBe(lost);
    expect([givenBack(), undone]).toEqual([1, []]);
    renew(engine('second'));
    await new Promise(setImmediate);
    expect(undone).toEqual(['second']);
  });

  it('is taken back by the engine that is there, though a call still had the link of the one before', async () => {
    const { engine, takeBack, renew } = rig();
    const [first, second] = [engine('first'), engine('second')];
    renew(first);
    first.isOpen = false;
    renew(second);
    const asked: string[] = [];
    await takeBack(first, ({ name, isOpen }) => {
      asked.push(name);
      return isOpen ? Promise.resolve() : refuse(lost);
    });
    await new Promise(setImmediate);
    expect(asked).toEqual(['first', 'second']);
  });
});
