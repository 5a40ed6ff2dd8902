// What is noted of who was lent what, and who was refused what: lines of the log, marked `audit`, and counts of refusals
// by their reasons.

import type { Logger } from 'pino';
import type { ErrorCode, WarpError } from '../../shared/errors.ts';
import { cutTexts } from '../../shared/grpc.ts';
import type { Caller } from './caller.ts';
import type { Client } from './clients.ts';
import { Complaints } from './complaints.ts';
import { Refusals } from './refusals.ts';

/** What a caller is told when it is the tenant's limits or the daemon's, and not an error, that keep it from something. */
const refusalCodes: ReadonlySet<ErrorCode> = new Set([
  'QUOTA_EXCEEDED',
  'PERMISSION_DENIED',
  'DEVICE_UNAVAILABLE',
  'TENANT_STOPPED',
]);

export function isRefusal({ code }: WarpError): boolean {
  return refusalCodes.has(code);
}

export class Audit {
  readonly refusals = new Refusals();
  readonly #log: Logger;
  readonly #complaints: Complaints;

  constructor(log: Logger) {
    this.#log = log;
    this.#complaints = new Complaints(log);
  }

  note(client: Client, event: string, details: Readonly<Record<string, unknown>> = {}): void {
    const { tenant } = client.account;
    const { uid, pid } = client.owner;
    this.#log.info({ audit: true, tenant, uid, pid, channel: client.id, ...details }, event);
  }

  noteDevice({ process: { uid, pid } }: Caller, event: string, device: string): void {
    this.#log.info({ audit: true, uid, pid, device }, event);
  }

  /** `channel`: the one that the call named, 0 if it named none. `tenant`: who would have paid. */
  noteRefusal(caller: Caller, tenant: string, channel: number, error: WarpError): void {
    const { uid, pid } = caller.process;
    const { code, operation, found, limit } = cutTexts(error);
    const limitName = limit?.name.split('.').pop() ?? '';
    this.refusals.count(tenant, code, limitName);
    const of = channel === 0 ? {} : { channel };
    const details = { audit: true, tenant, uid, pid, ...of, code, operation, found, limit: limit?.name };
    this.#complaints.note('refused', caller.user, details, `${code} ${limitName}`);
  }
}
