// The counters as Prometheus text: one table of metrics, each with how its values are had from a picture of the
// counters. docs/METRICS.md is the table as a page, and a test keeps the two equal. Pure: whoever serves the text
// takes the picture.

import { Counter, Gauge, type Metric, Registry } from 'prom-client';
import { type Picture, type UsageCounts, waitBoundsSeconds } from '../../shared/picture.ts';

const NANOS_PER_SECOND = 1e9;
const MILLIS_PER_SECOND = 1e3;

interface Value {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

interface MetricRow {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  readonly help: string;
}

interface NumberRow extends MetricRow {
  readonly type: 'counter' | 'gauge';
  readonly values: (picture: Picture) => Value[];
}

type UsageNumber = Exclude<keyof UsageCounts, 'waits'>;

function ofUsage(name: UsageNumber, perUnit = 1) {
  return ({ usage }: Picture): Value[] =>
    usage.map((counts) => ({
      labels: { tenant: counts.tenant, device: counts.device },
      value: counts[name] / perUnit,
    }));
}

function ofDevices(valueOf: (device: Picture['devices'][number]) => number) {
  return ({ devices }: Picture): Value[] =>
    devices.map((entry) => ({ labels: { device: entry.device }, value: valueOf(entry) }));
}

const BOTH = ['tenant', 'device'] as const;

const numberRows: readonly NumberRow[] = [
  {
    name: 'warpdrive_requests_total',
    type: 'counter',
    labels: BOTH,
    help: 'Requests that a device has completed.',
    values: ofUsage('requests'),
  },
  {
    name: 'warpdrive_requests_failed_total',
    type: 'counter',
    labels: BOTH,
    help: 'Of these, those that ended with an error.',
    values: ofUsage('failed'),
  },
  {
    name: 'warpdrive_bytes_total',
    type: 'counter',
    labels: BOTH,
    help: 'Input and output of completed requests together, bytes.',
    values: ofUsage('bytes'),
  },
  {
    name: 'warpdrive_device_seconds_total',
    type: 'counter',
    labels: BOTH,
    help: 'Device time of completed requests, seconds.',
    values: ofUsage('deviceNanos', NANOS_PER_SECOND),
  },
  {
    name: 'warpdrive_refusals_total',
    type: 'counter',
    labels: ['tenant', 'code', 'limit'],
    help: 'Calls that were refused, by error code and, where it was one, by the limit that was reached.',
    values: ({ refusals }) =>
      refusals.map(({ tenant, code, limit, count }) => ({ labels: { tenant, code, limit }, value: count })),
  },
  {
    name: 'warpdrive_used',
    type: 'gauge',
    labels: ['tenant', 'resource'],
    help: 'What a tenant has of a resource at the moment.',
    values: ({ accounts }) =>
      accounts.map(({ tenant, resource, used }) => ({ labels: { tenant, resource }, value: used })),
  },
  {
    name: 'warpdrive_limit',
    type: 'gauge',
    labels: ['tenant', 'resource'],
    help: 'What a tenant may have of a resource.',
    values: ({ accounts }) =>
      accounts.map(({ tenant, resource, limit }) => ({ labels: { tenant, resource }, value: limit })),
  },
  {
    name: 'warpdrive_weight',
    type: 'gauge',
    labels: ['tenant'],
    help: 'The weight of a tenant.',
    values: ({ tenants }) => tenants.map(({ tenant, weight }) => ({ labels: { tenant }, value: weight })),
  },
  {
    name: 'warpdrive_in_flight',
    type: 'gauge',
    labels: ['tenant'],
    help: 'Requests of a tenant that were taken and have not completed.',
    values: ({ tenants }) => tenants.map(({ tenant, inFlight }) => ({ labels: { tenant }, value: inFlight })),
  },
  {
    name: 'warpdrive_waiting_in_line',
    type: 'gauge',
    labels: ['tenant'],
    help: 'Calls of a tenant that wait in line for a queue.',
    values: ({ waitingInLine }) =>
      waitingInLine.map(({ tenant, count }) => ({ labels: { tenant }, value: count })),
  },
  {
    name: 'warpdrive_device_up',
    type: 'gauge',
    labels: ['device'],
    help: '1 while a device serves, 0 while it does not.',
    values: ofDevices(({ isUp }) => (isUp ? 1 : 0)),
  },
  {
    name: 'warpdrive_device_hardware_queues',
    type: 'gauge',
    labels: ['device'],
    help: 'Hardware queues of a device.',
    values: ofDevices(({ hardwareQueues }) => hardwareQueues),
  },
  {
    name: 'warpdrive_device_queues_lent',
    type: 'gauge',
    labels: ['device'],
    help: 'Queues on a device that tenants have.',
    values: ofDevices(({ queuesLent }) => queuesLent),
  },
  {
    name: 'warpdrive_device_in_flight',
    type: 'gauge',
    labels: ['device'],
    help: 'Requests inside a device.',
    values: ofDevices(({ inFlight }) => inFlight),
  },
  {
    name: 'warpdrive_device_resets_total',
    type: 'counter',
    labels: ['device'],
    help: 'Times that a hardware queue of a device was lost and brought up again.',
    values: ofDevices(({ resets }) => resets),
  },
];

interface HistogramRow extends MetricRow {
  readonly type: 'histogram';
  readonly values: (picture: Picture) => Distribution[];
}

interface Distribution {
  readonly labels: Readonly<Record<string, string>>;
  readonly sumMillis: number;
  /** How often how long, by `waitBoundsSeconds`. */
  readonly counts: readonly number[];
}

const histogramRows: readonly HistogramRow[] = [
  {
    name: 'warpdrive_wait_seconds',
    type: 'histogram',
    labels: BOTH,
    help: 'How long requests waited before they went to a device, seconds.',
    values: ({ usage }) =>
      usage.map(({ tenant, device, waits: counts, waitMillis: sumMillis }) => ({
        labels: { tenant, device },
        sumMillis,
        counts,
      })),
  },
  {
    name: 'warpdrive_loop_gap_seconds',
    type: 'histogram',
    labels: [],
    help: "How long the engine's loop left channels that were awake unvisited, seconds.",
    values: ({ loop }) => [{ labels: {}, sumMillis: loop.gapMillis, counts: loop.gaps }],
  },
];

export const metricRows: readonly MetricRow[] = [...numberRows, ...histogramRows];

/** A picture as text, in the exposition format 0.0.4. */
export async function formatMetrics(picture: Picture): Promise<string> {
  const registry = new Registry();
  for (const { name, type, labels, help, values } of numberRows) {
    const options = { name, help, labelNames: [...labels], registers: [registry] };
    const metric = type === 'counter' ? new Counter(options) : new Gauge(options);
    for (const { labels: given, value } of values(picture)) metric.inc(given, value);
  }
  for (const row of histogramRows) registry.registerMetric(countedHistogram(row, picture));
  return registry.metrics();
}

/** The library's own histogram only takes observations one by one; these have been counted already. */
function countedHistogram({ name, help, type, values: valuesOf }: HistogramRow, picture: Picture): Metric {
  const values = valuesOf(picture).flatMap(({ labels, sumMillis, counts }) => {
    let below = 0;
    const samples = counts.map((count, index) => {
      below += count;
      const le = String(waitBoundsSeconds[index] ?? '+Inf');
      const bucket: Readonly<Record<string, string>> = { ...labels, le };
      return { metricName: `${name}_bucket`, labels: bucket, value: below };
    });
    samples.push({ metricName: `${name}_sum`, labels, value: sumMillis / MILLIS_PER_SECOND });
    samples.push({ metricName: `${name}_count`, labels, value: below });
    return samples;
  });
  const data = { name, help, type, aggregator: 'sum', values };
  return { name, get: () => Promise.resolve(data) } as unknown as Metric;
}
