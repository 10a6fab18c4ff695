import { encodeField, encodeMessage } from './proto-encode.ts';
import { messageIndex } from './proto-table.ts';
import { envelopeHead, envelopeTail, messageName, sealEnvelope } from './protobuf-envelope.ts';
import { WireWriter } from './wire-writer.ts';

/** What an object is. */
export interface KindName {
  readonly apiVersion: string;
  readonly kind: string;
}

/** Writes bodies and streams of `application/vnd.kubernetes.protobuf` as Go does. Objects have the forms that `decodeObject` gives. */
export class ProtobufWriter {
  /** Whether objects of the kind have a protobuf form; what follows throws for others. */
  writes(type: KindName): boolean {
    return indexOf(type) !== undefined;
  }

  /** `apiVersion`: where the body says another one than the object has. */
  object(object: KindName, apiVersion = object.apiVersion): Uint8Array {
    const { kind } = object;
    return sealEnvelope({ apiVersion, kind, raw: encodeMessage(known(object), asJson(object)) });
  }

  /** A list without its items, to be followed by those. */
  listHead(type: KindName, metadata: object): Uint8Array {
    return encodeMessage(known(type), { metadata });
  }

  /** Some items of a list of the kind. */
  listItems(type: KindName, items: readonly object[]): Uint8Array {
    return encodeField(known(type), 'items', items);
  }

  /** What is before and behind a list's parts, which have so many bytes. */
  listEnds({ apiVersion, kind }: KindName, bytes: number): { readonly head: Uint8Array; readonly tail: Uint8Array } {
    return { head: envelopeHead({ apiVersion, kind }, bytes), tail: envelopeTail };
  }

  /** A frame of a watch: its length in four bytes, then a WatchEvent with the object's body. */
  watchEvent(type: string, object: KindName): Uint8Array {
    const event = new WireWriter();
    const mark = event.length;
    event.bytes(this.object(object));
    event.tag(1, 2);
    event.message(mark);
    event.tag(2, 2);
    event.text(type);
    event.tag(1, 2);
    const message = event.finish();
    const length = Buffer.alloc(4);
    length.writeUInt32BE(message.length);
    return Buffer.concat([length, message]);
  }
}

function indexOf(type: KindName): number | undefined {
  const name = messageName(type);
  return name === undefined ? undefined : messageIndex(name);
}

function known(type: KindName): number {
  const index = indexOf(type);
  if (index === undefined) throw new Error(`${type.apiVersion} ${type.kind} has no protobuf form`);
  return index;
}

function asJson(object: object): Readonly<Record<string, unknown>> {
  return object as Readonly<Record<string, unknown>>;
}
