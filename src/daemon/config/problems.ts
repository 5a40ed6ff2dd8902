// What is wrong with a configuration, told by key: where it is, what was found there, what was expected, and which
// key may have been meant.

import { z } from 'zod';
import { descriptions } from './descriptions.ts';
import { configurationSchema } from './schema.ts';

export interface Problem {
  readonly path: readonly PropertyKey[];
  /** What was found and expected, to be read behind the path. */
  readonly told: string;
}

export function tellProblem({ path, told }: Problem): string {
  return path.length === 0 ? told : `${tellPath(path)}${told}`;
}

/** `tenants.batch.match[0].user`, as one would look for it in a file. */
function tellPath(path: readonly PropertyKey[]): string {
  let told = '';
  for (const step of path) {
    told += typeof step === 'number' ? `[${step}]` : `${told === '' ? '' : '.'}${String(step)}`;
  }
  return told;
}

/** An issue of the schema as one problem, or as one for each unknown key. */
export function describeIssue(issue: z.core.$ZodIssue, document: unknown): Problem[] {
  const path = issue.path;
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(path);
    return issue.keys.map((key) => ({ path: [...path, key], told: `: unknown key; ${suggest(key, known)}` }));
  }
  if (issue.code === 'invalid_key') {
    return [{ path, told: `: not a name; ${issue.issues[0]?.message ?? issue.message}` }];
  }
  const value = path.reduce<unknown>(
    (at, step) => (at as Record<PropertyKey, unknown> | undefined)?.[step],
    document,
  );
  if (value === undefined) return [{ path, told: `: missing; expected ${expectedAt(path, issue)}` }];
  return [{ path, told: ` = ${JSON.stringify(value)}: expected ${expectedAt(path, issue)}` }];
}

function expectedAt(path: readonly PropertyKey[], issue: z.core.$ZodIssue): string {
  // Written for who reads it already.
  if (issue.code === 'custom') return issue.message.replace(/^expected /, '');
  const alternatives = schemasAt(path).map(expectedOf);
  return [...new Set(alternatives)].join(' or ') || issue.message;
}

/** What a key may be, in words. */
export function expectedOf(schema: z.ZodType): string {
  const described = descriptionOf(schema)?.values;
  if (described !== undefined) return described.replaceAll('`', '');
  const bare = unwrap(schema);
  if (bare instanceof z.ZodNumber) {
    const { minValue, maxValue, isInt } = bare;
    return `${isInt ? 'a whole number, ' : ''}${minValue} to ${maxValue}`;
  }
  if (bare instanceof z.ZodBoolean) return 'true or false';
  if (bare instanceof z.ZodEnum) return bare.options.map((option) => `"${option}"`).join(', ');
  if (bare instanceof z.ZodLiteral) return [...bare.values].map((value) => `"${String(value)}"`).join(', ');
  if (bare instanceof z.ZodArray) return 'a list';
  return bare instanceof z.ZodString ? 'a text' : 'a table';
}

/** The description of a key, whatever defaults were put around it. */
export function descriptionOf(schema: z.ZodType) {
  for (let at: z.ZodType | undefined = schema; at !== undefined; at = inner(at)) {
    const found = descriptions.get(at);
    if (found !== undefined) return found;
  }
  return undefined;
}

function inner(schema: z.ZodType): z.ZodType | undefined {
  if (schema instanceof z.ZodPipe) return schema.in as z.ZodType;
  const isWrapper =
    schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault;
  return isWrapper ? (schema.unwrap() as z.ZodType) : undefined;
}

function unwrap(schema: z.ZodType): z.ZodType {
  const within = inner(schema);
  return within === undefined ? schema : unwrap(within);
}

/** The schemas that a path leads to: several where a table may be of several kinds. */
function schemasAt(path: readonly PropertyKey[]): z.ZodType[] {
  let at: z.ZodType[] = [configurationSchema];
  for (const step of path) at = at.flatMap((schema) => below(unwrap(schema), step));
  return at;
}

function below(schema: z.ZodType, step: PropertyKey): z.ZodType[] {
  if (schema instanceof z.ZodObject) {
    const child = (schema.shape as Record<PropertyKey, z.ZodType>)[step];
    return child === undefined ? [] : [child];
  }
  if (schema instanceof z.ZodRecord) return [schema.valueType as z.ZodType];
  if (schema instanceof z.ZodArray) return [schema.element as z.ZodType];
  if (schema instanceof z.ZodUnion) {
    return (schema.options as z.ZodType[]).flatMap((option) => below(unwrap(option), step));
  }
  return [];
}

function keysAt(path: readonly PropertyKey[]): string[] {
  const tables = schemasAt(path).map(unwrap);
  const objects = tables.flatMap((table) =>
    table instanceof z.ZodUnion ? (table.options as z.ZodType[]) : [table],
  );
  return [
    ...new Set(objects.flatMap((table) => (table instanceof z.ZodObject ? Object.keys(table.shape) : []))),
  ];
}

/** Names the nearest known key, or all of them if none is near. */
export function suggest(word: string, known: readonly string[]): string {
  const [nearest] = known
    .map((key) => ({ key, distance: editDistance(word.toLowerCase(), key) }))
    .sort((a, b) => a.distance - b.distance);
  const isNear = nearest !== undefined && nearest.distance <= Math.ceil(word.length / 3);
  return isNear ? `did you mean "${nearest.key}"?` : `known here: ${known.join(', ') || 'nothing'}`;
}

/** How many letters have to be changed, added or left out (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(changed, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
