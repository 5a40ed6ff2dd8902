// Keys that a configuration may have and that nothing in the daemon goes by yet. A daemon refuses to start with them:
// a limit that is written down and does not hold is worse than none.

import { WarpError } from '../../shared/errors.ts';
import { type Configuration, configurationSchema } from './schema.ts';

const deviceKeysNotInEffect = ['reserve', 'direct', 'allow_noiommu'] as const;

/** The paths of keys that would have no effect. */
function keysNotInEffect(configuration: Configuration): string[] {
  const found: string[] = [];
  const standard = configurationSchema.parse({}).devices['null0'];
  for (const [name, device] of Object.entries(configuration.devices)) {
    for (const key of deviceKeysNotInEffect)
      if (device[key] !== standard?.[key]) found.push(`devices.${name}.${key}`);
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
    hint: 'leave these keys out',
  });
}
