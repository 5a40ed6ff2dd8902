// warpctl devices: what there is, how it is, and which library serves what.

import type { Connection, DeviceInfo } from '../client/index.ts';
import { type Column, formatList, formatTable, type Output } from './output.ts';
import { formatCount } from './units.ts';

const stateStyles: Readonly<Record<string, 'green' | 'yellow' | 'red'>> = {
  ready: 'green',
  starting: 'yellow',
  failed: 'red',
};

const columns: readonly Column[] = [
  { title: 'DEVICE', align: 'left' },
  { title: 'DRIVER', align: 'left' },
  { title: 'STATE', align: 'left', style: (cell) => stateStyles[cell] },
  { title: 'HW QUEUES', align: 'right' },
  { title: 'LENT', align: 'right' },
  { title: 'IN FLIGHT', align: 'right' },
  { title: 'COMPLETED', align: 'right' },
  { title: 'FAILED', align: 'right' },
  { title: 'RESETS', align: 'right' },
];

export async function showDevices(connection: Connection, output: Output): Promise<void> {
  const devices = await connection.devices();
  const rows = devices.map((device) => [
    device.name,
    device.driver,
    stateOf(device),
    String(device.hardwareQueues),
    String(device.queuesLent),
    String(device.inFlight),
    formatCount(device.completed),
    formatCount(device.failed),
    formatCount(device.resets),
  ]);
  const offers = devices.map((device) => `\n${formatOffer(device)}`).join('');
  const documents = devices.map((device) => Object.assign({}, device, { state: stateOf(device) }));
  output.show({ devices: documents }, formatTable(columns, rows) + offers);
}

/** DEVICE_STATE_READY -> ready. */
function stateOf({ state }: DeviceInfo): string {
  return state.replace('DEVICE_STATE_', '').toLowerCase();
}

/** What a device offers, under the library that does it. */
function formatOffer({ name, algorithms, libraries }: DeviceInfo): string {
  const served = new Map<string, string[]>();
  for (const [operation, library] of Object.entries(libraries)) {
    const label = `by ${library}: `;
    served.set(label, [...(served.get(label) ?? []), operation]);
  }
  if (served.size === 0) served.set('', algorithms);
  const lines = [...served].map(([label, words]) => `  ${label}${formatList(words, 2 + label.length)}\n`);
  return `${name} offers\n${lines.join('')}`;
}
