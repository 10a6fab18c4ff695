export interface Cell {
  readonly text: string;
  readonly good?: boolean | undefined;
}

/** Control characters would let a name of a volume or pod write to the terminal. */
const unprintable = /[\u0000-\u001f\u007f-\u009f]/g;

/** A text that writes nothing but itself to the terminal. */
export function printable(text: string): string {
  return text.replace(unprintable, '?');
}

/** Rows in aligned columns under their names, as kubectl prints them. */
export function formatTable(columns: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const clean = rows.map((row) => row.map(({ text, good }) => ({ text: printable(text), good })));
  const widths = columns.map((name, index) =>
    Math.max(name.length, ...clean.map((row) => row[index]?.text.length ?? 0)),
  );
  const line = (cells: readonly Cell[]) =>
    cells
      .map(({ text, good }, index) => {
        const padding = index === columns.length - 1 ? '' : ' '.repeat((widths[index] ?? 0) - text.length + 3);
        return paint(text, good) + padding;
      })
      .join('');
  return `${[columns.map((text) => ({ text })), ...clean].map(line).join('\n')}\n`;
}

function paint(text: string, good: boolean | undefined): string {
  return good === undefined ? text : `\u001b[${good ? 32 : 31}m${text}\u001b[0m`;
}
