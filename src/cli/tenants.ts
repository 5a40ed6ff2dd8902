// warpctl tenants: who uses what of what it may, and was refused how often.

import { type Column, formatTable, type Output } from './output.ts';
import type { Picture } from '../shared/picture.ts';
import { formatBytes, formatCount } from './units.ts';

const columns: readonly Column[] = [
  { title: 'TENANT', align: 'left' },
  { title: 'WEIGHT', align: 'right' },
  { title: 'CHANNELS', align: 'right' },
  { title: 'QUEUES', align: 'right' },
  { title: 'SHARED', align: 'right' },
  { title: 'IN FLIGHT', align: 'right' },
  { title: 'IN LINE', align: 'right' },
  { title: 'REFUSED', align: 'right' },
];

interface TenantRow {
  readonly tenant: string;
  readonly weight: number;
  readonly inFlight: number;
  readonly waitingInLine: number;
  readonly refused: number;
  readonly used: Readonly<Record<string, { readonly used: number; readonly limit: number }>>;
}

/** All that have something, or had since the daemon began. */
function tenantRows(picture: Picture): TenantRow[] {
  const { tenants, accounts, refusals, waitingInLine } = picture;
  const names = new Set([...tenants, ...accounts, ...refusals].map(({ tenant }) => tenant));
  return [...names].sort().map((tenant) => {
    const isOwn = (entry: { readonly tenant: string }): boolean => entry.tenant === tenant;
    const own = tenants.find(isOwn);
    const used = accounts
      .filter(isOwn)
      .map(({ resource, used: amount, limit }) => [resource, { used: amount, limit }]);
    return {
      tenant,
      weight: own?.weight ?? 0,
      inFlight: own?.inFlight ?? 0,
      waitingInLine: waitingInLine.find(isOwn)?.count ?? 0,
      refused: refusals.filter(isOwn).reduce((sum, { count }) => sum + count, 0),
      used: Object.fromEntries(used) as TenantRow['used'],
    };
  });
}

export function showTenants(picture: Picture, output: Output): void {
  const rows = tenantRows(picture);
  const cells = rows.map(({ tenant, weight, inFlight, waitingInLine, refused, used }) => {
    const share = (resource: string, format: (amount: number) => string): string => {
      const own = used[resource];
      return own === undefined ? '-' : format(own.used);
    };
    return [
      tenant,
      String(weight),
      share('channels', formatCount),
      share('queues', formatCount),
      share('shared_bytes', formatBytes),
      formatCount(inFlight),
      formatCount(waitingInLine),
      formatCount(refused),
    ];
  });
  output.show({ tenants: rows }, cells.length === 0 ? 'No tenant yet.\n' : formatTable(columns, cells));
}
