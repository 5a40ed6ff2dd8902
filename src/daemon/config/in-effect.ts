// Keys that a configuration may have and that nothing in the daemon goes by yet. A daemon refuses to start with them:
// a limit that is written down and does not hold is worse than none.

import { WarpError } from '../../shared/errors.ts';
import { type Configuration, configurationSchema, limitDefaults } from './schema.ts';

const limitsInEffect: ReadonlySet<string> = new Set([
  'weight',
  'channels',
  'queues',
  'sessions',
  'regions',
  'shared_bytes',
  'in_flight',
  'request_bytes',
]);
const deviceKeysNotInEffect = [
  'reserve',
  'direct',
  'allow_noiommu',
  'failures_max',
  'retry_seconds',
] as const;

/** The paths of keys that would have no effect. */
function keysNotInEffect(configuration: Configuration): string[] {
  const { tenants, administrators, declared_tenants: declared, metrics, limits, devices } = configuration;
  const defaults = configurationSchema.parse({});
  const found: string[] = [];
  if (Object.keys(tenants).length > 0) found.push('tenants');
  if (administrators.length > 0) found.push('administrators');
  if (declared) found.push('declared_tenants');
  if (JSON.stringify(metrics) !== JSON.stringify(defaults.metrics)) found.push('metrics');
  for (const [key, value] of Object.entries(limits)) {
    const standard = (limitDefaults as Readonly<Record<string, unknown>>)[key];
    if (!limitsInEffect.has(key) && value !== standard) found.push(`limits.${key}`);
  }
  const standardDevice = defaults.devices['null0'];
  for (const [name, device] of Object.entries(devices)) {
    for (const key of deviceKeysNotInEffect)
      if (device[key] !== standardDevice?.[key]) found.push(`devices.${name}.${key}`);
  }
  return found;
}

/** Throws CONFIG_INVALID for a configuration that promises more than this version keeps. */
export function requireInEffect(configuration: Configuration): void {
  const found = keysNotInEffect(configuration);
  if (found.length === 0) return;
  throw new WarpError('CONFIG_INVALID', {
    operation: 'start with the configuration',
    found: `this version does not go by ${found.join(', ')} yet`,
    hint: 'leave these keys out; what stays holds for every user alike',
  });
}
