import type { ProtobufWriter } from './protobuf-writer.ts';

let loaded: Promise<ProtobufWriter> | undefined;

/** What writes `application/vnd.kubernetes.protobuf`; its tables are loaded at the first call. */
export function protobufWriter(): Promise<ProtobufWriter> {
  loaded ??= import('./protobuf-writer.ts').then((module) => new module.ProtobufWriter());
  return loaded;
}

/**
 * An object of a built-in kind as the `application/vnd.kubernetes.protobuf` body Go would write. The object has the forms
 * that `decodeObject` gives. Undefined for kinds that have no protobuf form.
 */
export async function encodeProtobuf<T extends { readonly apiVersion: string; readonly kind: string }>(
  object: T,
): Promise<Uint8Array | undefined> {
  const writer = await protobufWriter();
  return writer.writes(object) ? writer.object(object) : undefined;
}
