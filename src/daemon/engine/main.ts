// The engine's process: asks the custodian for the configuration and for what an engine before it has left, opens the
// devices, takes the channels over, then serves one broker.

import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { driverEntry } from '../../hwdrivers/drivers.ts';
import { CUSTODIAN_SOCKET, ENGINE_SOCKET } from '../../shared/runtime-paths.ts';
import { errorNumber } from '../../shared/errors.ts';
import { forbidDumps } from '../../sys/process.ts';
import type { Configuration } from '../config/schema.ts';
import { requestBytesMax } from '../config/tenants.ts';
import { brokerContract, custodianContract, engineContract, vaultContract } from '../contracts.ts';
import { Link } from '../link.ts';
import { LinkServer } from '../link-sockets.ts';
import { Peer } from '../peer.ts';
import { createLog } from '../log.ts';
import { endWhenTold, lockRole, type RoleOptions, tellReady, tellStarting } from '../role.ts';
import { adoptAll } from './adoption.ts';
import { Device } from './device.ts';
import { Engine } from './engine.ts';
import { Leases } from './leases.ts';
import { Ledger, LEDGER_HANDLE, LIFELINE_HANDLE } from './ledger.ts';
import { createLifeline, type Lifeline, lifelineEnds } from './lifeline.ts';
import { EngineService } from './service.ts';
import type { Tenant } from './tenant.ts';
import { Returned, Vault } from './vault.ts';

/** How long requests in flight may take to finish when the engine is stopped by itself, milliseconds. */
const DRAIN_MILLIS = 5_000;
/** How long requests inside a device may take to finish when another engine is to go on, milliseconds. */
const REST_MILLIS = 2_000;
/** The kernel kills the workers of a dead engine at once: more than this means that one can't die, milliseconds. */
const WORKERS_MILLIS_MAX = 2_000;

/** How long a custodian that is being started again is waited for, milliseconds. */
const CUSTODIAN_MILLIS_MAX = 10_000;

const MILLIS_PER_SECOND = 1_000;

const DAEMON_STOPPING = errorNumber('DAEMON_STOPPING');

