// Who is at the other end of a connection: known from the connection when it is accepted, never from what is said on
// it.

import { WarpError } from '../../shared/errors.ts';
import type { Configuration } from '../config/schema.ts';
import { type Caller as Traits, isAdministrator } from '../config/tenants.ts';
import type { ProcessName } from '../contracts.ts';

/** A process of this host, and where the system runs it. */
export interface KnownProcess {
  readonly process: ProcessName;
  readonly cgroup?: string | undefined;
}

export interface Caller {
  /** A user of this host, or the name of a certificate. */
  readonly user: string;
  /** Who holds what is lent: the process that connected; this one, for a caller on another host. */
  readonly process: ProcessName;
  /** What decides which tenant pays. */
  readonly traits: Omit<Traits, 'declared'>;
  /** On this host, where shared memory can be had. */
  readonly isLocal: boolean;
}

export function userOf({ uid }: ProcessName): string {
  return `uid:${uid}`;
}

/** `gids`: its groups when it connected. */
export function processCaller({ process, cgroup }: KnownProcess, gids: readonly number[]): Caller {
  return { user: userOf(process), process, traits: { uid: process.uid, gids, cgroup }, isLocal: true };
}

/** `name`: that of the client certificate. */
export function certificateCaller(name: string, broker: ProcessName): Caller {
  return { user: `tls:${name}`, process: broker, traits: { tlsSubject: name }, isLocal: false };
}

export function isSameProcess(a: ProcessName, b: ProcessName): boolean {
  return a.uid === b.uid && a.pid === b.pid && a.startTicks === b.startTicks;
}

export function isSameCaller(
  caller: Caller,
  other: { readonly user: string; readonly process: ProcessName },
): boolean {
  return caller.user === other.user && isSameProcess(caller.process, other.process);
}

/** Root, the user that the daemon runs as, and whom the configuration names. */
export function mayAdminister({ isLocal, traits }: Caller, configuration: Configuration): boolean {
  return (isLocal && traits.uid === process.getuid?.()) || isAdministrator(configuration, traits);
}

export function requireAdministrator(caller: Caller, configuration: Configuration, operation: string): void {
  if (mayAdminister(caller, configuration)) return;
  throw new WarpError('PERMISSION_DENIED', {
    operation,
    found: `${caller.user} is no administrator`,
    hint: 'call it as root or as the user that the daemon runs as, or be named under "administrators"',
  });
}
