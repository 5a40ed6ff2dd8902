// What would change if one configuration took the place of another, line by line, to be read before it does. Pure.

import type { Configuration } from './schema.ts';

type Flat = ReadonlyMap<string, string>;

/** One line for each key that is added, gone or different; none if nothing is. */
export function describeChanges(from: Configuration, to: Configuration): string[] {
  const before = flatten(from);
  const after = flatten(to);
  const lines: string[] = [];
  for (const path of new Set([...before.keys(), ...after.keys()])) {
    const old = before.get(path);
    const fresh = after.get(path);
    if (old === fresh) continue;
    if (old === undefined) lines.push(`+ ${path} = ${fresh}`);
    else if (fresh === undefined) lines.push(`- ${path} = ${old}`);
    else lines.push(`~ ${path}: ${old} -> ${fresh}`);
  }
  return [...lines, ...describeOrder(from, to)];
}

/** The first rule that holds decides: the same tenants in another order are another configuration. */
function describeOrder(from: Configuration, to: Configuration): string[] {
  const isInBoth = (name: string): boolean => name in from.tenants && name in to.tenants;
  const before = Object.keys(from.tenants).filter(isInBoth).join(', ');
  const after = Object.keys(to.tenants).filter(isInBoth).join(', ');
  return before === after ? [] : [`~ order of tenants: ${before} -> ${after}`];
}

/** Keys with their values as they would be written, by path. Lists are one value: their order may count. */
function flatten(configuration: Configuration): Flat {
  const flat = new Map<string, string>();
  const visit = (path: string, value: unknown): void => {
    if (value === undefined) return;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      flat.set(path, write(value));
      return;
    }
    const entries = Object.entries(value);
    // An empty table is still something that is there: a tenant with everybody's limits.
    if (entries.length === 0) flat.set(path, '{}');
    for (const [key, child] of entries) visit(path === '' ? key : `${path}.${key}`, child);
  };
  visit('', configuration);
  return flat;
}

function write(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(write).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, child]) => child !== undefined);
  return `{ ${entries.map(([key, child]) => `${key} = ${write(child)}`).join(', ')} }`;
}
