// Reads the configuration file, strictly: what is not known, not valid or contradicts itself is refused with file,
// key, what was found and what was expected. Either all of a file holds, or nothing of it.

import { closeSync, fstatSync, openSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { WarpError } from '../../shared/errors.ts';
import { findContradictions } from './contradictions.ts';
import { describeIssue, type Problem, tellProblem } from './problems.ts';
import { type Configuration, configurationSchema } from './schema.ts';
import { resolveNames } from './users.ts';

/** Writable by the group, writable by everybody. */
const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;
const ROOT = 0;

export interface Surroundings {
  /** Where the host's file system begins: users and groups are looked up there. */
  readonly root?: string;
  /** The user that the daemon runs as. */
  readonly uid?: number;
}

/** The configuration of a file; the defaults if there is no path. */
export function readConfiguration(path: string | undefined, surroundings: Surroundings = {}): Configuration {
  if (path === undefined) return configurationSchema.parse({});
  const { root = '/', uid = process.getuid?.() ?? ROOT } = surroundings;
  const operation = `read the configuration ${path}`;
  const text = readTrusted(path, uid, operation);
  let document: unknown;
  try {
    document = parse(text);
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    const found = `line ${cause.line}, column ${cause.column}: ${cause.message.split('\n')[0]}`;
    throw new WarpError('CONFIG_INVALID', { operation, found, cause });
  }
  const result = configurationSchema.safeParse(document);
  if (!result.success) {
    throw refusal(
      operation,
      result.error.issues.flatMap((issue) => describeIssue(issue, document)),
    );
  }
  const { configuration, problems } = resolveNames(result.data, root);
  if (problems.length > 0) throw refusal(operation, problems);
  const contradictions = findContradictions(configuration, uid);
  if (contradictions.length > 0) throw refusal(operation, contradictions);
  return configuration;
}

function refusal(operation: string, problems: readonly Problem[]): WarpError {
  return new WarpError('CONFIG_INVALID', { operation, found: problems.map(tellProblem).join('; ') });
}

/** The text of a file; as root, only of one that nobody but root can have written. */
function readTrusted(path: string, uid: number, operation: string): string {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    const { mode, uid: owner } = fstatSync(fd);
    if (uid === ROOT) refuseForeign(mode, owner, statSync(dirname(path)).mode);
    return readFileSync(fd, 'utf8');
  } catch (cause) {
    const found = (cause as Error).message;
    const hint = cause instanceof ForeignError ? cause.hint : 'check the path and its permissions';
    throw new WarpError('CONFIG_INVALID', { operation, found, hint, cause });
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

class ForeignError extends Error {
  readonly hint: string;

  constructor(found: string, hint: string) {
    super(found);
    this.hint = hint;
  }
}

function refuseForeign(mode: number, owner: number, folderMode: number): void {
  if (owner !== ROOT)
    throw new ForeignError(`it belongs to user ${owner}`, 'give it to root with "chown root"');
  if ((mode & WRITABLE_BY_OTHERS) !== 0) {
    const octal = (mode & 0o777).toString(8);
    throw new ForeignError(
      `others than root may write it (mode ${octal})`,
      'take that away with "chmod go-w"',
    );
  }
  // In a sticky folder, such as /tmp, nobody can put a file of his own in the place of another's.
  if ((folderMode & WRITABLE_BY_OTHERS) !== 0 && (folderMode & STICKY) === 0) {
    throw new ForeignError('others than root may write its folder', 'take that away with "chmod go-w"');
  }
}
