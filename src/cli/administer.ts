// warpctl mdevs, drain, revoke, reload: what administrators see and do.

import type { Administration } from '../client/index.ts';
import { type Column, formatTable, type Output } from './output.ts';

const mdevColumns: readonly Column[] = [
  { title: 'UUID', align: 'left' },
  { title: 'DEVICE', align: 'left' },
  { title: 'TYPE', align: 'left' },
];

export async function showOwnMdevs(administration: Administration, output: Output): Promise<void> {
  const mdevs = await administration.mdevs();
  const rows = mdevs.map(({ uuid, device, type }) => [uuid, device, type]);
  output.show(
    { mdevs },
    rows.length === 0 ? 'There is no mediated device.\n' : formatTable(mdevColumns, rows),
  );
}

export async function drain(
  administration: Administration,
  output: Output,
  { device, isUndone }: { readonly device: string; readonly isUndone: boolean },
): Promise<void> {
  if (isUndone) {
    await administration.undrain(device);
    output.show({ device, isDrained: false }, `${device} is in use again\n`);
    return;
  }
  const queues = await administration.drain(device);
  output.show(
    { device, isDrained: true, queues },
    `${device} is out of use; ${queues} queues were taken back\n`,
  );
}

export async function revoke(
  administration: Administration,
  output: Output,
  {
    channel,
    queue,
    graceMillis,
  }: { readonly channel: number; readonly queue: number; readonly graceMillis: number },
): Promise<void> {
  await administration.revoke(channel, queue, graceMillis);
  const what = queue === 0 ? `channel ${channel}` : `queue ${queue} of channel ${channel}`;
  output.show({ channel, queue }, `${what} was taken back\n`);
}

export async function reload(
  administration: Administration,
  output: Output,
  { isDryRun }: { readonly isDryRun: boolean },
): Promise<void> {
  const changes = await administration.reload(isDryRun);
  output.show({ changes }, changes.length === 0 ? 'Nothing has changed.\n' : `${changes.join('\n')}\n`);
}
