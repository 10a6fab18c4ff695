import type { Line } from './plan-rebuild.ts';
import type { RecoverReport } from './recover-command.ts';

export const reportFormats = ['table', 'json', 'yaml'] as const;
export type ReportFormat = (typeof reportFormats)[number];

/** The report as text for people or programs. */
export async function printReport(report: RecoverReport, format: ReportFormat): Promise<string> {
  if (format === 'json') return `${JSON.stringify(report, null, 2)}\n`;
  if (format === 'yaml') return (await import('yaml')).stringify(report);
  return `${tableOf(report.found)}${wordsOf(report)}\n`;
}

const columns: readonly [head: string, value: (line: Line) => string][] = [
  ['KIND', ({ kind }) => kind],
  ['ID', ({ id }) => id],
  ['NAME', ({ name }) => name],
  ['BACKEND', ({ backend }) => backend],
  ['POOL', ({ pool }) => pool],
  ['SIZE', ({ sizeBytes }) => (sizeBytes > 0 ? String(sizeBytes) : '')],
  ['RECORD', ({ from, reason }) => (reason === '' ? `from ${from}` : `${from}: ${reason}`)],
];

function tableOf(found: readonly Line[]): string {
  if (found.length === 0) return '';
  const rows = [columns.map(([head]) => head), ...found.map((line) => columns.map(([, value]) => shown(value(line))))];
  const widths = columns.map((_, index) => Math.max(...rows.map((row) => row[index]?.length ?? 0)));
  const texts = rows.map((row) =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return `${texts.join('\n')}\n`;
}

/** Names are the CO's, and may say anything to a terminal. */
function shown(text: string): string {
  return text === '' ? '-' : text.replace(/[\p{Cc}\p{Cf}]/gu, '\ufffd');
}

function wordsOf({ catalog, state, reason, keptAs, written, found }: RecoverReport): string {
  const count = (...from: Line['from'][]) => found.filter((line) => from.includes(line.from)).length;
  const placed = `${count('data', 'catalog')} records (${count('data')} from the data, ${count('catalog')} from the old catalog)`;
  const rest = `${count('unplaced')} things could not be placed and stay as they are; the data of ${count('lost')} is lost.`;
  if (state === 'whole') return `${catalog} is whole: nothing was changed.`;
  if (!written && found.length === 0) return `${reason}, and the pool holds no volumes: nothing is to be recovered.`;
  const what = `${reason}\n${placed}; ${rest}`;
  if (!written) return `${what}\nNothing was written.`;
  const kept = keptAs === undefined ? '' : ` The old one is ${keptAs}.`;
  return `${what}\n${catalog} is written anew.${kept} Where volumes are published to is not known to the data: what the old catalog did not tell, their CO says again.`;
}
