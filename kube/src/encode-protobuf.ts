import { messageName, sealEnvelope } from './protobuf-envelope.ts';

interface Typed {
  readonly apiVersion: string;
  readonly kind: string;
}

/**
 * An object of a built-in kind as the `application/vnd.kubernetes.protobuf` body Go would write. The object has the forms
 * that `decodeObject` gives. Undefined for kinds that have no protobuf form. The tables are loaded at the first call.
 */
export async function encodeProtobuf<T extends Typed>(object: T): Promise<Uint8Array | undefined> {
  const [{ encodeMessage }, { messageIndex }] = await Promise.all([
    import('./proto-encode.ts'),
    import('./proto-table.ts'),
  ]);
  const { apiVersion, kind } = object;
  const name = messageName(object);
  const index = name === undefined ? undefined : messageIndex(name);
  if (index === undefined) return undefined;
  return sealEnvelope({ apiVersion, kind, raw: encodeMessage(index, object as unknown as Record<string, unknown>) });
}
