// The configuration: every key with its bounds and default. `parseConfiguration` in config.ts reads a file by it.

import { cpus } from 'node:os';
import { z } from 'zod';
import { softBackends } from '../../hwdrivers/soft/options.ts';
import { REGION_BYTES_MAX } from '../../shared/limits.ts';
import { grpcSchema } from './grpc.ts';

const rate = z.number().min(0).max(1).default(0);
const MEBIBYTE = 2 ** 20;

const faultsSchema = z.strictObject({
  delay_millis: z.number().min(0).max(60_000).default(0),
  error_rate: rate,
  hang_rate: rate,
  crash_rate: rate,
});

const softDeviceSchema = z.strictObject({
  driver: z.literal('soft'),
  /** Hardware queues: worker processes. */
  queues: z
    .number()
    .int()
    .min(1)
    .max(64)
    .default(() => Math.min(cpus().length, 4)),
  backend: z.enum(softBackends).default('auto'),
  /** A request that runs longer is given up, milliseconds. */
  request_millis_max: z.number().int().min(10).max(600_000).default(10_000),
  faults: faultsSchema.prefault({}),
});

const nullDeviceSchema = z.strictObject({ driver: z.literal('null') });

const deviceSchema = z.discriminatedUnion('driver', [softDeviceSchema, nullDeviceSchema]);

/** What each tenant may use, the sum over all its processes. For now every uid is a tenant of its own. */
const limitsSchema = z.strictObject({
  weight: z.number().min(0.01).max(1_000).default(1),
  channels: z.number().int().min(1).max(1_000_000).default(1_024),
  queues: z.number().int().min(1).max(1_000_000).default(16_384),
  sessions: z.number().int().min(1).max(1_000_000).default(16_384),
  regions: z.number().int().min(1).max(1_000_000).default(16_384),
  /** Channels and regions together, bytes. */
  shared_bytes: z
    .number()
    .int()
    .min(MEBIBYTE)
    .max(2 ** 48)
    .default(1024 * MEBIBYTE),
  in_flight: z.number().int().min(1).max(1_000_000).default(65_536),
  /** The largest input or output of a request, bytes. */
  request_bytes: z
    .number()
    .int()
    .min(1)
    .max(REGION_BYTES_MAX)
    .default(64 * MEBIBYTE),
});
export type LimitsConfiguration = z.infer<typeof limitsSchema>;

const deviceName = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{0,30}$/, 'a lower-case letter, then up to 30 of a-z 0-9 _ -');

export const configurationSchema = z.strictObject({
  devices: z.record(deviceName, deviceSchema).default({
    soft0: deviceSchema.parse({ driver: 'soft' }),
    null0: { driver: 'null' },
  }),
  limits: limitsSchema.prefault({}),
  grpc: grpcSchema.prefault({}),
});
export type Configuration = z.infer<typeof configurationSchema>;
