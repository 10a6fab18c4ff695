import { DecodeError } from './go-json.ts';
import { groupVersionOf } from './group-version.ts';
import { schemaFor } from './schema.ts';
import { WireReader, wrongWireType } from './wire-reader.ts';
import { WireWriter } from './wire-writer.ts';

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';
/** `k8s\0`: what every protobuf body begins with (apimachinery runtime/serializer/protobuf). */
const magic = [0x6b, 0x38, 0x73, 0x00] as const;

export interface ProtobufEnvelope {
  readonly apiVersion: string;
  readonly kind: string;
  readonly raw: Uint8Array;
}

/** @throws DecodeError – the bytes are no envelope. */
export function openEnvelope(body: Uint8Array): ProtobufEnvelope {
  if (body.length === 0) throw new DecodeError('empty data');
  if (!magic.every((byte, i) => body[i] === byte)) {
    throw new DecodeError(
      `provided data does not appear to be a protobuf message, expected prefix [${magic.join(' ')}]`,
    );
  }
  if (body.length === magic.length) throw new DecodeError('empty body');
  return readUnknown(body.subarray(magic.length));
}

/** `runtime.Unknown`: typeMeta{apiVersion, kind} = 1, raw = 2, contentEncoding = 3, contentType = 4. */
function readUnknown(bytes: Uint8Array): ProtobufEnvelope {
  const [meta, raw] = readChunks(bytes, 'Unknown', ['TypeMeta', 'Raw', 'ContentEncoding', 'ContentType']);
  const [apiVersion, kind] = readChunks(meta ?? new Uint8Array(), 'TypeMeta', ['APIVersion', 'Kind']).map((text) =>
    Buffer.from(text ?? []).toString(),
  );
  return { apiVersion: apiVersion ?? '', kind: kind ?? '', raw: raw ?? new Uint8Array() };
}

/** The fields of a message whose fields are all bytes. */
function readChunks(bytes: Uint8Array, message: string, fields: readonly string[]): (Uint8Array | undefined)[] {
  const reader = new WireReader(bytes);
  const chunks: (Uint8Array | undefined)[] = fields.map(() => undefined);
  while (!reader.atEnd) {
    const { id, wire } = reader.field(message);
    const field = fields[id - 1];
    if (field === undefined) reader.ignore(wire);
    else if (wire !== 2) throw wrongWireType(wire, field);
    else chunks[id - 1] = reader.bytes();
  }
  return chunks;
}

/** The body that carries a message, as Go writes it. */
export function sealEnvelope({ raw, ...type }: ProtobufEnvelope): Uint8Array {
  return Buffer.concat([envelopeHead(type, raw.length), raw, envelopeTail]);
}

/** What is before a message of so many bytes. */
export function envelopeHead(
  { apiVersion, kind }: Pick<ProtobufEnvelope, 'apiVersion' | 'kind'>,
  rawBytes: number,
): Uint8Array {
  const writer = new WireWriter();
  writer.varint(rawBytes);
  writer.tag(2, 2);
  const mark = writer.length;
  writer.text(kind);
  writer.tag(2, 2);
  writer.text(apiVersion);
  writer.tag(1, 2);
  writer.message(mark);
  writer.tag(1, 2);
  return Buffer.concat([Uint8Array.from(magic), writer.finish()]);
}

/** What is behind it: contentEncoding (3) and contentType (4) are there and empty. */
export const envelopeTail = Uint8Array.of((3 << 3) | 2, 0, (4 << 3) | 2, 0);

/** The message that stands for a kind; undefined where none is built in. */
export function messageName({ apiVersion, kind }: Pick<ProtobufEnvelope, 'apiVersion' | 'kind'>): string | undefined {
  // Served by every group, whichever it names.
  if (kind === 'DeleteOptions') return `${meta}.DeleteOptions`;
  if (/^PartialObjectMetadata(List)?$/.test(kind) && apiVersion.startsWith('meta.k8s.io/')) return `${meta}.${kind}`;
  const { group, version } = groupVersionOf(apiVersion);
  if (kind === 'APIGroupDiscoveryList' && group === 'apidiscovery.k8s.io')
    return `io.k8s.api.apidiscovery.${version}.${kind}`;
  return schemaFor(group, version, kind)?.name;
}
