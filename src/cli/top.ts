// warpctl top: who uses the devices at the moment: shares, rates and waits between two pictures of the counters.

import { setTimeout as sleep } from 'node:timers/promises';
import { type Picture, waitBoundsSeconds } from '../shared/picture.ts';
import { type Column, formatTable, isDrawable, type Output } from './output.ts';
import { formatBytes, formatCount } from './units.ts';

const CLEAR_SCREEN = '\u001b[H\u001b[2J';
const TENANT_CELLS_MAX = 16;

const tenantColumns: readonly Column[] = [
  { title: 'TENANT', align: 'left' },
  { title: 'WEIGHT', align: 'right' },
  { title: 'SHARE', align: 'right' },
  { title: 'REQ/S', align: 'right' },
  { title: 'DATA/S', align: 'right' },
  { title: 'WAIT p50', align: 'right' },
  { title: 'WAIT p99', align: 'right' },
  { title: 'IN FLIGHT', align: 'right' },
];

const deviceColumns: readonly Column[] = [
  { title: 'DEVICE', align: 'left' },
  { title: 'UP', align: 'left', style: (cell) => (cell === 'yes' ? 'green' : 'red') },
  { title: 'BUSY', align: 'right' },
  { title: 'HW QUEUES', align: 'right' },
  { title: 'LENT', align: 'right' },
  { title: 'IN FLIGHT', align: 'right' },
  { title: 'RESETS', align: 'right' },
];

interface TenantLoad {
  readonly tenant: string;
  readonly weight: number;
  readonly inFlight: number;
  /** Of the device time that all tenants had, 0 to 1. */
  readonly share: number;
  readonly requestsPerSecond: number;
  readonly bytesPerSecond: number;
  /** Half of the requests, and 99 of 100, waited for less than this; null if there were none. */
  readonly waitSecondsP50: number | null;
  readonly waitSecondsP99: number | null;
}

interface Load {
  readonly seconds: number;
  readonly tenants: readonly TenantLoad[];
  readonly devices: readonly (Picture['devices'][number] & {
    /** Device time per hardware queue and second, 0 to 1. */
    readonly busy: number;
  })[];
}

/** What happened from one picture to the next. Counters that went back began anew: the engine was started again. */
export function loadBetween(before: Picture, after: Picture, seconds: number): Load {
  const keyOf = ({ tenant, device }: Picture['usage'][number]): string => `${device} ${tenant}`;
  const earlier = new Map(before.usage.map((usage) => [keyOf(usage), usage]));
  const deltas = after.usage.map((usage) => {
    const known = earlier.get(keyOf(usage));
    const from = known !== undefined && known.requests <= usage.requests ? known : undefined;
    return {
      tenant: usage.tenant,
      device: usage.device,
      requests: usage.requests - (from?.requests ?? 0),
      bytes: usage.bytes - (from?.bytes ?? 0),
      deviceNanos: usage.deviceNanos - (from?.deviceNanos ?? 0),
      waits: usage.waits.map((count, bucket) => count - (from?.waits[bucket] ?? 0)),
    };
  });
  const totalNanos = deltas.reduce((sum, { deviceNanos }) => sum + deviceNanos, 0);
  const tenants = after.tenants.map(({ tenant, weight, inFlight }) => {
    const own = deltas.filter((delta) => delta.tenant === tenant);
    const sumOf = (value: (delta: (typeof deltas)[number]) => number): number =>
      own.reduce((sum, delta) => sum + value(delta), 0);
    const waits = [...waitBoundsSeconds, Number.POSITIVE_INFINITY].map((_, bucket) =>
      sumOf((delta) => delta.waits[bucket] ?? 0),
    );
    return {
      tenant,
      weight,
      inFlight,
      share: totalNanos === 0 ? 0 : sumOf(({ deviceNanos }) => deviceNanos) / totalNanos,
      requestsPerSecond: sumOf(({ requests }) => requests) / seconds,
      bytesPerSecond: sumOf(({ bytes }) => bytes) / seconds,
      waitSecondsP50: quantile(waits, 0.5),
      waitSecondsP99: quantile(waits, 0.99),
    };
  });
  const devices = after.devices.map((device) => {
    const own = deltas.filter((delta) => delta.device === device.device);
    const nanos = own.reduce((sum, { deviceNanos }) => sum + deviceNanos, 0);
    const busy = nanos / 1e9 / seconds / Math.max(1, device.hardwareQueues);
    return Object.assign({ busy }, device);
  });
  return { seconds, tenants: tenants.sort((a, b) => b.share - a.share), devices };
}

/** The upper bound of the bucket that the quantile falls into. */
function quantile(waits: readonly number[], part: number): number | null {
  const total = waits.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  let below = 0;
  for (const [bucket, count] of waits.entries()) {
    below += count;
    if (below >= part * total) return waitBoundsSeconds[bucket] ?? null;
  }
  return null;
}

export function formatLoad({ tenants, devices }: Load): string {
  const rows = tenants.map((load) => [
    load.tenant.length > TENANT_CELLS_MAX ? `${load.tenant.slice(0, TENANT_CELLS_MAX - 1)}~` : load.tenant,
    String(load.weight),
    formatShare(load.share),
    formatCount(Math.round(load.requestsPerSecond)),
    formatBytes(Math.round(load.bytesPerSecond)),
    formatWait(load.waitSecondsP50),
    formatWait(load.waitSecondsP99),
    formatCount(load.inFlight),
  ]);
  const deviceRows = devices.map((device) => [
    device.device,
    device.isUp ? 'yes' : 'no',
    formatShare(device.busy),
    String(device.hardwareQueues),
    formatCount(device.queuesLent),
    formatCount(device.inFlight),
    formatCount(device.resets),
  ]);
  return `${formatTable(deviceColumns, deviceRows)}\n${formatTable(tenantColumns, rows)}`;
}

function formatShare(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function formatWait(seconds: number | null): string {
  if (seconds === null) return '-';
  if (seconds < 1e-3) return `<${Math.round(seconds * 1e6)} us`;
  return seconds < 1 ? `<${Math.round(seconds * 1e3)} ms` : `<${Math.round(seconds)} s`;
}

export interface TopOptions {
  readonly isOnce: boolean;
  readonly intervalMillis: number;
  readonly signal: AbortSignal;
}

/** Until it is told to stop; with `isOnce` over one interval. */
export async function showTop(
  take: () => Promise<Picture>,
  output: Output,
  { isOnce, intervalMillis, signal }: TopOptions,
): Promise<void> {
  for (let before = await take(), fromMillis = performance.now(); ; ) {
    await sleep(intervalMillis, undefined, { signal }).catch(() => {});
    if (signal.aborted) return;
    const after = await take();
    const nowMillis = performance.now();
    const load = loadBetween(before, after, (nowMillis - fromMillis) / 1_000);
    const isRedrawn = !isOnce && isDrawable(process.stdout);
    output.show(load, `${isRedrawn ? CLEAR_SCREEN : ''}${formatLoad(load)}`);
    if (isOnce) return;
    before = after;
    fromMillis = nowMillis;
  }
}
