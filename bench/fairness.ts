// How fair a device was: what each tenant had, beside its weight; and a picture of the shares over time.

export interface Share {
  readonly name: string;
  readonly weight: number;
  /** Device time, nanoseconds. */
  readonly nanos: number;
}

/** Jain's index of device time by weight: 1 if all had the same of it, 1/n if one had everything. */
export function jainIndex(shares: readonly Share[]): number {
  const normal = shares.map(({ nanos, weight }) => nanos / weight);
  const sum = normal.reduce((total, value) => total + value, 0);
  const squares = normal.reduce((total, value) => total + value * value, 0);
  return (sum * sum) / (shares.length * squares);
}

/** How far the tenant that is furthest from its share is from it: 0.05 if it had 5 % more or less. */
export function furthestFromShare(shares: readonly Share[]): number {
  const nanos = shares.reduce((sum, share) => sum + share.nanos, 0);
  const weights = shares.reduce((sum, share) => sum + share.weight, 0);
  return Math.max(...shares.map((share) => Math.abs(share.nanos / nanos / (share.weight / weights) - 1)));
}

const WIDTH = 800;
const HEIGHT = 420;
const MARGIN = { left: 52, right: 116, top: 40, bottom: 44 };
const HUE_STEP = 47;

/** What each had from one sample to the next, all of one length; in the order of `names`. */
export interface Timeline {
  readonly names: readonly string[];
  readonly weights: readonly number[];
  readonly sampleMillis: number;
  readonly samples: readonly (readonly number[])[];
}

/** The shares of device time over time, one band for each tenant, as an SVG image. */
export function drawShares({ names, weights, sampleMillis, samples }: Timeline): string {
  const plot = { width: WIDTH - MARGIN.left - MARGIN.right, height: HEIGHT - MARGIN.top - MARGIN.bottom };
  const xOf = (index: number): number => MARGIN.left + (plot.width * index) / Math.max(1, samples.length - 1);
  const yOf = (share: number): number => MARGIN.top + plot.height * (1 - share);
  const edges = samples.map((sample) => cumulate(sample));
  const wanted = cumulate(weights);
  const bands = names.map((name, at) => {
    const upper = edges.map((edge, index) => point(xOf(index), yOf(edge[at + 1] ?? 0)));
    const lower = edges.map((edge, index) => point(xOf(index), yOf(edge[at] ?? 0)));
    const colour = `hsl(${(at * HUE_STEP) % 360} 55% 62%)`;
    const middle = yOf(((wanted[at] ?? 0) + (wanted[at + 1] ?? 0)) / 2);
    return [
      `<polygon fill="${colour}" points="${[...upper, ...lower.toReversed()].join(' ')}"/>`,
      `<text x="${WIDTH - MARGIN.right + 8}" y="${(middle + 4).toFixed(1)}">${name}, weight ${weights[at]}</text>`,
    ].join('\n');
  });
  const lines = wanted.slice(1, -1).map((share) => {
    const y = yOf(share).toFixed(1);
    return `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${y}" y2="${y}" class="wanted"/>`;
  });
  const levels = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const y = (yOf(share) + 4).toFixed(1);
    return `<text x="${MARGIN.left - 8}" y="${y}" text-anchor="end">${share * 100} %</text>`;
  });
  const seconds = (samples.length * sampleMillis) / 1_000;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img">
<title>Shares of device time over ${seconds.toFixed(1)} s</title>
<style>text{font:12px sans-serif;fill:#222}.wanted{stroke:#222;stroke-dasharray:5 4;stroke-width:1}</style>
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
<text x="${MARGIN.left}" y="24">Device time of each tenant; dashed: its share by weight</text>
${[...bands, ...lines, ...levels].join('\n')}
<text x="${MARGIN.left}" y="${HEIGHT - 16}">0 s</text>
<text x="${WIDTH - MARGIN.right}" y="${HEIGHT - 16}" text-anchor="end">${seconds.toFixed(1)} s</text>
</svg>
`;
}

/** 0, then the sum of the first one, of the first two, ... as parts of the whole. */
function cumulate(values: readonly number[]): number[] {
  const total = values.reduce((sum, value) => sum + value, 0) || 1;
  const sums = [0];
  for (const value of values) sums.push((sums.at(-1) ?? 0) + value / total);
  return sums;
}

function point(x: number, y: number): string {
  return `${x.toFixed(1)},${y.toFixed(1)}`;
}
