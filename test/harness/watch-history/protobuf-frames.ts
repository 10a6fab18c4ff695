import type { Readable } from 'node:stream';
import { decodeObject, decodeProtobuf, type KubeObject, schemaFor } from '@berth/kube';
import type { WireFrame } from './wire.ts';

/** Frames of a watch in protobuf: each with its length before it, a metav1.WatchEvent; one that was cut off is none. */
export async function* protobufFrames(stream: Readable): AsyncGenerator<WireFrame> {
  let rest = Buffer.alloc(0);
  for await (const chunk of stream) {
    rest = Buffer.concat([rest, chunk as Buffer]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE(0)) {
      const end = 4 + rest.readUInt32BE(0);
      yield await frameOf(rest.subarray(4, end));
      rest = rest.subarray(end);
    }
  }
}

async function frameOf(message: Buffer): Promise<WireFrame> {
  const fields = fieldsOf(message);
  const raw = fieldsOf(fields.get(2) ?? Buffer.alloc(0)).get(1) ?? Buffer.alloc(0);
  const { kind, apiVersion, object } = await decodeProtobuf(raw);
  const schema = schemaFor('', apiVersion, kind);
  const read = schema ? decodeObject(schema, object).object : object;
  return { type: String(fields.get(1)), object: { ...read, kind, apiVersion } as unknown as KubeObject };
}

/** A message whose fields are all bytes. */
function fieldsOf(message: Buffer): Map<number, Buffer> {
  const fields = new Map<number, Buffer>();
  for (let at = 0; at < message.length; ) {
    const number = (message[at++] as number) >> 3;
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = message[at++] as number;
      length += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    fields.set(number, message.subarray(at, at + length));
    at += length;
  }
  return fields;
}
