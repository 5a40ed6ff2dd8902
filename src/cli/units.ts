// Amounts as people read them.

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** 1536 -> "1.5 KiB". */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let index = 0;
  while (value >= 1024 && index < BYTE_UNITS.length - 1) {
    value /= 1024;
    index += 1;
  }
  return `${index === 0 ? value : value.toFixed(1)} ${BYTE_UNITS[index]}`;
}

/** In full as long as a narrow column holds it: 12345678 -> "12.3 M". */
export function formatCount(count: number): string {
  if (count < 1e7) return String(count);
  return count < 1e10 ? `${(count / 1e6).toFixed(1)} M` : `${(count / 1e9).toFixed(1)} G`;
}

/** 93784000 -> "1 d 2 h 3 min 4 s". */
export function formatDuration(millis: number): string {
  const seconds = Math.floor(millis / 1000);
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const;
  const first = parts.findIndex(([amount]) => amount > 0);
  return (first === -1 ? parts.slice(-1) : parts.slice(first))
    .map(([amount, unit]) => `${amount} ${unit}`)
    .join(' ');
}
