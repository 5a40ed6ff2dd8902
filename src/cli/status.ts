// warpctl status: the daemon itself, and what the caller's tenant uses of what it may.

import type { Connection } from '../client/index.ts';
import { type Column, formatTable, type Output } from './output.ts';
import { formatBytes, formatCount, formatDuration } from './units.ts';

const processColumns: readonly Column[] = [
  { title: 'PROCESS', align: 'left' },
  { title: 'PID', align: 'right' },
  { title: 'CONNECTED', align: 'left', style: (cell) => (cell === 'yes' ? 'green' : 'red') },
];

const usageColumns: readonly Column[] = [
  { title: 'RESOURCE', align: 'left' },
  { title: 'USED', align: 'right' },
  { title: 'LIMIT', align: 'right' },
];

export async function showStatus(connection: Connection, output: Output): Promise<void> {
  const status = await connection.status();
  const processes = status.processes.map(({ name, pid, isConnected }) => [
    name,
    pid === 0 ? '-' : String(pid),
    isConnected ? 'yes' : 'no',
  ]);
  const usage = status.usage.map(({ resource, used, limit }) => {
    const format = resource.endsWith('_bytes') ? formatBytes : formatCount;
    return [resource, format(used), format(limit)];
  });
  const head = [
    `warpdrived ${status.version} in ${connection.runtimeDir}, up ${formatDuration(status.uptimeMillis)}`,
    `connections: ${status.connections}, channels: ${status.channels} (this command's among them)`,
  ];
  const text = [
    ...head.map((line) => `${line}\n`),
    `\n${formatTable(processColumns, processes)}`,
    `\nYou are tenant "${status.tenant}":\n${formatTable(usageColumns, usage)}`,
  ];
  output.show({ runtimeDir: connection.runtimeDir, ...status }, text.join(''));
}
