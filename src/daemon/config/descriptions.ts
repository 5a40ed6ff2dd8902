// What the documentation and the messages say of each key of the configuration, beside its schema.

import { z } from 'zod';

export interface KeyDescription {
  readonly meaning: string;
  /** As it may be written in a file. */
  readonly example: string;
  readonly unit?: string;
  /** What it may be, where the schema itself doesn't say it well. */
  readonly values?: string;
  /** What holds without it, where that isn't a plain value. */
  readonly fallback?: string;
}

export const descriptions = z.registry<KeyDescription>();
