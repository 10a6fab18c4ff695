import { DecodeError } from './go-json.ts';
import { messageName, openEnvelope } from './protobuf-envelope.ts';

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
  const { apiVersion, kind, raw } = openEnvelope(body);
  const [{ decodeMessage }, { messageIndex }] = await Promise.all([
    import('./proto-decode.ts'),
    import('./proto-table.ts'),
  ]);
  const name = messageName({ apiVersion, kind });
  if (name === undefined || messageIndex(name) === undefined) {
    throw new DecodeError(
      `no kind "${kind}" is registered for version "${apiVersion}" in scheme "pkg/runtime/scheme.go:111"`,
    );
  }
  return { apiVersion, kind, object: { kind, apiVersion, ...decodeMessage(name, raw, { fields: mostFields }) } };
}
