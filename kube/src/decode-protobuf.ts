import { DecodeError } from './go-json.ts';
import { goQuote } from './go-quote.ts';
import { groupVersionProblem } from './group-version.ts';
import { messageName, openEnvelope, type ProtobufEnvelope } from './protobuf-envelope.ts';

export interface ProtobufBody {
  readonly apiVersion: string;
  readonly kind: string;
  /** As JSON, with its apiVersion and kind; still to be read with `decodeObject`, which drops what Go omits. */
  readonly object: Record<string, unknown>;
}

/** What a body is taken for that does not say what it is. */
export type UsualKind = Pick<ProtobufEnvelope, 'apiVersion' | 'kind'>;

/**
 * Reads a body of `application/vnd.kubernetes.protobuf`. The tables are loaded at the first call.
 * @throws DecodeError – no such body, or a kind that has no protobuf form; ApiError RequestEntityTooLarge – more fields
 * than `mostFields`.
 */
export async function decodeProtobuf(
  body: Uint8Array,
  { usual, mostFields = Number.POSITIVE_INFINITY }: { readonly usual?: UsualKind; readonly mostFields?: number } = {},
): Promise<ProtobufBody> {
  const { raw, ...told } = openEnvelope(body);
  // One that is none says nothing (schema.FromAPIVersionAndKind).
  const isVersion = groupVersionProblem(told.apiVersion) === undefined;
  const apiVersion = (isVersion && told.apiVersion) || (usual?.apiVersion ?? '');
  const kind = told.kind || (usual?.kind ?? '');
  try {
    return {
      apiVersion,
      kind,
      object: { kind, apiVersion, ...(await decodeRaw({ apiVersion, kind, raw }, mostFields)) },
    };
  } catch (error) {
    throw error instanceof DecodeError && kind !== '' ? new TypedDecodeError(error.message, kind, apiVersion) : error;
  }
}

/** Thrown by {@link decodeProtobuf} when a body says what it is, and is none. */
export class TypedDecodeError extends DecodeError {
  readonly kind: string;
  readonly apiVersion: string;

  constructor(message: string, kind: string, apiVersion: string) {
    super(message);
    this.kind = kind;
    this.apiVersion = apiVersion;
  }
}

async function decodeRaw(
  { apiVersion, kind, raw }: ProtobufEnvelope,
  fields: number,
): Promise<Record<string, unknown>> {
  const [{ decodeMessage }, { messageIndex }] = await Promise.all([
    import('./proto-decode.ts'),
    import('./proto-table.ts'),
  ]);
  const name = messageName({ apiVersion, kind });
  if (name !== undefined && messageIndex(name) !== undefined) return decodeMessage(name, raw, { fields });
  throw new DecodeError(
    `no kind ${goQuote(kind)} is registered for version ${goQuote(apiVersion)} in scheme "pkg/runtime/scheme.go:111"`,
  );
}
