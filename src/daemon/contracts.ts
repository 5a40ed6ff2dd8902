// What the daemon's processes ask of each other: every call, with what it carries. Checked on arrival, even though
// the peers are our own: a bug on one side ends as an error here and not as memory written on the other.

import { z } from 'zod';
import { algorithmNames } from '../shared/operations.ts';
import {
  CHANNEL_QUEUES_MAX,
  CHANNEL_REGIONS_MAX,
  CHANNEL_SESSIONS_MAX,
  CHANNEL_SLOTS_MAX,
  REGION_BYTES_MAX,
} from '../shared/limits.ts';
import { configurationSchema } from './config/schema.ts';

const nothing = z.strictObject({});
const channel = z.number().int().positive();
const queue = z.number().int().min(1).max(CHANNEL_QUEUES_MAX);
const session = z.number().int().min(1).max(CHANNEL_SESSIONS_MAX);
const region = z.number().int().min(1).max(CHANNEL_REGIONS_MAX);
const algorithm = z.enum(algorithmNames);
const count = z.number().int().nonnegative();
const handle = z.number().int().positive();

const deviceName = z.string().min(1).max(31);
const deviceAddress = z.number().int().positive();

const rate = z.strictObject({ perSecond: z.number().positive(), burst: z.number().positive() });

const tenantLimits = z.strictObject({
  weight: z.number().positive(),
  inFlightMax: z.number().int().positive(),
  requestBytesMax: z.number().int().positive(),
  requestNanosMax: z.number().positive(),
  operations: rate.optional(),
  bytes: rate.optional(),
  /** Names of the devices that it may use; all if left out. */
  devices: z.array(z.string()).optional(),
  faultsSlowed: z.number().int().positive(),
  faultsStopped: z.number().int().positive(),
});
const tenantName = z.string().max(128);

/** A process, named for good: the number alone could come to mean another one. */
const processName = z.strictObject({
  uid: count,
  pid: z.number().int().positive(),
  /** When it started, clock ticks since boot. */
  startTicks: z.string(),
});
export type ProcessName = z.infer<typeof processName>;

/** Whose a channel is: what the broker needs to know of it, kept in the engine's ledger. */
export const channelSetup = z.strictObject({
  channel,
  slots: count,
  tenant: tenantName,
  limits: tenantLimits,
  owner: processName,
  /** In hexadecimal. */
  resumeSecret: z.string(),
});
export type ChannelSetup = z.infer<typeof channelSetup>;

const deviceStatus = z.strictObject({
  name: z.string(),
  driver: z.string(),
  algorithms: z.array(algorithm),
  state: z.enum(['starting', 'ready', 'failed', 'drained']),
  hardwareQueues: count,
  queuesLent: count,
  inFlight: count,
  completed: count,
  failed: count,
  resets: count,
  libraries: z.record(z.string(), z.string()),
});

/** How long the engine's loop left channels unvisited. */
const loop = z.strictObject({ gapMillis: z.number(), gaps: z.array(count) });

const queueStatus = z.strictObject({
  channel,
  queue,
  tenant: z.string(),
  device: z.string(),
  algorithm,
  depth: count,
  inFlight: count,
  completed: count,
});

/** What a tenant has had of a device, as engine/usage.ts counts it. */
const usageCounts = z.strictObject({
  tenant: z.string(),
  device: z.string(),
  requests: count,
  failed: count,
  bytes: count,
  deviceNanos: z.number().nonnegative(),
  waitMillis: z.number().nonnegative(),
  waits: z.array(count),
});

/** A hardware queue that a tenant has whole, by the queue of a channel that it is. */
const loan = z.strictObject({ channel, queue });

const channelInventory = z.strictObject({
  setup: channelSetup,
  queues: z.array(queue),
  sessions: z.array(session),
  regions: z.array(z.strictObject({ region, bytes: z.number().int().positive() })),
});
export type ChannelInventory = z.infer<typeof channelInventory>;

/** Channels in one part of the inventory: the engine makes it between requests. */
export const CHANNELS_LISTED_MAX = 250;

/** Queues in one list: the engine makes it between requests, so it has to be short. */
export const QUEUES_LISTED_MAX = 1_000;

/** Tenants in one part of their usage. */
export const TENANTS_LISTED_MAX = 100;

