// The configuration: every key with what it may be, its default, unit, an example and what it means. The reader
// (config.ts) checks a file by it, messages quote it, and docs/CONFIG.md is it as a page, which a test keeps equal.
//
// What is read can be checked again and is then the same: the custodian reads, broker and engine get it over a link.

import { cpus } from 'node:os';
import { z } from 'zod';
import { softBackends } from '../../hwdrivers/soft/options.ts';
import { CHANNEL_SLOTS_MAX, REGION_BYTES_MAX } from '../../shared/limits.ts';
import { algorithmNames } from '../../shared/operations.ts';
import { descriptions, type KeyDescription } from './descriptions.ts';
import { grpcKeys, grpcSchema } from './grpc.ts';

const MEBIBYTE = 2 ** 20;
/** The last user number; the one above it means "none" to the kernel. */
const ID_MAX = 2 ** 32 - 2;
const RATE_MAX = 1e12;

function whole(min: number, max: number) {
  return z.number().int().min(min).max(max);
}

const rateMeaning = 'share of requests';

const faultKeys = {
  delay_millis: z.number().min(0).max(60_000).default(0).register(descriptions, {
    meaning: 'each request takes this much longer',
    unit: 'milliseconds',
    example: '20',
  }),
  error_rate: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .register(descriptions, { meaning: `${rateMeaning} that fail with \`DEVICE_ERROR\``, example: '0.01' }),
  hang_rate: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .register(descriptions, {
      meaning: `${rateMeaning} that never end (\`DEVICE_TIMEOUT\`)`,
      example: '0.001',
    }),
  crash_rate: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .register(descriptions, {
      meaning: `${rateMeaning} at which the worker dies (\`DEVICE_RESET\`)`,
      example: '0.001',
    }),
};

/** What every device has, whatever drives it. */
const deviceKeys = {
  reserve: whole(0, 1_024).default(0).register(descriptions, {
    meaning:
      'hardware queues, of its `queues`, that are kept back for the kernel and for administrators; fewer than there are',
    unit: 'queues',
    example: '1',
  }),
  direct: z.boolean().default(false).register(descriptions, {
    meaning: 'its hardware queues may be lent whole, to tenants that may have them (`direct` there)',
    example: 'true',
  }),
  allow_noiommu: z.boolean().default(false).register(descriptions, {
    meaning:
      'it may be used where no IOMMU keeps it from all other memory: every request is then copied through pinned memory, and a fault of the device, or of the engine, reaches the whole machine; see "Devices without an IOMMU" in OPERATIONS',
    example: 'true',
  }),
  failures_max: whole(0, 1_000_000).default(8).register(descriptions, {
    meaning:
      'hardware queues that it may lose within a minute before it is taken out of service, but for those lost over requests of a tenant that is slowed for it; 0: any number',
    unit: 'queues',
    example: '3',
  }),
  retry_seconds: whole(1, 86_400).default(30).register(descriptions, {
    meaning: 'how long it stays out of service before it is tried again',
    unit: 'seconds',
    example: '60',
  }),
};

const softKeys = {
  driver: z.literal('soft').register(descriptions, {
    meaning: 'the processor, through native libraries',
    example: '"soft"',
    values: '`"soft"`',
  }),
  queues: whole(1, 64)
    .default(() => Math.min(cpus().length, 4))
    .register(descriptions, {
      meaning: 'hardware queues, that is worker processes',
      unit: 'queues',
      example: '2',
      fallback: 'processors, at most 4',
    }),
  backend: z.enum(softBackends).default('auto').register(descriptions, {
    meaning: '`"auto"`: the fastest library for each operation; another: that one wherever it can',
    example: '"node"',
  }),
  request_millis_max: whole(10, 600_000).default(10_000).register(descriptions, {
    meaning: 'a request that runs longer is given up and its worker reset',
    unit: 'milliseconds',
    example: '2000',
  }),
  faults: z.strictObject(faultKeys).prefault({}).register(descriptions, {
    meaning: 'faults on purpose, to see how programs take them: see below',
    example: '{ error_rate = 0.01 }',
    values: 'a table',
    fallback: 'none',
  }),
};

