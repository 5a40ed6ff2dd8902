// warpctl queues: the queues that are lent, as far as the caller may see them.

import type { Connection } from '../client/index.ts';
import { type Column, formatTable, type Output } from './output.ts';
import { formatCount } from './units.ts';

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

export async function showQueues(connection: Connection, output: Output): Promise<void> {
  const queues = await connection.queues();
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
  output.show({ queues }, rows.length === 0 ? 'No queue is lent.\n' : formatTable(columns, rows));
}
