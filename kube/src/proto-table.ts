import { protoTableJson } from './gen/proto-table.ts';

/** One field of a protobuf message, and where its value stands in JSON. */
export interface ProtoField {
  readonly id: number;
  /** Empty where the message is embedded: its fields are the parent's. */
  readonly name: string;
  /** Held by value in Go: written though it is empty. */
  readonly always: boolean;
  readonly many: '' | '*' | '%';
  /**
   * A letter as scripts/gen/kube-proto.ts gives it: string, bool, integer, double, bytes (`y`), Time, MicroTime (`U`),
   * Quantity, IntOrString, Raw JSON, List of strings; `@` and a number is a message, and with `A`, `B` or `C` before it
   * that message or a list of it, a bool, or a list of strings.
   */
  readonly code: string;
}

/** The fields of a message by their numbers, in ascending order. */
export type ProtoMessage = ReadonlyMap<number, ProtoField>;

const { names, rows } = JSON.parse(protoTableJson) as { names: string[]; rows: Record<string, string>[] };
const indexes = new Map(names.map((name, i) => [name, i]));
const messages = new Map<number, ProtoMessage>();

/** Which message stands for a definition such as `io.k8s.api.core.v1.Pod`; undefined where none does. */
export function messageIndex(name: string): number | undefined {
  return indexes.get(name);
}

/** The definition that a message stands for. */
export function definitionOf(index: number): string {
  return names[index] as string;
}

/** Of what a field's code names: `@7` is 7. */
export function messageOf(code: string): number {
  return Number(code.slice(code.indexOf('@') + 1));
}

export function protoMessage(index: number): ProtoMessage {
  let message = messages.get(index);
  if (!message) {
    message = new Map(
      Object.entries(rows[index] ?? {}).map(([id, text]) => [Number(id), parseField(Number(id), text)]),
    );
    messages.set(index, message);
  }
  return message;
}

function parseField(id: number, text: string): ProtoField {
  const [, name, always, many, code] = /^(.*)=(!?)([*%]?)(.+)$/.exec(text) as unknown as [
    string,
    string,
    string,
    ProtoField['many'],
    string,
  ];
  return { id, name, always: always === '!', many, code };
}