const spimdevKeys = {
  driver: z.literal('spimdev').register(descriptions, {
    meaning:
      'a device of the kernel, through mediated devices that the daemon makes on it; needs root, and an IOMMU or `allow_noiommu`',
    example: '"spimdev"',
    values: '`"spimdev"`',
  }),
  parent: z
    .string()
    .regex(/^(?!\.)[\w.:-]{1,63}$/)
    .register(descriptions, {
      meaning: 'the device, as "warpctl mdev types" calls it; several devices may share one',
      example: '"wd_edu0"',
      values: 'a name in /sys/class/spimdev',
    }),
  algorithm: z.enum(algorithmNames).register(descriptions, {
    meaning: 'what it is used for: the parent has to have a type for it',
    example: '"copy"',
    values: 'an algorithm',
  }),
  queues: whole(1, 64).default(1).register(descriptions, {
    meaning: 'hardware queues to take at most: each when a queue is lent that wants it, and not before',
    unit: 'queues',
    example: '4',
  }),
  request_millis_max: whole(10, 600_000).default(10_000).register(descriptions, {
    meaning: 'a request that runs longer is given up and its hardware queue exchanged',
    unit: 'milliseconds',
    example: '2000',
  }),
};

const nullKeys = {
  driver: z.literal('null').register(descriptions, {
    meaning: 'completes at once and does nothing, for measuring',
    example: '"null"',
    values: '`"null"`',
  }),
};

const deviceSchema = z.discriminatedUnion('driver', [
  z.strictObject({ ...softKeys, ...deviceKeys }),
  z.strictObject({ ...spimdevKeys, ...deviceKeys }),
  z.strictObject({ ...nullKeys, ...deviceKeys }),
]);
export type DeviceConfiguration = z.infer<typeof deviceSchema>;

/** What a tenant may use, the sum over all its processes. */
const limitKeys = {
  weight: z.number().min(0.01).max(1_000).register(descriptions, {
    meaning: 'its share of device time, beside the weights of others that want it',
    example: '4',
  }),
  channels: whole(1, 1_000_000).register(descriptions, {
    meaning: 'connections that are open at once',
    unit: 'channels',
    example: '16',
  }),
  queues: whole(1, 1_000_000).register(descriptions, {
    meaning: 'queues that it is lent at once',
    unit: 'queues',
    example: '64',
  }),
  sessions: whole(1, 1_000_000).register(descriptions, {
    meaning: 'sessions that are open at once',
    unit: 'sessions',
    example: '64',
  }),
  regions: whole(1, 1_000_000).register(descriptions, {
    meaning: 'regions that it has at once',
    unit: 'regions',
    example: '256',
  }),
  shared_bytes: whole(MEBIBYTE, 2 ** 48).register(descriptions, {
    meaning: 'memory of its channels and regions together',
    unit: 'bytes',
    example: '268435456',
  }),
  depth: whole(1, CHANNEL_SLOTS_MAX).register(descriptions, {
    meaning: 'requests in flight on one queue',
    unit: 'requests',
    example: '128',
  }),
  in_flight: whole(1, 1_000_000).register(descriptions, {
    meaning: 'requests taken and not completed, on all its queues; more wait in their ring',
    unit: 'requests',
    example: '1024',
  }),
  request_bytes: whole(1, REGION_BYTES_MAX).register(descriptions, {
    meaning: 'the largest input or output of one request',
    unit: 'bytes',
    example: '1048576',
  }),
  request_millis: whole(1, 600_000).register(descriptions, {
    meaning: 'the longest that one request may be estimated to keep a device',
    unit: 'milliseconds',
    example: '50',
  }),
  ops_per_second: whole(1, RATE_MAX).register(descriptions, {
    meaning: 'requests each second, on all devices together',
    unit: 'requests a second',
    example: '20000',
    fallback: 'no limit',
  }),
  ops_burst: whole(1, RATE_MAX).register(descriptions, {
    meaning: 'requests at once after a pause; only with `ops_per_second`',
    unit: 'requests',
    example: '500',
    fallback: 'a hundredth of a second of them',
  }),
  bytes_per_second: whole(1, RATE_MAX).register(descriptions, {
    meaning: 'input and output together each second, on all devices together',
    unit: 'bytes a second',
    example: '200000000',
    fallback: 'no limit',
  }),
  bytes_burst: whole(1, RATE_MAX).register(descriptions, {
    meaning: 'input and output at once after a pause; only with `bytes_per_second`',
    unit: 'bytes',
    example: '4000000',
    fallback: 'a hundredth of a second of them',
  }),
  devices: z.array(z.string()).register(descriptions, {
    meaning: 'devices that it may use',
    example: '["soft0"]',
    values: 'a list of device names',
    fallback: 'all',
  }),
  algorithms: z.array(z.enum(algorithmNames)).register(descriptions, {
    meaning: 'algorithms that it may use',
    example: '["deflate", "crc32"]',
    values: 'a list of algorithms',
    fallback: 'all',
  }),
  direct: z.boolean().register(descriptions, {
    meaning: 'it may have hardware queues of its own, on devices that allow it',
    example: 'true',
  }),
  wait_millis: whole(0, 86_400_000).register(descriptions, {
    meaning: 'the longest that a call of it may wait in line for a queue; 0: it is refused at once',
    unit: 'milliseconds',
    example: '5000',
  }),
  faults_slowed: whole(1, 1_000_000).register(descriptions, {
    meaning: 'requests that fault a device within a minute, after which it is served one request at a time',
    unit: 'faults',
    example: '2',
  }),
  faults_stopped: whole(1, 1_000_000).register(descriptions, {
    meaning: 'requests that fault a device within a minute, after which its channels are ended',
    unit: 'faults',
    example: '5',
  }),
};

