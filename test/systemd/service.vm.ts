// The package under a real systemd, in a virtual machine or a container: installed, used, reloaded, killed, stopped, restarted,
// upgraded and removed, while clients of ordinary users work (guest/service.mjs); and, in a machine of its own, on a real
// device (guest/device.mjs).

import { execFileSync } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type DebianKernel, prepareKernel } from '../vm/debian-kernel.ts';
import { cacheFolder, projectFolder, runsFolder } from '../vm/folders.ts';
import { runGuest } from '../vm/guest.ts';
import { buildInitramfs } from '../vm/initramfs.ts';
import { buildModule } from '../vm/module.ts';
import { checkTools, runTool } from '../vm/tools.ts';
import { runContainer } from './container.ts';
import { prepareDebianRoot } from './debian-root.ts';

/** All 64 address bits: by itself the device would cut an address to 28. */
const EDU = 'edu,dma_mask=0xffffffffffffffff';
const MACHINE_MILLIS_MAX = 3_000_000;
/** `npm run test:systemd:container`: the host's kernel, in minutes. Otherwise a kernel of its own, emulated. */
const isContainer = process.env['WARPDRIVE_TEST_MACHINE'] === 'container';
/** Scenarios to run, of all: "service" or "device"; and a pattern of their steps. */
const only = process.env['WARPDRIVE_SCENARIO'];
const steps = process.env['WARPDRIVE_STEPS'] ?? '.';
/** What takes minutes, and a processor that isn't emulated. */
const isThorough = isContainer && steps === '.';
const scenarios = (isContainer ? ['service'] : ['service', 'device']).filter(
  (name) => only === undefined || name === only,
);
const guestFolder = join(projectFolder, 'test/systemd/guest');
const deb = join(cacheFolder, 'warpdrive.deb');
const exchangeOf = (scenario: string): string => join(runsFolder, `systemd-${scenario}`);

/** What is an error in the journal and is meant to be: each says which step of the scenario makes it. */
const expectedErrors = [
  /the configuration was not reloaded|CONFIG_INVALID/, // the broken configurations
  /Watchdog timeout|watchdog/, // the stopped parts
  /Main process exited|Failed with result|Killing process|Failed to start|Reload failed|Control process exited/, // what systemd says of those
  /IPAddressDeny|BPF/, // the guest's kernel
];

interface ChaosReport {
  readonly defects: readonly string[];
  readonly requests: number;
}

interface BenchReport {
  readonly results: readonly {
    readonly name: string;
    readonly value: number | null;
    readonly unit: string;
  }[];
}

interface JournalLine {
  readonly PRIORITY?: string;
  readonly MESSAGE?: string | number[];
  readonly _SYSTEMD_UNIT?: string;
  readonly UNIT?: string;
}

let root: string;
/** What every machine is given. */
const files = join(runsFolder, 'systemd-files');

beforeAll(async () => {
  const container = isContainer ? { 'systemd-nspawn': 'systemd-container' } : {};
  checkTools({ mmdebstrap: 'mmdebstrap', strip: 'binutils', ...container });
  root = await prepareDebianRoot();
  await rm(files, { recursive: true, force: true });
  await mkdir(files, { recursive: true });
  await buildPackages(files);
  for (const name of await readdir(guestFolder)) await copyFile(join(guestFolder, name), join(files, name));
});

/** Runs the machine of a scenario to its end. */
async function runMachine(scenario: string): Promise<void> {
  const script = `scenario=${scenario} steps='${steps}'\n${await readFile(join(guestFolder, 'run.sh'), 'utf8')}`;
  const machine = { root, exchange: exchangeOf(scenario), files, script, limitMillis: MACHINE_MILLIS_MAX };
  if (isContainer) return runContainer(machine);
  const kernel = await prepareKernel();
  const hasDevice = scenario === 'device';
  if (hasDevice) await copyModules(kernel);
  const init = join(guestFolder, 'init.sh');
  const initramfs = await buildInitramfs(kernel, init, join(kernel.folder, 'systemd'));
  await runGuest({
    ...machine,
    kernel,
    initramfs,
    devices: hasDevice ? ['-device', EDU] : [],
    hasIommu: hasDevice,
    memoryMebibytes: 3_072,
  });
}

