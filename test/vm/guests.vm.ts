// Boots one guest for each suite and judges it: the kernel stayed well, every test of the suite ran, and every one
// passed.

import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type DebianKernel, prepareKernel } from './debian-kernel.ts';
import { projectFolder, runsFolder } from './folders.ts';
import { runGuest } from './guest.ts';
import { buildInitramfs } from './initramfs.ts';
import { buildModule } from './module.ts';
import { buildNoiommuVfio } from './noiommu-vfio.ts';
import { type Suite, suites } from './suites.ts';
import { checkTools } from './tools.ts';

/** A guest takes minutes; on a busy host with two cores, with others beside it, three times as many. */
const GUEST_MILLIS_MAX = 1_500_000;

/** What vitest's JSON reporter writes, as far as we read it. */
interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

let kernel: DebianKernel;
/** Where a guest's modules are looked for, in order. */
let modules: string[];
/** The same for guests without an IOMMU. */
let modulesWithout: string[];
let initramfs: string;

beforeAll(async () => {
  checkTools();
  kernel = await prepareKernel();
  modules = [kernel.modules, await buildModule(kernel)];
  if (suites.some(({ hasIommu }) => !hasIommu)) {
    modulesWithout = [await buildNoiommuVfio(kernel), ...modules];
  }
  initramfs = await buildInitramfs(kernel, join(projectFolder, 'test/vm/guest/init.sh'), kernel.folder);
});

describe.concurrent('a guest', () => {
  it.each(suites)('passes the tests of "$name"', async (suite) => {
    const exchange = join(runsFolder, suite.name);
    const { devices, hasIommu } = suite;
    await runGuest({
      kernel,
      initramfs,
      exchange,
      script: guestScript(suite),
      devices,
      hasIommu,
      limitMillis: GUEST_MILLIS_MAX,
    });
    const output = await readFile(join(exchange, 'output.log'), 'utf8');
    const report = await readReport(exchange, output);
    const ran = report.testResults.map(({ name }) => basename(name));
    expect(new Set(ran), output).toEqual(new Set(suite.files));
    for (const { name, message, assertionResults } of report.testResults) {
      expect(assertionResults.length, `${name}: no test ran. ${message}`).toBeGreaterThan(0);
      for (const { fullName, status, failureMessages } of assertionResults) {
        expect(status, `${fullName}\n${failureMessages.join('\n')}`).toBe('passed');
      }
    }
  });
});

async function readReport(exchange: string, output: string): Promise<Report> {
  try {
    return JSON.parse(await readFile(join(exchange, 'results.json'), 'utf8')) as Report;
  } catch (cause) {
    throw new Error(`the guest left no results; what its tests printed:\n${output}`, { cause });
  }
}

function guestScript(suite: Suite): string {
  const vitest = 'node_modules/vitest/vitest.mjs run --config test/vm/guest/vitest.config.mjs';
  const lines = [
    'export HOME=/tmp TMPDIR=/tmp CI=true',
    `export WARPDRIVE_VM_MODULES=${quote((suite.hasIommu ? modules : modulesWithout).join(':'))}`,
    `cd ${quote(projectFolder)}`,
    `${quote(process.execPath)} ${vitest} --configLoader native --reporter=default --reporter=json \\`,
    `  --outputFile=/run/exchange/results.json ${suite.files.map((file) => `test/vm/guest/${file}`).join(' ')}`,
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
