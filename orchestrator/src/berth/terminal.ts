/** What a command writes to and reads from; `main.ts` alone knows the real ones. */
export interface Terminal {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** stderr is a terminal: progress may be coloured and redrawn. */
  readonly isInteractive: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export type OutputFormat = 'table' | 'json' | 'yaml';

/** Rows as aligned columns under their names, as kubectl prints. */
export function formatTable(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [columns, ...rows];
  const widths = columns.map((_, index) => Math.max(...all.map((row) => row[index]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, index) => (index === columns.length - 1 ? cell : cell.padEnd((widths[index] as number) + 3)))
      .join('')
      .trimEnd();
  return `${all.map(line).join('\n')}\n`;
}

/** Data for programs; YAML through its library, loaded only when asked for. */
export async function formatData(value: unknown, format: Exclude<OutputFormat, 'table'>): Promise<string> {
  if (format === 'json') return `${JSON.stringify(value, null, 2)}\n`;
  const { stringify } = await import('yaml');
  return stringify(value);
}

/** 1,234,567 bytes as `1.2MB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)}${units[unit]}`;
}