/** What the engine does for the broker. */
export const engineContract = {
  /** Descriptors: the channel's memory, the engine's end of the doorbell. */
  openChannel: {
    request: channelSetup,
    reply: nothing,
    fds: 2,
  },
  /**
   * `reason`: what its client is told. With a grace period nothing more is taken from it, and it ends when what was
   * taken has completed, or when the period is over; the answer doesn't wait for that.
   */
  closeChannel: {
    request: z.strictObject({ channel, reason: z.enum(['CLIENT_CLOSED', 'REVOKED']), graceMillis: count }),
    reply: nothing,
    fds: 0,
  },
  /** Requests that their client gives up: those that no device holds complete as CANCELLED. */
  cancelRequests: {
    request: z.strictObject({
      channel,
      requests: z.array(z.strictObject({ slot: count, cookie: z.number().int() })).max(CHANNEL_SLOTS_MAX),
    }),
    reply: nothing,
    fds: 0,
  },
  openQueue: {
    request: z.strictObject({
      channel,
      queue,
      device: z.string(),
      algorithm,
      depth: z.number().int().positive(),
    }),
    reply: nothing,
    fds: 0,
  },
  closeQueue: { request: z.strictObject({ channel, queue }), reply: nothing, fds: 0 },
  /** Whether a device is out of use: then it gets no more queues. */
  setDrained: {
    request: z.strictObject({ device: z.string(), isDrained: z.boolean() }),
    reply: nothing,
    fds: 0,
  },
  /**
   * The same as openQueue for a hardware queue as a whole, whose descriptor comes with the answer. While none is free the
   * call waits.
   */
  openDirectQueue: {
    request: z.strictObject({ channel, queue, device: deviceName, algorithm, waitMillis: count }),
    reply: z.strictObject({ deviceApi: z.string() }),
    fds: 0,
    replyFds: 1,
    isPatient: true,
  },
  /** Makes a region reachable for such a queue: where its device sees it. */
  mapRegion: {
    request: z.strictObject({ channel, queue, region }),
    reply: z.strictObject({ address: deviceAddress }),
    fds: 0,
    isPatient: true,
  },
  /** Takes back queues of a device, at most QUEUES_LISTED_MAX at once: names them, and tells what is left to do. */
  takeQueuesBack: {
    request: z.strictObject({ device: z.string() }),
    reply: z.strictObject({
      queues: z.array(z.strictObject({ channel, queue })),
      queuesLent: count,
      inFlight: count,
    }),
    fds: 0,
  },
  openSession: {
    request: z.strictObject({
      channel,
      session,
      algorithm,
      parameters: z.discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('level'), level: z.number().int() }),
        z.strictObject({ kind: z.literal('key'), key: z.string() }),
      ]),
    }),
    reply: nothing,
    fds: 0,
  },
  /** Answered, like removeRegion, when no request in flight uses it any more. */
  closeSession: { request: z.strictObject({ channel, session }), reply: nothing, fds: 0, isPatient: true },
  /** Descriptor: the region's memory. */
  addRegion: {
    request: z.strictObject({ channel, region, bytes: z.number().int().positive().max(REGION_BYTES_MAX) }),
    reply: nothing,
    fds: 1,
  },
  /** Answered when no request in flight uses it any more. */
  removeRegion: { request: z.strictObject({ channel, region }), reply: nothing, fds: 0, isPatient: true },
  /** Sets other limits for tenants, at once and also for what they have. */
  configureTenants: {
    request: z.strictObject({
      tenants: z.array(z.strictObject({ tenant: tenantName, limits: tenantLimits })),
    }),
    reply: nothing,
    fds: 0,
  },
  /** What tenants use and have had, in parts of TENANTS_LISTED_MAX: those from a number on, in the order they came. */
  usage: {
    request: z.strictObject({ from: count }),
    reply: z.strictObject({
      tenants: z.array(z.strictObject({ tenant: z.string(), weight: z.number(), inFlight: count })),
      usage: z.array(usageCounts),
      isLast: z.boolean(),
    }),
    fds: 0,
  },
  status: {
    request: nothing,
    reply: z.strictObject({ devices: z.array(deviceStatus), channels: count, turns: count, loop }),
    fds: 0,
  },
  /** The queues of some channels, or of all; at most QUEUES_LISTED_MAX. */
  queues: {
    request: z.strictObject({ channels: z.array(channel).nullable() }),
    reply: z.strictObject({ queues: z.array(queueStatus) }),
    fds: 0,
  },
  /** What there is, for a broker that has lost its memory: at most CHANNELS_LISTED_MAX channels, those after one. */
  inventory: {
    request: z.strictObject({ after: count }),
    reply: z.strictObject({ channels: z.array(channelInventory), isLast: z.boolean() }),
    fds: 0,
  },
  /** Finishes what is in flight, then ends all channels, telling their clients that the daemon stops. */
  drain: { request: z.strictObject({ timeoutMillis: count }), reply: nothing, fds: 0 },
} as const;

/** What the broker does for the engine. */
export const brokerContract = {
  /** The channel is over: its client hung up, or broke the protocol (`reason` is an error number). */
  channelEnded: { request: z.strictObject({ channel, reason: count }), reply: nothing, fds: 0 },
} as const;

const processIdentity = z.strictObject({
  /** When the process started, clock ticks since boot: with the pid, it names one process for good. */
  startTicks: z.string(),
  command: z.string(),
  /** The users that it is: its real user, the effective one, the others of credentials(7). */
  uids: z.array(count),
  /** Its control group, a path from the root of the hierarchy. */
  cgroup: z.string().optional(),
});
export type ProcessIdentity = z.infer<typeof processIdentity>;