const givenLimits = z.strictObject(limitKeys).partial();
type GivenLimits = z.infer<typeof givenLimits>;

/** Limits that only hold if they are given. */
type OptionalLimit =
  | 'ops_per_second'
  | 'ops_burst'
  | 'bytes_per_second'
  | 'bytes_burst'
  | 'devices'
  | 'algorithms';

type WholeLimits = z.infer<z.ZodObject<typeof limitKeys>>;

export type LimitsConfiguration = Omit<WholeLimits, OptionalLimit> & Pick<GivenLimits, OptionalLimit>;

export const limitDefaults: LimitsConfiguration = {
  weight: 1,
  channels: 1_024,
  queues: 16_384,
  sessions: 16_384,
  regions: 16_384,
  shared_bytes: 1_024 * MEBIBYTE,
  depth: CHANNEL_SLOTS_MAX,
  in_flight: 65_536,
  request_bytes: 64 * MEBIBYTE,
  request_millis: 10_000,
  direct: false,
  wait_millis: 60_000,
  faults_slowed: 3,
  faults_stopped: 10,
};

const idMeaning = (what: string): KeyDescription => ({ meaning: what, example: '1000' });

const ruleKeys = {
  uid: whole(0, ID_MAX).register(descriptions, idMeaning('the user number of the process')),
  user: z.string().min(1).register(descriptions, {
    meaning: 'the same by name, as /etc/passwd has it',
    example: '"backup"',
    values: 'a name',
  }),
  gid: whole(0, ID_MAX).register(
    descriptions,
    idMeaning('a group number of the process, any of those it has'),
  ),
  group: z.string().min(1).register(descriptions, {
    meaning: 'the same by name, as /etc/group has it',
    example: '"batch"',
    values: 'a name',
  }),
  unit: z
    .string()
    .regex(/^[^/]+\.(service|scope)$/)
    .register(descriptions, {
      meaning: 'the systemd unit; one of a user only together with `uid` or `user`',
      example: '"nightly.service"',
      values: 'a name that ends in .service or .scope',
    }),
  cgroup: z
    .string()
    .regex(/^(\/[^/]+)+$/)
    .register(descriptions, {
      meaning: 'the control group, or one above it; below user@N.service only together with `uid` or `user`',
      example: '"/system.slice/nightly.service"',
      values: 'a path from the root of the hierarchy, without a slash at its end',
    }),
  tls_subject: z.string().min(1).register(descriptions, {
    meaning:
      'the name in the certificate of a caller over TCP: its first alternative name (a URI before a DNS name), or else its common name',
    example: '"build.example.org"',
    values: 'a name without spaces',
  }),
};

