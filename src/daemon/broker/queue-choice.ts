// Which device serves a request for a queue, and how deep the queue may be: by what devices offer and what the tenant
// may have. Pure, but for asking one device after another.

import { WarpError } from '../../shared/errors.ts';
import type { ReceivedRequest } from '../../shared/grpc.ts';
import { type AlgorithmName, isAlgorithmName } from '../../shared/operations.ts';
import type { Payer } from './tenant-book.ts';

/** What there is to choose from, and the channel that it is for. */
interface Offer {
  /** What each device offers, in the order of the file that the engine has read. */
  readonly devices: ReadonlyMap<string, readonly AlgorithmName[]>;
  /** Those whose hardware queues may be lent whole. */
  readonly direct: readonly string[];
  readonly slots: number;
  /** The broker has the client's end of the channel. */
  readonly isHeld: boolean;
}

export interface Choice {
  /** Those that may serve it, the preferred one first: at least one. */
  readonly devices: readonly string[];
  readonly algorithm: AlgorithmName;
  /** 0 for a direct queue, whose depth is its hardware's. */
  readonly depth: number;
  readonly isDirect: boolean;
}

/** What serves a request for a queue; throws why nothing does. */
export function chooseQueue(
  request: ReceivedRequest<'RequestQueue'>,
  offer: Offer,
  payer: Payer,
  operation: string,
): Choice {
  if (typeof request.mode !== 'string')
    throw new WarpError('INVALID_ARGUMENT', { operation, found: `mode ${String(request.mode)}` });
  const isDirect = request.mode === 'QUEUE_MODE_DIRECT';
  if (isDirect) checkDirect(offer, payer, operation);
  const { devices, algorithm } = chooseDevices(request, offer, payer, operation);
  if (request.depth > offer.slots) {
    throw new WarpError('INVALID_ARGUMENT', {
      operation,
      found: `a depth of ${request.depth} on a channel of ${offer.slots} slots`,
      hint: 'ask for at most as many as the channel has slots',
    });
  }
  const depth = isDirect ? 0 : chooseDepth(request.depth, offer.slots, payer, operation);
  return { devices, algorithm, depth, isDirect };
}

function checkDirect({ direct, isHeld }: Offer, payer: Payer, operation: string): void {
  if (direct.length === 0) {
    const found = 'no device of this daemon can lend a hardware queue of its own';
    throw new WarpError('UNSUPPORTED', { operation, found, hint: 'request a shared queue' });
  }
  if (!payer.limits.direct) throw notAllowed(operation, 'no hardware queues of its own', payer, 'direct');
  if (!isHeld) return;
  const found = 'the channel is of TRANSPORT_STREAM, and descriptors do not travel over gRPC';
  throw new WarpError('UNSUPPORTED', { operation, found, hint: 'request a shared queue' });
}

function chooseDevices(
  { algorithm, device: wanted, mode }: ReceivedRequest<'RequestQueue'>,
  { devices, direct: directDevices }: Offer,
  payer: Payer,
  operation: string,
): Pick<Choice, 'devices' | 'algorithm'> {
  const names = [...devices.keys()];
  if (wanted !== '' && !devices.has(wanted)) {
    throw new WarpError('NO_SUCH_DEVICE', {
      operation,
      found: `no device "${wanted}"; there are ${names.join(', ')}`,
    });
  }
  if (!isAlgorithmName(algorithm)) {
    const offered = [...new Set([...devices.values()].flat())];
    throw new WarpError('NO_SUCH_ALGORITHM', { operation, found: `not one of ${offered.join(', ')}` });
  }
  const { devices: allowed = names, algorithms } = payer.limits;
  if (wanted !== '' && !allowed.includes(wanted))
    throw notAllowed(operation, `only ${allowed.join(', ')}, not "${wanted}"`, payer, 'devices');
  if (algorithms !== undefined && !algorithms.includes(algorithm))
    throw notAllowed(operation, `only ${algorithms.join(', ')}`, payer, 'algorithms');
  const candidates = wanted === '' ? names.filter((name) => allowed.includes(name)) : [wanted];
  const offering = candidates.filter((name) => devices.get(name)?.includes(algorithm));
  if (offering.length === 0) {
    const offers = candidates.map((name) => `${name} offers ${devices.get(name)?.join(', ')}`).join('; ');
    throw new WarpError('NO_SUCH_ALGORITHM', { operation, found: offers });
  }
  if (mode !== 'QUEUE_MODE_DIRECT') return { devices: offering, algorithm };
  const direct = offering.filter((name) => directDevices.includes(name));
  if (direct.length > 0) return { devices: direct, algorithm };
  const found = `${offering.join(', ')} lend no hardware queues whole`;
  throw new WarpError('UNSUPPORTED', { operation, found, hint: 'request a shared queue' });
}

/** `key`: the one of the tenant's table that says so. */
function notAllowed(operation: string, may: string, { account, section }: Payer, key: string): WarpError {
  return new WarpError('PERMISSION_DENIED', {
    operation,
    found: `tenant ${account.tenant} may have ${may}`,
    hint: `ask the administrator to change ${section}.${key}`,
  });
}

/** `asked`: 0 for as many as there may be. */
function chooseDepth(asked: number, slots: number, { account, limits, section }: Payer, operation: string) {
  if (asked === 0) return Math.min(slots, limits.depth);
  if (asked <= limits.depth) return asked;
  const name = `${section}.depth`;
  throw new WarpError('QUOTA_EXCEEDED', {
    operation,
    found: `a depth of ${asked}; tenant ${account.tenant} may have ${limits.depth}`,
    hint: `ask for less, or ask the administrator to raise ${name}`,
    limit: { name, value: limits.depth, used: 0 },
  });
}

/** Asks for one device after another until one is in service. */
export async function firstInService<Granted>(
  devices: readonly string[],
  ask: (device: string) => Promise<Granted>,
): Promise<Granted> {
  for (const [index, device] of devices.entries()) {
    try {
      return await ask(device);
    } catch (error) {
      const isOut = error instanceof WarpError && error.code === 'DEVICE_UNAVAILABLE';
      if (!isOut || index === devices.length - 1) throw error;
    }
  }
  throw new WarpError('DEVICE_UNAVAILABLE', { operation: 'open a queue' });
}