/** What the custodian does for broker and engine. */
export const custodianContract = {
  /** `isFollowing`: tell the caller of others, by `reconfigure`. */
  configuration: {
    request: z.strictObject({ isFollowing: z.boolean() }),
    reply: configurationSchema,
    fds: 0,
  },
  /** Reads the configuration file again; answers what changes, a line for each key. */
  reload: {
    request: z.strictObject({ isDry: z.boolean(), uid: count, pid: count }),
    reply: z.strictObject({ changes: z.array(z.string()) }),
    fds: 0,
  },
  /** Who a process is; null if there is none with this number. */
  identify: {
    request: z.strictObject({ pid: z.number().int().positive() }),
    reply: z.strictObject({ process: processIdentity.nullable() }),
    fds: 0,
  },
  /** Keeps a duplicate of each descriptor, under the engine's handle for it. */
  store: { request: z.strictObject({ handles: z.array(handle) }), reply: nothing, fds: 'handles' },
  forget: { request: z.strictObject({ handles: z.array(handle) }), reply: nothing, fds: 0 },
  /**
   * A new engine begins: gives all that is stored to it, by `takeBack`. Answered when that is done, and when no device
   * moves anything of the engine before.
   */
  giveBack: { request: nothing, reply: nothing, fds: 0, isPatient: true },
  /** Throws why a hardware device can't be used. */
  checkDevice: { request: z.strictObject({ device: deviceName }), reply: nothing, fds: 0, isPatient: true },
  /**
   * Takes a hardware queue for all tenants, waiting in line for it. Descriptors: the queue; with `bounce`, the pinned memory
   * through which requests have to be copied. It ends with the link.
   */
  takeQueue: {
    request: z.strictObject({ device: deviceName }),
    reply: z.strictObject({
      id: count,
      deviceApi: z.string(),
      isStoppable: z.boolean(),
      /** The mdev that it is of: with another one than before, nothing is mapped. */
      mdev: z.string(),
      /** The memory's bytes, and its physical address. */
      bounce: z.strictObject({ bytes: z.number().int().positive(), address: deviceAddress }).optional(),
    }),
    fds: 0,
    replyFds: 1,
    replyFdsMax: 2,
    isPatient: true,
  },
  returnQueue: { request: z.strictObject({ device: deviceName, id: count }), reply: nothing, fds: 0 },
  /** Makes memory reachable for these queues: where the device sees it, or null where requests are copied. It ends with the link. */
  mapMemory: {
    request: z.strictObject({
      device: deviceName,
      bytes: z.number().int().positive().max(REGION_BYTES_MAX),
    }),
    reply: z.strictObject({ address: deviceAddress.nullable() }),
    fds: 1,
    isPatient: true,
  },
  unmapMemory: {
    request: z.strictObject({ device: deviceName, address: deviceAddress }),
    reply: nothing,
    fds: 0,
    isPatient: true,
  },
  /** Lends a hardware queue whole; it stays lent when the engine dies. Descriptor: the queue. */
  lendQueue: {
    request: z.strictObject({
      ...loan.shape,
      device: deviceName,
      tenant: tenantName,
      deadlineMillis: count,
    }),
    reply: z.strictObject({ deviceApi: z.string() }),
    fds: 0,
    replyFds: 1,
    isPatient: true,
  },
  /** Who waits for it waits no longer. */
  endLoan: { request: loan, reply: nothing, fds: 0, isPatient: true },
  /** Ends all loans but those that the engine has found in its ledger; of these, all mappings but of regions that it found. */
  endOtherLoans: {
    request: z.strictObject({
      known: z.array(z.strictObject({ ...loan.shape, regions: z.array(handle) })),
    }),
    reply: nothing,
    fds: 0,
    isPatient: true,
  },
  /** Makes a region, by the engine's handle, reachable for a queue that is lent whole. */
  mapForLoan: {
    request: z.strictObject({
      ...loan.shape,
      handle,
      bytes: z.number().int().positive().max(REGION_BYTES_MAX),
    }),
    reply: z.strictObject({ address: deviceAddress }),
    fds: 1,
    isPatient: true,
  },
  unmapForLoan: {
    request: z.strictObject({ ...loan.shape, handle }),
    reply: nothing,
    fds: 0,
    isPatient: true,
  },
  /** The mdevs that the daemon has made. */
  mdevs: {
    request: nothing,
    reply: z.strictObject({
      mdevs: z.array(z.strictObject({ uuid: z.string(), device: z.string(), type: z.string() })),
    }),
    fds: 0,
  },
} as const;

/** What the broker does for the custodian. */
export const followerContract = {
  /** Another configuration is in force. */
  reconfigure: { request: configurationSchema, reply: nothing, fds: 0 },
} as const;

/** What the engine does for the custodian. */
export const vaultContract = {
  takeBack: { request: z.strictObject({ handles: z.array(handle) }), reply: nothing, fds: 'handles' },
} as const;
