// The engine's process: asks the custodian for the configuration and for what an engine before it has left, opens the
// devices, takes the channels over, then serves one broker. It is ready once those channels are served that want something.

import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { driverEntry } from '../../hwdrivers/drivers.ts';
import { CUSTODIAN_SOCKET } from '../../shared/runtime-paths.ts';
import { errorNumber } from '../../shared/errors.ts';
import { type Fd, makeRoomForFds } from '../../sys/fd.ts';
import type { Mapping } from '../../sys/memory.ts';
import { forbidDumps } from '../../sys/process.ts';
import type { Configuration } from '../config/schema.ts';
import { requestBytesMax } from '../config/tenants.ts';
import { custodianContract, vaultContract } from '../contracts.ts';
import { Peer } from '../peer.ts';
import { createLog } from '../log.ts';
import { endWhenTold, type RoleOptions, takeRole, tellReady, tellStarting, waitFor } from '../role.ts';
import { adopt, readLegacy } from './adoption.ts';
import { BrokerServer } from './broker-server.ts';
import { CustodianHardware } from './custodian-hardware.ts';
import { Device } from './device.ts';
import { DirectQueues } from './direct-queues.ts';
import { Engine } from './engine.ts';
import { Leases } from './leases.ts';
import { Ledger, LEDGER_HANDLE, LIFELINE_HANDLE } from './ledger.ts';
import { createLifeline, type Lifeline, lifelineEnds } from './lifeline.ts';
import { EngineService } from './service.ts';
import { SharedQueues } from './shared-queues.ts';
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

/** Descriptors of two thousand channels with some regions. */
const FDS_EXPECTED = 8_192;

const MILLIS_PER_SECOND = 1_000;

const DAEMON_STOPPING = errorNumber('DAEMON_STOPPING');

export async function runEngine(options: RoleOptions): Promise<void> {
  const log = createLog('engine', options.logLevel);
  // What takes long and can be done while another engine serves.
  makeRoomForFds(FDS_EXPECTED);
  const reserved = Ledger.reserve();
  const lock = await takeRole('engine', options);
  const startedMillis = performance.now();
  forbidDumps();
  const vault = new Vault(log);
  const returned = new Returned();
  let hasAll = false;
  const custodian = new Peer(
    'custodian',
    join(options.runtimeDir, CUSTODIAN_SOCKET),
    { serves: vaultContract, calls: custodianContract },
    returned.handlers,
    {
      onUp: (link) => {
        if (!hasAll) return;
        vault.renew(link);
        directQueues.drop(leases);
        // Once others have the link, too.
        void custodian.whenUp(CUSTODIAN_MILLIS_MAX).then(
          () => hardware.renew(),
          () => {},
        );
      },
      onDown: (reason) => {
        log.warn({ reason }, 'the custodian is gone');
        vault.down();
      },
    },
  );
  const hardware = new CustodianHardware(custodian, log);
  const directQueues = new DirectQueues(hardware, log);
  await waitFor('custodian', custodian.connect());
  tellStarting('taking over from the engine before');
  // A custodian that dies meanwhile takes the rest along, and the next one has nothing.
  const giver = await custodian.whenUp(CUSTODIAN_MILLIS_MAX);
  const [configuration] = await Promise.all([
    custodian.ask(CUSTODIAN_MILLIS_MAX, 'configuration', { isFollowing: false }),
    custodian.ask(CUSTODIAN_MILLIS_MAX, 'giveBack', {}),
  ]);

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
    onLeave: (device: Device): void => queues.shared.leaveDevice(device, leases),
  };
  engine.devices.push(...openDevices(configuration, { engine, hardware, lifeline, act, log }));
  const queues = { shared: new SharedQueues(engine, log), direct: directQueues };
  const left = returned.take(LEDGER_HANDLE);
  const ledger = openLedger(left, reserved, log);
  const leases = new Leases(engine, ledger, vault, queues, log);
  vault.store(LEDGER_HANDLE, ledger.memory);
  vault.store(LIFELINE_HANDLE, lifeline.watched);
  // Before a worker has something to do: the next engine has to wait for it.
  if (giver.isOpen) vault.up(giver);
  if (earlier !== undefined && !(await lifelineEnds(earlier, WORKERS_MILLIS_MAX))) {
    log.error({ waitedMillis: WORKERS_MILLIS_MAX }, 'a worker of the engine before is still there');
  }
  const service = new EngineService(engine, leases, queues);
  let broker: BrokerServer | undefined = undefined;
  const takeOver = async (): Promise<void> => {
    const { lively, idle, found } = readLegacy(ledger, returned, log);
    const heir = { engine, leases, ledger, vault, returned, log };
    await adopt(heir, lively, found);
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
    await adopt(heir, idle, found);
    for (const handle of returned.closeRest()) vault.forget(handle);
    const millis = Math.round(performance.now() - startedMillis);
    if (left !== undefined) log.info({ ...found, millis }, 'went on where the engine before died');
    directQueues.keepOnly(leases);
    hasAll = true;
    if (!giver.isOpen && custodian.isUp) {
      vault.renew(custodian.link);
      directQueues.drop(leases);
      hardware.renew();
    }
    // It asks what there is.
    broker = await BrokerServer.listen(options, service, leases, log);
  };
  const takenOver = takeOver();
  endWhenTold(log, async (ending) => {
    await takenOver;
    if (ending === 'restart') {
      broker?.close();
      await service.rest({ timeoutMillis: REST_MILLIS });
      do await vault.kept();
      while (!vault.isComplete);
      // Its channels are the next engine's, which finds them in vault and ledger.
      return;
    }
    await service.drain({ timeoutMillis: DRAIN_MILLIS });
    broker?.close();
    custodian.close();
    leases.endAll(DAEMON_STOPPING);
    await Promise.all(engine.devices.map((device) => device.close()));
    lock.close();
  });
  await takenOver;
}

interface DeviceOwner {
  readonly engine: Engine;
  readonly hardware: CustodianHardware;
  readonly lifeline: Lifeline;
  readonly act: { onFault(tenant: Tenant): void; onLeave(device: Device): void };
  readonly log: Logger;
}

function openDevices(configuration: Configuration, owner: DeviceOwner): Device[] {
  const { engine, hardware, lifeline, act, log } = owner;
  const bytesMax = requestBytesMax(configuration);
  return Object.entries(configuration.devices).map(([name, options]) => {
    const description = {
      name,
      ...driverEntry(options, { name, requestBytesMax: bytesMax, host: hardware.hostOf(name) }),
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
    return new Device(description, engine.clock, events, lifeline.held);
  });
}

/** The ledger of the engine before, or a fresh one if there is none or it can't be used. */
function openLedger(left: Fd | undefined, reserved: Mapping, log: Logger): Ledger {
  if (left === undefined) return Ledger.create(reserved);
  const ledger = Ledger.open(left, reserved);
  if (typeof ledger !== 'string') return ledger;
  log.error({ found: ledger }, 'the ledger of the engine before is not usable: its channels are lost');
  left.close();
  return Ledger.create();
}
