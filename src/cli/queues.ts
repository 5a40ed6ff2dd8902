// warpctl queues: the queues that are lent, as far as the caller may see them.

import type { Connection } from '../client/index.ts';
import { type Column, formatTable, type Output } from './output.ts';
import { formatCount, formatDuration } from './units.ts';

const columns: readonly Column[] = [
  { title: 'CHANNEL', align: 'right' },
  { title: 'QUEUE', align: 'right' },
  { title: 'TENANT', align: 'left' },
  { title: 'PID', align: 'right' },
  { title: 'DEVICE', align: 'left' },
  { title: 'ALGORITHM', align: 'left' },
  { title: 'DEPTH', align: 'right' },
  { title: 'IN FLIGHT', align: 'right' },
  { title: 'COMPLETED', align: 'right' },
];

const waitingColumns: readonly Column[] = [
  { title: 'POSITION', align: 'right' },
  { title: 'CHANNEL', align: 'right' },
  { title: 'TENANT', align: 'left' },
  { title: 'PID', align: 'right' },
  { title: 'ALGORITHM', align: 'left' },
  { title: 'WAITED', align: 'right' },
];

export async function showQueues(connection: Connection, output: Output): Promise<void> {
  const queues = await connection.queues();
  const waiting = await connection.waiting();
  const rows = queues.map((queue) => [
    String(queue.channel),
    String(queue.queue),
    queue.tenant,
    String(queue.pid),
    queue.device,
    queue.algorithm,
    String(queue.depth),
    String(queue.inFlight),
    formatCount(queue.completed),
  ]);
  const waitingRows = waiting.map(({ position, channel, tenant, pid, algorithm, waitedMillis }) => [
    String(position),
    String(channel),
    tenant,
    String(pid),
    algorithm,
    formatDuration(waitedMillis),
  ]);
  const lent = rows.length === 0 ? 'No queue is lent.\n' : formatTable(columns, rows);
  const inLine =
    waitingRows.length === 0 ? '' : `\nWaiting in line:\n${formatTable(waitingColumns, waitingRows)}`;
  output.show({ queues, waiting }, lent + inLine);
}
