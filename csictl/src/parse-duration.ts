import { CsictlError } from './csictl-error.ts';

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** `30s`, `1m30s`, `500ms` as milliseconds. @throws CsictlError USAGE */
export function parseDuration(text: string, flag = '--timeout'): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  const total = parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (unitsMs[unit ?? ''] ?? 0), 0);
  if (parts.map(([part]) => part).join('') !== text || total <= 0) {
    throw new CsictlError('USAGE', `${flag} "${text}" is not a duration`, { hint: 'write it as 500ms, 30s or 2m' });
  }
  return total;
}
