import { describe, expect, it } from 'vitest';
import { formatMetrics, metricRows } from '../../../src/daemon/broker/metrics.ts';
import { Refusals } from '../../../src/daemon/broker/refusals.ts';
import { Usage } from '../../../src/daemon/engine/usage.ts';
import { type Picture, waitBoundsSeconds } from '../../../src/shared/picture.ts';

function pictureOf(usage: Usage): Picture {
  const refusals = new Refusals();
  refusals.count('a "b"', 'QUOTA_EXCEEDED', 'queues');
  refusals.count('a "b"', 'QUOTA_EXCEEDED', 'queues');
  refusals.count('c', 'PERMISSION_DENIED');
  return {
    usage: [{ ...usage.counts(), tenant: 'a "b"', device: 'soft0' }],
    accounts: [{ tenant: 'c', resource: 'queues', used: 3, limit: 16 }],
    tenants: [{ tenant: 'c', weight: 0.5, inFlight: 7 }],
    refusals: refusals.list(),
    waitingInLine: [{ tenant: 'c', count: 2 }],
    loop: { gapMillis: 4, gaps: waitBoundsSeconds.map((_, index) => (index === 3 ? 2 : 0)) },
    devices: [{ device: 'soft0', isUp: true, hardwareQueues: 2, queuesLent: 9, inFlight: 4, resets: 1 }],
  };
}

describe('the metrics', () => {
  it('say what was counted, by tenant and device', async () => {
    const usage = new Usage();
    usage.completed(4_096, 1_500_000_000, true);
    usage.completed(100, 500_000_000, false);
    const lines = (await formatMetrics(pictureOf(usage))).split('\n');
    for (const line of [
      'warpdrive_requests_total{tenant="a \\"b\\"",device="soft0"} 2',
      'warpdrive_requests_failed_total{tenant="a \\"b\\"",device="soft0"} 1',
      'warpdrive_bytes_total{tenant="a \\"b\\"",device="soft0"} 4196',
      'warpdrive_device_seconds_total{tenant="a \\"b\\"",device="soft0"} 2',
      'warpdrive_refusals_total{tenant="a \\"b\\"",code="QUOTA_EXCEEDED",limit="queues"} 2',
      'warpdrive_refusals_total{tenant="c",code="PERMISSION_DENIED",limit=""} 1',
      'warpdrive_used{tenant="c",resource="queues"} 3',
      'warpdrive_limit{tenant="c",resource="queues"} 16',
      'warpdrive_weight{tenant="c"} 0.5',
      'warpdrive_in_flight{tenant="c"} 7',
      'warpdrive_waiting_in_line{tenant="c"} 2',
      'warpdrive_device_up{device="soft0"} 1',
      'warpdrive_device_resets_total{device="soft0"} 1',
      'warpdrive_loop_gap_seconds_bucket{le="0.000004"} 0',
      'warpdrive_loop_gap_seconds_bucket{le="0.000008"} 2',
      'warpdrive_loop_gap_seconds_sum 0.004',
    ]) {
      expect(lines).toContain(line);
    }
    for (const { name, type, help } of metricRows) {
      expect(lines).toContain(`# HELP ${name} ${help}`);
      expect(lines).toContain(`# TYPE ${name} ${type}`);
    }
  });

  it('count each wait in the bucket that it belongs to and in all above', async () => {
    const usage = new Usage();
    const waits = [0, 0.0005, 0.001, 0.0039, 0.004, 1.5, 1e9];
    for (const millis of waits) {
      usage.completed(1, 1, true);
      // Nobody is told of those that had not to wait.
      if (millis > 0) usage.waited(millis);
    }
    const text = await formatMetrics(pictureOf(usage));
    for (const bound of waitBoundsSeconds) {
      const [, count] = new RegExp(`_bucket{[^}]*le="${bound}"} (\\d+)`).exec(text) ?? [];
      expect(Number(count), `below ${bound} s`).toBe(waits.filter((millis) => millis / 1_000 < bound).length);
    }
    expect(text).toMatch(/_bucket{[^}]*le="\+Inf"} 7\n/);
    expect(text).toMatch(/warpdrive_wait_seconds_count{[^}]*} 7\n/);
    expect(text).toMatch(/warpdrive_wait_seconds_sum{[^}]*} 1000000\.0015/);
  });
});
