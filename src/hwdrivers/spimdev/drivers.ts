// The table of drivers of SPIMDEV queues, by the `device_api` that they say they serve. A new one is one line here.

import { WarpError } from '../../shared/errors.ts';
import { eduDriver } from '../edu/driver.ts';
import type { SpimdevDriver } from './driver.ts';

const drivers: readonly SpimdevDriver[] = [eduDriver];

/** The driver of a queue's format. Throws UNSUPPORTED, with what there is, for one that nobody knows. */
export function driverOf(deviceApi: string): SpimdevDriver {
  const driver = drivers.find(({ deviceApis }) => deviceApis.includes(deviceApi));
  if (driver !== undefined) return driver;
  throw new WarpError('UNSUPPORTED', {
    operation: `drive a queue of "${deviceApi}"`,
    found: 'no driver knows this device_api',
    hint: `there are drivers for ${drivers.flatMap(({ deviceApis }) => deviceApis).join(', ')}`,
  });
}
