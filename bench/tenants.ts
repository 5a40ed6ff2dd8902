// The tenants of the measurement of fairness: what the daemon is configured with, and what the load process sends.

const KIBIBYTE = 1024;

export interface LoadTenant {
  readonly name: string;
  readonly weight: number;
  /** Of each request. */
  readonly bytes: number;
  readonly transport: 'fast-path' | 'grpc';
}

/** Always backlogged, of different weights and sizes: the heavier don't have the larger requests. */
export const heavyTenants: readonly LoadTenant[] = [
  { name: 't1', weight: 1, bytes: 1024 * KIBIBYTE, transport: 'fast-path' },
  { name: 't2', weight: 2, bytes: 64 * KIBIBYTE, transport: 'fast-path' },
  { name: 't3', weight: 3, bytes: 512 * KIBIBYTE, transport: 'fast-path' },
  { name: 't4', weight: 4, bytes: 256 * KIBIBYTE, transport: 'fast-path' },
  { name: 't6', weight: 6, bytes: 1024 * KIBIBYTE, transport: 'fast-path' },
  { name: 't8', weight: 8, bytes: 128 * KIBIBYTE, transport: 'fast-path' },
  { name: 'g1', weight: 1, bytes: 256 * KIBIBYTE, transport: 'grpc' },
  { name: 'g2', weight: 2, bytes: 512 * KIBIBYTE, transport: 'grpc' },
];

/** Sends one short request now and then, and waits for it. */
export const lightTenant: LoadTenant = {
  name: 'light',
  weight: 1,
  bytes: 4 * KIBIBYTE,
  transport: 'fast-path',
};

/** As many again, of one weight, for what their number costs. */
export const CROWD_TENANTS = 1_000;

export function crowdTenant(number: number): string {
  return `crowd-${number}`;
}

/** How many of them the daemon knows. */
const CROWD_TENANTS_MAX = 10_000;

const crowdTenants = Array.from({ length: CROWD_TENANTS_MAX }, (_, number) => ({
  name: crowdTenant(number),
  weight: 1,
}));

/** One hardware queue: with more, shares of the device say less about its scheduler. */
export const tenantsConfiguration = [
  'declared_tenants = true',
  // Processes of one user with a connection for each of the many.
  `[limits]\nchannels = ${2 * CROWD_TENANTS_MAX}`,
  '[devices.soft0]\ndriver = "soft"\nqueues = 1',
  '[devices.null0]\ndriver = "null"',
  ...[...heavyTenants, lightTenant, ...crowdTenants].map(
    ({ name, weight }) => `[tenants.${name}]\nweight = ${weight}`,
  ),
  '',
].join('\n');
