// Who may ask the custodian for what. Where broker and engine run as users of their own, each may make its own calls and
// no others: a broker that was taken over gets no descriptor out of the vault. Where all run as one user, as in
// development, the kernel itself keeps them no further apart.

import { custodianContract } from '../contracts.ts';
import type { RoleOptions } from '../role.ts';

type Caller = 'broker' | 'engine';
type CallName = keyof typeof custodianContract;

const callersOf = {
  configuration: ['broker', 'engine'],
  reload: ['broker'],
  identify: ['broker'],
  store: ['engine'],
  forget: ['engine'],
  giveBack: ['engine'],
  checkDevice: ['engine'],
  takeQueue: ['engine'],
  returnQueue: ['engine'],
  mapMemory: ['engine'],
  unmapMemory: ['engine'],
  lendQueue: ['engine'],
  endLoan: ['engine'],
  endOtherLoans: ['engine'],
  mapForLoan: ['engine'],
  unmapForLoan: ['engine'],
  mdevs: ['broker'],
} as const satisfies Readonly<Record<CallName, readonly Caller[]>>;

/** Whom the processes of a user stand for. Others may not connect. */
export function callersByUid({
  brokerUid,
  engineUid,
}: Pick<RoleOptions, 'brokerUid' | 'engineUid'>): ReadonlyMap<number, readonly Caller[]> {
  const ownUid = process.getuid?.() ?? 0;
  const callers = new Map<number, Caller[]>();
  for (const [caller, uid] of [
    ['broker', brokerUid],
    ['engine', engineUid],
  ] as const) {
    callers.set(uid ?? ownUid, [...(callers.get(uid ?? ownUid) ?? []), caller]);
  }
  return callers;
}

/** The calls that such a peer may make; any other one ends its link. */
export function contractFor(peers: readonly Caller[]): typeof custodianContract {
  const allowed = Object.entries(custodianContract).filter(([name]) =>
    peers.some((peer) => (callersOf[name as CallName] as readonly Caller[]).includes(peer)),
  );
  return Object.fromEntries(allowed) as typeof custodianContract;
}
