import { DecodeError } from './go-json.ts';
import type { ProtoTable } from './proto-decode.ts';
import { schemaFor } from './schema.ts';
import { WireReader } from './wire-reader.ts';

/** `k8s\0`: what every protobuf body begins with (apimachinery runtime/serializer/protobuf). */
const magic = [0x6b, 0x38, 0x73, 0x00] as const;

let table: ProtoTable | undefined;

export interface ProtobufBody {
  readonly apiVersion: string;
  readonly kind: string;
  /** As JSON, with its apiVersion and kind; still to be read with `decodeObject`, which drops what Go omits. */
  readonly object: Record<string, unknown>;
}

/**
 * Reads a body of `application/vnd.kubernetes.protobuf`. The tables are loaded at the first call.
 * @throws DecodeError – no such body, or a kind that has no protobuf form; ApiError RequestEntityTooLarge – more fields
 * than `mostFields`.
 */
export async function decodeProtobuf(body: Uint8Array, mostFields = Number.POSITIVE_INFINITY): Promise<ProtobufBody> {
  if (body.length === 0) throw new DecodeError('empty data');
  if (!magic.every((byte, i) => body[i] === byte)) {
    throw new DecodeError(
      `provided data does not appear to be a protobuf message, expected prefix [${magic.join(' ')}]`,
    );
  }
  if (body.length === magic.length) throw new DecodeError('empty body');
  table ??= new (await import('./proto-decode.ts')).ProtoTable();
  const { apiVersion, kind, raw } = readUnknown(body.subarray(magic.length));
  const budget = { fields: mostFields };
  const name = messageName(apiVersion, kind);
  if (name === undefined || !table.has(name)) {
    throw new DecodeError(`no kind "${kind}" is registered for version "${apiVersion}" as a protobuf message`);
  }
  return { apiVersion, kind, object: { kind, apiVersion, ...table.decode(name, raw, budget) } };
}

/** `runtime.Unknown`: typeMeta{apiVersion, kind} = 1, raw = 2. */
function readUnknown(bytes: Uint8Array): { apiVersion: string; kind: string; raw: Uint8Array } {
  const reader = new WireReader(bytes);
  let [apiVersion, kind, raw]: [string, string, Uint8Array] = ['', '', new Uint8Array()];
  while (!reader.atEnd) {
    const { id, wire } = reader.tag();
    if (id === 1 && wire === 2) {
      const meta = new WireReader(reader.bytes());
      while (!meta.atEnd) {
        const field = meta.tag();
        if (field.wire !== 2) meta.ignore(field.wire);
        else if (field.id === 1) apiVersion = meta.text();
        else if (field.id === 2) kind = meta.text();
        else meta.bytes();
      }
    } else if (id === 2 && wire === 2) raw = reader.bytes();
    else reader.ignore(wire);
  }
  return { apiVersion, kind, raw };
}

function messageName(apiVersion: string, kind: string): string | undefined {
  // Served by every group, whichever it names.
  if (kind === 'DeleteOptions') return 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions';
  const [group, version] = apiVersion.includes('/') ? (apiVersion.split('/') as [string, string]) : ['', apiVersion];
  return schemaFor(group, version, kind)?.name;
}