export async function runEngine(options: RoleOptions): Promise<void> {
  const startedMillis = performance.now();
  const log = createLog('engine', options.logLevel);
  const lock = lockRole('engine', options.runtimeDir);
  forbidDumps();
  const vault = new Vault(log);
  const returned = new Returned();
  let hasStarted = false;
  const custodian = new Peer(
    'custodian',
    join(options.runtimeDir, CUSTODIAN_SOCKET),
    { serves: vaultContract, calls: custodianContract },
    returned.handlers,
    {
      onUp: (link) => {
        if (hasStarted) vault.renew(link);
      },
      onDown: (reason) => {
        log.warn({ reason }, 'the custodian is gone');
        vault.down();
      },
    },
  );
  await custodian.connect();
  tellStarting('taking over from the engine before');
  const configuration = await custodian.ask(CUSTODIAN_MILLIS_MAX, 'configuration', { isFollowing: false });
  // A custodian that dies meanwhile takes the rest along, and the next one has nothing.
  const giver = await custodian.whenUp(CUSTODIAN_MILLIS_MAX);
  await custodian.ask(CUSTODIAN_MILLIS_MAX, 'giveBack', {});

  const lifeline = createLifeline();
  const earlier = returned.take(LIFELINE_HANDLE);
  const engine = new Engine(
    {
      onViolation: (channel) => leases.end(leases.get(channel.id), channel.violation),
      ring: (channel) => leases.find(channel.id)?.doorbell.ring(),
      onCompleted: (channel) => leases.afterCompletions(channel),
    },
    availableParallelism(),
  );
  const act = {
    onFault: (tenant: Tenant): void => leases.stopIfFaulty(tenant),
    onLeave: (device: Device): void => leases.leaveDevice(device),
  };
  engine.devices.push(...openDevices(configuration, engine, lifeline, act, log));
  const left = returned.take(LEDGER_HANDLE);
  const ledger = openLedger(left, log);
  const leases = new Leases(engine, ledger, vault, log);
  vault.store(LEDGER_HANDLE, ledger.memory);
  vault.store(LIFELINE_HANDLE, lifeline.watched);
  if (earlier !== undefined && !(await lifelineEnds(earlier, WORKERS_MILLIS_MAX))) {
    log.error({ waitedMillis: WORKERS_MILLIS_MAX }, 'a worker of the engine before is still there');
  }
  if (left !== undefined) {
    const devices = new Set(engine.devices.map(({ name }) => name));
    const found = adoptAll({ leases, ledger, vault, devices, log }, returned);
    for (const handle of returned.closeRest()) vault.forget(handle);
    const millis = Math.round(performance.now() - startedMillis);
    log.info({ ...found, millis }, 'went on where the engine before died');
  }
  hasStarted = true;
  if (giver.isOpen) vault.up(giver);
  else if (custodian.isUp) vault.renew(custodian.link);

  const service = new EngineService(engine, leases);
  let broker: Link<typeof engineContract, typeof brokerContract> | undefined;
  const brokerUids = new Set([options.brokerUid ?? process.getuid?.() ?? 0]);
  const server = await LinkServer.listen(join(options.runtimeDir, ENGINE_SOCKET), brokerUids, (sockets) => {
    // One broker at a time: a new one has taken the place of one that is gone, noticed or not.
    broker?.close('another broker has connected');
    const link = new Link('broker', sockets, { serves: engineContract, calls: brokerContract }, service);
    broker = link;
    leases.onEnded = (channel, reason) => {
      // A broker that is gone learns from the inventory what there still is.
      link.call('channelEnded', { channel, reason }).catch(() => {});
    };
    link.onClose = (reason) => {
      if (broker !== link) return;
      broker = undefined;
      leases.onEnded = () => {};
      log.warn({ reason }, 'the broker is gone');
    };
  });

  endWhenTold(log, async (ending) => {
    if (ending === 'restart') {
      server.close();
      await service.rest({ timeoutMillis: REST_MILLIS });
      await vault.kept();
      // Its channels are the next engine's, which finds them in vault and ledger.
      return;
    }
    await service.drain({ timeoutMillis: DRAIN_MILLIS });
    server.close();
    broker?.close('the engine stops');
    custodian.close();
    leases.endAll(DAEMON_STOPPING);
    await Promise.all(engine.devices.map((device) => device.close()));
    lock.close();
  });
  log.info({ devices: engine.devices.map(({ name }) => name) }, 'engine ready');
  tellReady({
    whenWorked: (done) => engine.whenWorked(done),
    figures: () => {
      const { devices, channels } = service.status();
      const sum = (key: 'queuesLent' | 'inFlight' | 'completed'): number =>
        devices.reduce((total, device) => total + device[key], 0);
      return `${channels} channels, ${sum('queuesLent')} queues, ${sum('inFlight')} requests in flight, ${sum('completed')} completed`;
    },
  });
}

function openDevices(
  configuration: Configuration,
  engine: Engine,
  { held }: Lifeline,
  act: { onFault(tenant: Tenant): void; onLeave(device: Device): void },
  log: Logger,
): Device[] {
  const bytesMax = requestBytesMax(configuration);
  return Object.entries(configuration.devices).map(([name, options]) => {
    const description = {
      name,
      ...driverEntry(name, options, bytesMax),
      driver: options.driver,
      failuresMax: options.failures_max,
      retryMillis: options.retry_seconds * MILLIS_PER_SECOND,
    };
    const events = {
      onWake: (): void => engine.wake(),
      onTrouble: (_device: Device, port: number, found: string, culprit: Tenant | undefined): void => {
        log.warn({ device: name, port, tenant: culprit?.name, found }, 'a hardware queue was lost');
        // Later: the device is in the middle of it.
        if (culprit !== undefined) setImmediate(() => act.onFault(culprit));
      },
      onLeave: (device: Device): void => act.onLeave(device),
      onService: (_device: Device, isOut: boolean): void => {
        const millis = description.retryMillis;
        if (isOut)
          log.error({ device: name, millis }, 'device out of service: it lost too many hardware queues');
        else log.warn({ device: name }, 'device in service again');
      },
    };
    return new Device(description, engine.clock, events, held);
  });
}

/** The ledger of the engine before, or a fresh one if there is none or it can't be used. */
function openLedger(left: Parameters<typeof Ledger.open>[0] | undefined, log: Logger): Ledger {
  if (left === undefined) return Ledger.create();
  const ledger = Ledger.open(left);
  if (typeof ledger !== 'string') return ledger;
  log.error({ found: ledger }, 'the ledger of the engine before is not usable: its channels are lost');
  left.close();
  return Ledger.create();
}