/** What init.sh loads where it is there. */
async function copyModules(kernel: DebianKernel): Promise<void> {
  const built = await buildModule(kernel);
  for (const name of ['vfio', 'vfio_iommu_type1', 'mdev'])
    await copyFile(join(kernel.modules, `${name}.ko`), join(files, `${name}.ko`));
  for (const name of ['spimdev', 'wd_edu'])
    await copyFile(join(built, `${name}.ko`), join(files, `${name}.ko`));
}

/** The package, and the same as a newer version; not compressed, which an emulated processor would have to undo. */
async function buildPackages(folder: string): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'warpdrive-test-'));
  try {
    const built = execFileSync(process.execPath, ['scripts/build-deb.mjs', work], {
      cwd: projectFolder,
      encoding: 'utf8',
    });
    await copyFile(built.trim(), deb);
    const image = join(work, 'image');
    await runTool('dpkg-deb', ['-R', built.trim(), image]);
    const pack = (name: string) =>
      runTool('dpkg-deb', ['--root-owner-group', '-Znone', '-b', image, join(folder, name)]);
    await pack('first.deb');
    const control = join(image, 'DEBIAN/control');
    const text = await readFile(control, 'utf8');
    await writeFile(control, text.replace(/^Version: (.*)$/m, 'Version: $1+next'));
    await pack('next.deb');
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

describe('the package', () => {
  it('has no mistake that lintian calls an error', { timeout: 1_200_000 }, async () => {
    checkTools({ lintian: 'lintian' });
    expect((await runTool('lintian', ['--fail-on', 'error', deb])).toString()).not.toMatch(/^E:/m);
  });
});

describe.each(scenarios)('the package under systemd: %s', (scenario) => {
  const read = async (name: string) => (await readFile(join(exchangeOf(scenario), name), 'utf8')).trim();
  beforeAll(() => runMachine(scenario));

  it('installs', async () => {
    expect(await read('install.code'), await read('output.log')).toBe('0');
  });

  it('serves clients through all that happens to it', async () => {
    const tap = await read('scenario.tap');
    expect(Number(/^# pass (\d+)$/m.exec(tap)?.[1]), tap).toBeGreaterThan(0);
    expect(tap).toMatch(/^# fail 0$/m);
    expect(await read('scenario.code'), tap).toBe('0');
  });

  it.runIf(isThorough)('loses nothing while its parts are killed and stopped at random', async () => {
    const [code, log] = [await read('chaos.code'), await read('chaos.log')];
    expect(code, log).toBe('0');
    const { defects, requests } = JSON.parse(await read('chaos.json')) as ChaosReport;
    expect(defects, log).toEqual([]);
    expect(requests).toBeGreaterThan(0);
  });

  it.runIf(isContainer && steps === '.')(
    'is measured: how long nobody serves when a part is killed',
    async () => {
      const { results } = JSON.parse(await read('gaps.json')) as BenchReport;
      for (const { name, value, unit } of results)
        process.stdout.write(`${name} ${value?.toFixed(0)} ${unit}\n`);
      expect(results.map(({ value }) => value)).toEqual(Array.from({ length: 6 }, () => expect.any(Number)));
    },
  );

  it('is removed without a trace but its configuration, and that by a purge', async () => {
    expect(await read('remove.code'), await read('output.log')).toBe('0');
  });

  it('leaves no error in the journal that is not meant to be there', async () => {
    const lines = (await read('journal.json')).split('\n').map((line) => JSON.parse(line) as JournalLine);
    const ours = lines.filter(
      ({ _SYSTEMD_UNIT, UNIT }) =>
        `${_SYSTEMD_UNIT} ${UNIT}`.includes('warpdrive-') && !`${_SYSTEMD_UNIT}`.includes('scenario'),
    );
    expect(ours.length).toBeGreaterThan(0);
    const errors = ours.filter(({ PRIORITY }) => Number(PRIORITY) <= 3).map(({ MESSAGE }) => String(MESSAGE));
    expect(errors.filter((text) => !expectedErrors.some((pattern) => pattern.test(text)))).toEqual([]);
  });
});
