// The numbers behind the names of users and groups, as the host's /etc/passwd and /etc/group have them. Rules are
// matched by number only; a name is looked up once, when the configuration is read.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WarpError } from '../../shared/errors.ts';
import { type Problem, suggest } from './problems.ts';
import type { Configuration, Rule } from './schema.ts';

/** In both files the name comes first and the number third; see passwd(5), group(5). */
const NUMBER_FIELD = 2;

function readNames(path: string): ReadonlyMap<string, number> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    // A host without the file has no names: each one that is looked up is told then.
    return new Map();
  }
  const numbers = new Map<string, number>();
  for (const line of text.split('\n')) {
    const fields = line.split(':');
    const [name] = fields;
    const number = Number(fields[NUMBER_FIELD]);
    if (name !== undefined && name !== '' && Number.isInteger(number)) numbers.set(name, number);
  }
  return numbers;
}

/** The number of a user who is named, or given by number; undefined if none is given. Throws INVALID_ARGUMENT. */
export function userNumber(name: string | undefined, root = '/'): number | undefined {
  if (name === undefined) return undefined;
  const users = readNames(join(root, 'etc/passwd'));
  const number = /^\d+$/.test(name) ? Number(name) : users.get(name);
  if (number !== undefined) return number;
  throw new WarpError('INVALID_ARGUMENT', {
    operation: `look up the user "${name}"`,
    found: 'no such name in /etc/passwd',
    hint: 'create it (systemd-sysusers), or give its number',
  });
}

/** Puts numbers beside the names of all rules. */
export function resolveNames(
  configuration: Configuration,
  root: string,
): { readonly configuration: Configuration; readonly problems: readonly Problem[] } {
  const users = readNames(join(root, 'etc/passwd'));
  const groups = readNames(join(root, 'etc/group'));
  const problems: Problem[] = [];

  const lookUp = (
    { names, file, numberKey }: { names: ReadonlyMap<string, number>; file: string; numberKey: string },
    { name, given, path }: { name: string | undefined; given: number | undefined; path: PropertyKey[] },
  ): number | undefined => {
    if (name === undefined) return given;
    const number = names.get(name);
    if (number === undefined) {
      const instead = `if it is one of a directory service, give ${numberKey} = its number instead`;
      problems.push({
        path,
        told: ` = "${name}": no such name in ${file}; ${suggest(name, [...names.keys()].slice(0, 100))}; ${instead}`,
      });
    } else if (given !== undefined && given !== number) {
      problems.push({
        path,
        told: ` = "${name}": that is ${numberKey} ${number}, and the rule says ${given}`,
      });
    }
    return number;
  };

  const resolve = (rule: Rule, path: PropertyKey[]): Rule => {
    const uid = lookUp(
      { names: users, file: '/etc/passwd', numberKey: 'uid' },
      { name: rule.user, given: rule.uid, path: [...path, 'user'] },
    );
    const gid = lookUp(
      { names: groups, file: '/etc/group', numberKey: 'gid' },
      { name: rule.group, given: rule.gid, path: [...path, 'group'] },
    );
    return { ...rule, ...(uid !== undefined && { uid }), ...(gid !== undefined && { gid }) };
  };

  const administrators = configuration.administrators.map((rule, index) =>
    resolve(rule, ['administrators', index]),
  );
  const tenants = Object.fromEntries(
    Object.entries(configuration.tenants).map(([name, tenant]) => {
      const match = tenant.match?.map((rule, index) => resolve(rule, ['tenants', name, 'match', index]));
      return [name, { ...tenant, ...(match && { match }) }];
    }),
  );
  return { configuration: { ...configuration, administrators, tenants }, problems };
}
