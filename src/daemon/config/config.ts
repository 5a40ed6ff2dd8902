// Reads the configuration file, strictly: what is not known or not valid is refused with file, key, what was found
// and what was expected.

import { readFileSync } from 'node:fs';
import { parse, TomlError } from 'smol-toml';
import type { z } from 'zod';
import { WarpError } from '../../shared/errors.ts';
import { type Configuration, configurationSchema } from './schema.ts';

/** The configuration of a file; the defaults if there is no path. */
export function readConfiguration(path: string | undefined): Configuration {
  if (path === undefined) return configurationSchema.parse({});
  const operation = `read the configuration ${path}`;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const found = (cause as Error).message;
    throw new WarpError('CONFIG_INVALID', {
      operation,
      found,
      hint: 'check the path and its permissions',
      cause,
    });
  }
  return parseConfiguration(text, operation);
}

function parseConfiguration(text: string, operation: string): Configuration {
  let document: unknown;
  try {
    document = parse(text);
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    const found = `line ${cause.line}, column ${cause.column}: ${cause.message.split('\n')[0]}`;
    throw new WarpError('CONFIG_INVALID', { operation, found, cause });
  }
  const result = configurationSchema.safeParse(document);
  if (result.success) return result.data;
  const found = result.error.issues.map((issue) => describeIssue(issue, document)).join('; ');
  throw new WarpError('CONFIG_INVALID', { operation, found });
}

function describeIssue(issue: z.core.$ZodIssue, document: unknown): string {
  const path = issue.path.map(String).join('.') || 'the file';
  const value = issue.path.reduce<unknown>(
    (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
    document,
  );
  const isScalar = value !== undefined && typeof value !== 'object';
  return `${path}${isScalar ? ` = ${JSON.stringify(value)}` : ''}: ${issue.message}`;
}
