import type { TableColumn } from '../resource-definition.ts';

/** Cells every kind shows alike. */
export const genericCells: Readonly<Record<string, TableColumn['cell']>> = {
  Name: (object) => object.metadata.name ?? '',
  'Created At': (object) => object.metadata.creationTimestamp ?? null,
  Age: (object, now) => age(object.metadata.creationTimestamp, now),
};

/** How long ago a timestamp was, in kubectl's words; `<unknown>` where there is none (printers.ConvertToHumanReadableDateType). */
export function age(timestamp: string | null | undefined, now: number): string {
  if (!timestamp) return '<unknown>';
  return humanDuration(now - Date.parse(timestamp));
}

/** A duration with at most three significant digits: `45s`, `3m20s`, `5h12m`, `3d4h`, `2y30d` (apimachinery duration.HumanDuration). */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes < 10) return pair(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.trunc(minutes / 60);
  if (hours < 8) return pair(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.trunc(hours / 24);
  if (hours < 192) return pair(days, 'd', hours % 24, 'h');
  if (hours < 17_520) return `${days}d`;
  const years = Math.trunc(days / 365);
  return hours < 70_080 ? pair(years, 'y', days % 365, 'd') : `${years}y`;
}

function pair(big: number, bigUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${big}${bigUnit}` : `${big}${bigUnit}${small}${smallUnit}`;
}

/** `a=b,c=d` in order, or `<none>`. */
export function formatLabels(labels: Readonly<Record<string, string>> | undefined): string {
  const texts = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`);
  return texts.length === 0 ? '<none>' : texts.sort().join(',');
}
