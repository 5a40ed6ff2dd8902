// Who is at the other end of a connection: known from the connection when it is accepted, never from what is said on
// it.

import { WarpError } from '../../shared/errors.ts';
import type { ProcessName } from '../contracts.ts';
import { isSameProcess } from './tokens.ts';

export interface Caller {
  /** Who pays. */
  readonly tenant: string;
  /** Who holds what is lent: the process that connected; this one, for a caller on another host. */
  readonly process: ProcessName;
  /** On this host, where shared memory can be had. */
  readonly isLocal: boolean;
}

export function processCaller(process: ProcessName): Caller {
  return { tenant: `uid:${process.uid}`, process, isLocal: true };
}

/** `name`: that of the client certificate. */
export function certificateCaller(name: string, broker: ProcessName): Caller {
  return { tenant: `tls:${name}`, process: broker, isLocal: false };
}

export function isSameCaller(
  caller: Caller,
  other: { readonly tenant: string; readonly process: ProcessName },
): boolean {
  return caller.tenant === other.tenant && isSameProcess(caller.process, other.process);
}

/** Root, and the user that the daemon runs as. */
export function isAdministrator({ isLocal, process: { uid } }: Caller): boolean {
  return isLocal && (uid === 0 || uid === process.getuid?.());
}

export function requireAdministrator(caller: Caller, operation: string): void {
  if (isAdministrator(caller)) return;
  throw new WarpError('PERMISSION_DENIED', {
    operation,
    found: `${caller.tenant} is no administrator`,
    hint: 'call it as root or as the user that the daemon runs as, on its Unix socket',
  });
}
