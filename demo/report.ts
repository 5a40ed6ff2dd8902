// The report of the demo: figures as data, and as a table for people.

import type { RoundTrips } from './messages.ts';

export interface OperationReport {
  readonly name: string;
  readonly title: string;
  readonly files: number;
  readonly bytes: number;
  /** Files by the device that served; 'local' where the client did it with node's own libraries. */
  readonly ranOn: Readonly<Record<string, number>>;
  /** What the device used. */
  readonly library: string;
  readonly megabytesPerSecond: number;
  readonly nodeAloneMegabytesPerSecond: number;
  /** Every byte of every result was compared, and all were right: otherwise there is no report. */
  readonly isChecked: true;
}

interface DeviceReport {
  readonly name: string;
  readonly completed: number;
  readonly failed: number;
}

export interface Report {
  readonly version: string;
  readonly clients: number;
  readonly files: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly operations: readonly OperationReport[];
  readonly roundTrips: RoundTrips;
  readonly devices: readonly DeviceReport[];
  readonly isAllRight: true;
}

const TITLES = ['operation', 'MB/s', 'node alone', 'served by', 'checked'] as const;

export function formatReport(report: Report): string {
  const { clients, files, bytes, roundTrips, devices } = report;
  const rows = report.operations.map((operation) => [
    operation.title,
    operation.megabytesPerSecond.toFixed(0),
    operation.nodeAloneMegabytesPerSecond.toFixed(0),
    formatServers(operation),
    'OK',
  ]);
  const { minMicros, medianMicros, p99Micros, count } = roundTrips;
  const requests = devices.map(({ name, completed, failed }) => `${name} ${completed} (${failed} failed)`);
  return [
    `WarpDrive ${report.version}: ${clients} client process${clients === 1 ? '' : 'es'} at once, ${files} files, ${(bytes / 1e6).toFixed(1)} MB`,
    '',
    ...formatTable([TITLES, ...rows]),
    '',
    `round trip      min ${micros(minMicros)}, median ${micros(medianMicros)}, p99 ${micros(p99Micros)} (${count} of "nop")`,
    `requests        ${requests.join(', ')}`,
    `checked         every byte, against node:zlib and node:crypto: all equal`,
    `took            ${report.seconds.toFixed(1)} s`,
    '',
  ].join('\n');
}

function micros(value: number): string {
  return `${value.toFixed(1)} us`;
}

/** "libdeflate on soft0"; with how often, where it wasn't one place alone. */
function formatServers({ ranOn, library }: OperationReport): string {
  const places = Object.entries(ranOn).map(([device, count]) => {
    const place = device === 'local' ? 'node in the client' : `${library} on ${device}`;
    return { place, count };
  });
  const [only] = places;
  if (places.length === 1 && only !== undefined) return only.place;
  return places.map(({ place, count }) => `${place}: ${count}`).join(', ');
}

/** The first and the fourth column are words, the others numbers. */
function formatTable(rows: readonly (readonly string[])[]): string[] {
  const widths = TITLES.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column === 1 || column === 2 ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd(),
  );
}
