import type { Terminal } from '../terminal.ts';
import { formatTable } from './format-table.ts';

export const outputFormats = ['table', 'wide', 'json', 'yaml', 'junit'] as const;
export type OutputFormat = (typeof outputFormats)[number];

/** A column of a table: `wide` ones are shown with `-o wide` only. */
export interface Column<Row> {
  readonly name: string;
  readonly value: (row: Row) => string;
  readonly wide?: boolean;
  /** Green where true, red where false; no colour where undefined. */
  readonly good?: (row: Row) => boolean | undefined;
}

export interface Printer {
  readonly terminal: Terminal;
  readonly format: OutputFormat;
}

/** Prints rows as a table, or as data with every field. */
export async function printRows<Row>(
  printer: Printer,
  rows: readonly Row[],
  columns: readonly Column<Row>[],
): Promise<void> {
  const { terminal, format } = printer;
  if (format === 'json' || format === 'yaml') return printData(printer, rows);
  if (rows.length === 0) return terminal.err('nothing found\n');
  const shown = columns.filter((column) => format === 'wide' || !column.wide);
  const coloured = terminal.isInteractive && !terminal.env['NO_COLOR'];
  const cells = rows.map((row) =>
    shown.map(({ value, good }) => ({ text: value(row) || '-', good: coloured ? good?.(row) : undefined })),
  );
  terminal.out(
    formatTable(
      shown.map(({ name }) => name),
      cells,
    ),
  );
}

export async function printData({ terminal, format }: Printer, value: unknown): Promise<void> {
  if (format !== 'yaml') return terminal.out(`${JSON.stringify(value, null, 2)}\n`);
  const { stringify } = await import('yaml');
  terminal.out(stringify(value));
}
