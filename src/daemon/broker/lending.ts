// How the broker has the engine carry something out that is on its books: what an engine didn't get to do, or may have done
// before it was lost, is made good, so that the books of both agree in the end.
//
//     ask --done--> lent
//      |---refused--> given back
//      |---too late--> the same engine undoes it --> given back
//      \---engine lost--> given back; the next engine undoes it, before anybody else calls

import type { Logger } from 'pino';
import { WarpError } from '../../shared/errors.ts';
import type { brokerContract, engineContract } from '../contracts.ts';
import type { Link } from '../link.ts';

export type EngineLink = Link<typeof brokerContract, typeof engineContract>;
type Ask<Answer = unknown> = (engine: EngineLink) => Promise<Answer>;

export class Lending {
  readonly #log: Logger;
  /** The latest. A call may still have the link of the one before. */
  #engine: EngineLink | undefined;
  /** For the next one. */
  #toUndo: Ask[] = [];

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Asks the engine for something that a client is lent. Rejects with why not: then `giveBack` is called once nobody has it. */
  async lend<Answer>(engine: EngineLink, ask: Ask<Answer>, giveBack: () => void, undo: Ask): Promise<Answer> {
    try {
      return await ask(engine);
    } catch (error) {
      const isLate = error instanceof WarpError && error.code === 'DEADLINE_EXCEEDED';
      if (engine.isOpen && isLate) {
        void this.#undo(engine, undo).finally(giveBack);
      } else {
        giveBack();
        if (!engine.isOpen) this.#undoNext(undo);
      }
      throw error;
    }
  }

  /** Asks the engine to let go of something; the next one too, if this one is lost before it has answered. */
  async takeBack(engine: EngineLink, ask: Ask): Promise<void> {
    try {
      await ask(engine);
    } catch (error) {
      if (engine.isOpen) throw error;
      this.#undoNext(ask);
    }
  }

  /**
   * A new engine is there. Not waited for: a region that a request in flight names may take as long as that. What comes
   * later comes after it.
   */
  renew(engine: EngineLink): void {
    this.#engine = engine;
    for (const undo of this.#toUndo.splice(0)) void this.#undo(engine, undo);
  }

  async #undo(engine: EngineLink, undo: Ask): Promise<void> {
    try {
      await undo(engine);
    } catch (error) {
      if (engine.isOpen) this.#log.warn({ err: error }, 'the engine did not take something back');
      else this.#undoNext(undo);
    }
  }

  /** By the engine after the one that was lost, which may be there already. */
  #undoNext(undo: Ask): void {
    if (this.#engine?.isOpen === true) void this.#undo(this.#engine, undo);
    else this.#toUndo.push(undo);
  }
}
