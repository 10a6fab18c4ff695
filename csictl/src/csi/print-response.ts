import { formatBytes } from '../output/format-bytes.ts';
import { formatTable } from '../output/format-table.ts';
import { type Printer, printData } from '../output/print.ts';
import { isSecret, type MessageType, messageTypeOf } from './rpc.ts';

type Data = Readonly<Record<string, unknown>>;

/** One flat fact of a message: `volume`, `volumeId` and `v-1`. Keys of maps hold dots of their own. */
interface Fact {
  readonly path: readonly string[];
  readonly text: string;
}

export const hidden = '***stripped***';

/** A message without what is marked secret in the specification. */
function withoutSecrets(type: MessageType, message: object): Data {
  const fields = new Map(type.fieldsArray.map((field) => [field.name, field]));
  const entries = Object.entries(message).flatMap(([name, value]) => {
    const field = fields.get(name);
    // Which of a choice was made is no field: no request could have it.
    if (!field) return [];
    if (value === null) return [[name, value]];
    if (isSecret(field)) return [[name, hidden]];
    const nested = messageTypeOf(field);
    if (!nested || nested.fullName.startsWith('.google.')) return [[name, value]];
    const strip = (one: unknown) => withoutSecrets(nested, one as object);
    return [[name, Array.isArray(value) ? value.map(strip) : strip(value)]];
  });
  return Object.fromEntries(entries) as Data;
}

/** Prints one answer: a list as rows, anything else as facts; as data with every field. */
export async function printResponse(printer: Printer, type: MessageType, message: object): Promise<void> {
  const data = withoutSecrets(type, message);
  if (printer.format === 'json' || printer.format === 'yaml') return printData(printer, data);
  const list = type.fieldsArray.find((field) => field.repeated && messageTypeOf(field) !== undefined);
  const rest = Object.fromEntries(Object.entries(data).filter(([name]) => name !== list?.name));
  const facts = factsOf(rest);
  if (facts.length > 0)
    printer.terminal.out(
      formatTable(
        ['FIELD', 'VALUE'],
        facts.map((fact) => cells(nameOf(fact), fact.text)),
      ),
    );
  if (/HealthResponse$/.test(type.name) && !JSON.stringify(data).includes('"status"'))
    printer.terminal.err('healthy: the driver tells of no trouble\n');
  else if (list) printRowsOf(printer, (data[list.name] ?? []) as readonly Data[]);
  else if (facts.length === 0) printer.terminal.err(`${type.name}: OK, nothing in it\n`);
}

/** Rows of a list, with a column for each fact that any of them has. */
function printRowsOf({ terminal }: Printer, rows: readonly Data[]): void {
  if (rows.length === 0) return terminal.err('nothing found\n');
  const flat = rows.map((row) => new Map(factsOf(row).map((fact) => [nameOf(fact), fact])));
  const all = [...new Map(flat.flatMap((row) => [...row])).values()];
  const columns = [0, 1, 2].flatMap((rank) => all.filter((fact) => rankOf(fact) === rank));
  const texts = flat.map((row) => columns.map((fact) => ({ text: row.get(nameOf(fact))?.text ?? '-' })));
  const head = columns.map((fact) => shortName(fact, columns));
  terminal.out(formatTable(head, texts));
}

function nameOf({ path }: Fact): string {
  return path.join('.');
}

/** What a row is known by comes first, what the driver added last. */
function rankOf({ path }: Fact): number {
  if (path.some((part) => /Context$|^manifest$|Topology$/.test(part))) return 2;
  return path.at(-1)?.endsWith('Id') ? 0 : 1;
}

/** The last part of a name where that is clear enough; keys of maps as they are. */
function shortName(fact: Fact, all: readonly Fact[]): string {
  const last = fact.path.at(-1) ?? '';
  const isClear = all.filter(({ path }) => path.at(-1) === last).length === 1;
  return (isClear ? last : nameOf(fact)).replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter}`).toUpperCase();
}

function cells(...texts: string[]) {
  return texts.map((text) => ({ text }));
}

/** A message's facts, empty ones left out. */
function factsOf(value: Data, above: readonly string[] = []): Fact[] {
  return Object.entries(value).flatMap(([key, item]) => {
    const path = [...above, key];
    if (item === null || item === undefined || item === '') return [];
    if (Array.isArray(item)) return item.length === 0 ? [] : [{ path, text: item.map(inline).join(' ') }];
    if (typeof item === 'object') {
      const seconds = (item as { seconds?: string }).seconds;
      if (seconds !== undefined) return [{ path, text: new Date(Number(seconds) * 1000).toISOString() }];
      return factsOf(item as Data, path);
    }
    return [{ path, text: scalarText(key, item) }];
  });
}

function scalarText(key: string, value: unknown): string {
  const isSize = /Bytes$|^availableCapacity$/.test(key) && /^\d+$/.test(String(value)) && value !== '0';
  return isSize ? `${value} (${formatBytes(Number(value))})` : String(value);
}

/** A value inside a cell: `mode=SINGLE_NODE_WRITER,fsType=ext4`. */
function inline(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  return factsOf(value as Data)
    .map(({ path, text }) => `${path.at(-1)}=${text}`)
    .join(',');
}
