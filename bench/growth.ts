// A picture of growth: two plots beside each other, both axes by powers of ten.

export interface Series {
  readonly name: string;
  /** Number and value. */
  readonly points: readonly (readonly [number, number])[];
}

const PLOT = { width: 320, height: 240 };
const MARGIN = { left: 64, right: 24, top: 48, bottom: 72 };
const COLOURS = ['#1b6ca8', '#c8553d', '#588157'];

/** `costs`: nanoseconds a request; `memory`: MiB. */
export function drawGrowth(growth: {
  readonly costs: readonly Series[];
  readonly memory: readonly Series[];
}): string {
  const width = PLOT.width + MARGIN.left + MARGIN.right;
  const height = PLOT.height + MARGIN.top + MARGIN.bottom;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${2 * width} ${height}" role="img">
<title>What idle neighbours cost</title>
<style>text{font:12px sans-serif;fill:#222}.axis{stroke:#bbb}.line{fill:none;stroke-width:2}</style>
<rect width="${2 * width}" height="${height}" fill="#fff"/>
<g>${drawPlot('Cost of a request, nanoseconds', growth.costs)}</g>
<g transform="translate(${width} 0)">${drawPlot('Memory of the daemon for them, MiB', growth.memory)}</g>
</svg>
`;
}

function drawPlot(title: string, series: readonly Series[]): string {
  const all = series.flatMap(({ points }) => points);
  const columns = decades(all.map(([count]) => count));
  const rows = decades(all.map(([, value]) => value));
  const xOf = (count: number): number => MARGIN.left + PLOT.width * partOf(columns, count);
  const yOf = (value: number): number => MARGIN.top + PLOT.height * (1 - partOf(rows, value));
  const vertical = columns.map((count) => {
    const x = xOf(count).toFixed(1);
    return `<line class="axis" x1="${x}" x2="${x}" y1="${MARGIN.top}" y2="${MARGIN.top + PLOT.height}"/>
<text x="${x}" y="${MARGIN.top + PLOT.height + 18}" text-anchor="middle">${count.toLocaleString('en')}</text>`;
  });
  const horizontal = rows.map((value) => {
    const y = yOf(value).toFixed(1);
    return `<line class="axis" x1="${MARGIN.left}" x2="${MARGIN.left + PLOT.width}" y1="${y}" y2="${y}"/>
<text x="${MARGIN.left - 6}" y="${y}" dy="4" text-anchor="end">${value.toLocaleString('en')}</text>`;
  });
  const lines = series.map(({ name, points }, index) => {
    const colour = COLOURS[index % COLOURS.length] ?? '';
    const path = points
      .filter(([, value]) => value > 0)
      .map(([count, value]) => `${xOf(count).toFixed(1)},${yOf(value).toFixed(1)}`);
    const x = MARGIN.left + index * 100;
    const y = MARGIN.top + PLOT.height + 48;
    return `<polyline class="line" stroke="${colour}" points="${path.join(' ')}"/>
<rect x="${x}" y="${y - 9}" width="10" height="10" fill="${colour}"/><text x="${x + 16}" y="${y}">${name}</text>`;
  });
  return [`<text x="${MARGIN.left}" y="28">${title}</text>`, ...vertical, ...horizontal, ...lines].join('\n');
}

/** Powers of ten around all values, at least two. */
function decades(values: readonly number[]): number[] {
  const positive = values.filter((value) => value > 0);
  const first = Math.floor(Math.log10(Math.min(...positive, 1e9)));
  const last = Math.max(first + 1, Math.ceil(Math.log10(Math.max(...positive, 1e-9))));
  return Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index));
}

function partOf(ticks: readonly number[], value: number): number {
  const from = Math.log10(ticks[0] ?? 1);
  const to = Math.log10(ticks.at(-1) ?? 10);
  return (Math.log10(value) - from) / (to - from);
}