const ruleSchema = z
  .strictObject(ruleKeys)
  .partial()
  .refine((rule) => Object.keys(rule).length > 0, { error: 'expected at least one key to match by' });
export type Rule = z.infer<typeof ruleSchema>;

const tenantKeys = {
  match: z.array(ruleSchema).register(descriptions, {
    meaning: 'whose calls are charged to it: rules, of which one has to hold, with all its keys: see below',
    example: '[{ user = "backup" }]',
    values: 'a list of rules',
    fallback: 'nobody',
  }),
  each_user: z.boolean().register(descriptions, {
    meaning: 'each user that it matches is a tenant of its own, named NAME:UID, with these limits',
    example: 'true',
    fallback: '`true` for the tenant `default`, else `false`',
  }),
};

const tenantSchema = z.strictObject({ ...tenantKeys, ...limitKeys }).partial();

const name = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{0,30}$/, 'expected a lower-case letter, then up to 30 of a-z 0-9 _ -');

const metricsKeys = {
  socket: z.boolean().default(true).register(descriptions, {
    meaning: 'counters as Prometheus text on the socket `metrics.sock` of the runtime folder',
    example: 'false',
  }),
  tcp: z
    .string()
    .regex(/^(127(\.\d{1,3}){3}|\[::1\]|localhost):\d{1,5}$/)
    .optional()
    .register(descriptions, {
      meaning: 'the same over TCP, for this host only',
      example: '"127.0.0.1:9464"',
      values: 'a loopback address and a port',
      fallback: 'off',
    }),
};

export const configurationSchema = z.strictObject({
  devices: z.record(name, deviceSchema).default({
    soft0: deviceSchema.parse({ driver: 'soft' }),
    null0: deviceSchema.parse({ driver: 'null' }),
  }),
  limits: givenLimits
    .prefault({})
    .transform((given): LimitsConfiguration => Object.assign({}, limitDefaults, given)),
  tenants: z.record(name, tenantSchema).default({}),
  administrators: z.array(ruleSchema).default([]).register(descriptions, {
    meaning:
      'who may see all tenants, revoke and reload, besides root and the user of the daemon: rules as those of tenants',
    example: '[{ group = "wheel" }]',
    values: 'a list of rules',
    fallback: 'nobody else',
  }),
  declared_tenants: z.boolean().default(false).register(descriptions, {
    meaning: 'for tests: a client may say which tenant it is; refused as root',
    example: 'true',
  }),
  metrics: z.strictObject(metricsKeys).prefault({}),
  grpc: grpcSchema.prefault({}),
});
export type Configuration = z.infer<typeof configurationSchema>;

interface Section {
  /** As it is written in a file. */
  readonly heading: string;
  readonly keys: Readonly<Record<string, z.ZodType>>;
}

const { administrators, declared_tenants } = configurationSchema.shape;

/** All keys, as the page has them. */
export const sections: readonly Section[] = [
  { heading: 'At the top of the file', keys: { administrators, declared_tenants } },
  { heading: '[devices.NAME]', keys: deviceKeys },
  { heading: '[devices.NAME], driver = "soft"', keys: softKeys },
  { heading: '[devices.NAME.faults]', keys: faultKeys },
  { heading: '[devices.NAME], driver = "spimdev"', keys: spimdevKeys },
  { heading: '[devices.NAME], driver = "null"', keys: nullKeys },
  { heading: '[limits]', keys: limitKeys },
  { heading: '[tenants.NAME]', keys: tenantKeys },
  { heading: 'Rules', keys: ruleKeys },
  { heading: '[metrics]', keys: metricsKeys },
  { heading: '[grpc]', keys: grpcKeys },
];
