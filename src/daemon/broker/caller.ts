// Who is at the other end of a connection: known from the connection when it is accepted, never from what is said on
// it.

import { WarpError } from '../../shared/errors.ts';
import { isAdministrator } from '../config/tenants.ts';
import type { Configuration } from '../config/schema.ts';
import type { ProcessName } from '../contracts.ts';

export interface Caller {
  /** Who holds what is lent: the process that connected. */
  readonly process: ProcessName;
  readonly gids: readonly number[];
  readonly cgroup?: string | undefined;
}

/** Root, the user that the daemon runs as, and whom the configuration names. */
export function mayAdminister(
  { process: { uid }, gids, cgroup }: Caller,
  configuration: Configuration,
): boolean {
  return uid === process.getuid?.() || isAdministrator(configuration, { uid, gids, cgroup });
}

export function requireAdministrator(caller: Caller, configuration: Configuration, operation: string): void {
  if (mayAdminister(caller, configuration)) return;
  throw new WarpError('PERMISSION_DENIED', {
    operation,
    found: `user ${caller.process.uid} is no administrator`,
    hint: 'call it as root or as the user that the daemon runs as, or be named under "administrators"',
  });
}
