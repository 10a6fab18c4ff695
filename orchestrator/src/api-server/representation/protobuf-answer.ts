import { apiVersionOf, type KubeObject, type ProtobufWriter, protobufWriter } from '@berth/kube';
import { readingCost } from '../decoding/costs.ts';
import { turns } from '../decoding/turns.ts';
import { listKindOf, type ResourceDefinition } from '../resource-definition.ts';
import type { Answer, AnswerObject, ListAnswer, WatchFrame } from '../server-request.ts';
import { StoredObject } from '../stored-object.ts';
import { joinedPieces } from './joined-pieces.ts';
import { cut, type LongBody } from './long-body.ts';
import { mediaTypes, notAcceptable, protobufMedia } from './negotiate.ts';
import { partialOf } from './partial-metadata.ts';
import type { Presentation } from './represent.ts';

interface Document {
  readonly body: Uint8Array | LongBody;
  readonly contentType: string;
}

/** An answer as protobuf, for clients that accept nothing else. @throws ApiError NotAcceptable – the kind has no such form. */
export async function protobufDocument(
  answer: Extract<Answer, { type: 'object' | 'list' }>,
  presentation: Presentation,
  signal: AbortSignal,
): Promise<Document> {
  const writer = await protobufWriter();
  const body =
    answer.type === 'list'
      ? await listBody(answer, presentation, writer, signal)
      : writer.object(written(shown(answer.object, presentation), writer));
  return { body, contentType: protobufMedia };
}

/** The same for what a watch tells. @throws as {@link protobufDocument}. */
export async function protobufFrames(
  definition: ResourceDefinition,
  presentation: Presentation,
): Promise<(frame: WatchFrame) => Uint8Array> {
  const writer = await protobufWriter();
  const { as, version } = presentation.representation;
  written(
    as === undefined
      ? { apiVersion: apiVersionOf(definition), kind: definition.kind }
      : { apiVersion: `meta.k8s.io/${version}`, kind: as },
    writer,
  );
  return ({ type, object }) => writer.watchEvent(type, written(shown(object, presentation), writer));
}

interface Named {
  readonly apiVersion: string;
  readonly kind: string;
}

function written({ apiVersion = '', kind = '', ...rest }: Partial<Named>, writer: ProtobufWriter): Named {
  const named = { ...rest, apiVersion, kind };
  if (!writer.writes(named)) throw notAcceptable(mediaTypes.join(', '));
  return named;
}

function shown(given: AnswerObject, { representation }: Presentation): KubeObject {
  const object = given instanceof StoredObject ? given.object : given;
  // A Status has no part that is asked for alone.
  const partial = representation.as === 'PartialObjectMetadata' && object.kind !== 'Status';
  return partial ? partialOf(object, representation.version) : object;
}

async function listBody(
  { definition, metadata, items }: ListAnswer,
  presentation: Presentation,
  writer: ProtobufWriter,
  signal: AbortSignal,
): Promise<Uint8Array | LongBody> {
  const { as, version } = presentation.representation;
  const type = written(
    as === undefined
      ? { apiVersion: apiVersionOf(definition), kind: listKindOf(definition) }
      : { apiVersion: `meta.k8s.io/${version}`, kind: 'PartialObjectMetadataList' },
    writer,
  );
  const parts = () => listParts(writer.listHead(type, metadata), items, write, signal);
  const write = (item: StoredObject) => writer.listItems(type, [shown(item, presentation)]);
  let bytes = 0;
  const held: Uint8Array[] = [];
  for await (const part of parts()) {
    bytes += part.length;
    if (bytes <= mostHeld) held.push(part);
    else held.length = 0;
  }
  const { head, tail } = writer.listEnds(type, bytes);
  return bytes <= mostHeld ? joinedPieces([head, ...held, tail]) : new ProtobufList({ head, parts, bytes, tail });
}

/** How long all is stands before the first item. What is longer is made twice, so that it need not be held. */
const mostHeld = 4 * 1024 * 1024;

async function* listParts(
  head: Uint8Array,
  items: readonly StoredObject[],
  write: (item: StoredObject) => Uint8Array,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let some = [head];
  let bytes = head.length;
  for (const item of items) {
    // Read, and written.
    const pause = turns.goOn(2 * readingCost(item));
    if (pause || bytes > mostTogether) {
      yield Buffer.concat(some);
      [some, bytes] = [[], 0];
    }
    if (pause) await pause;
    signal.throwIfAborted();
    const part = write(item);
    some.push(part);
    bytes += part.length;
  }
  yield Buffer.concat(some);
}

const mostTogether = 32 * 1024;

class ProtobufList implements LongBody {
  readonly byteLength: number;
  readonly #list: ProtobufListParts;

  constructor(list: ProtobufListParts) {
    this.byteLength = list.head.length + list.bytes + list.tail.length;
    this.#list = list;
  }

  async *pieces(next: () => number): AsyncGenerator<Uint8Array> {
    const { head, parts, tail } = this.#list;
    yield head;
    for await (const part of parts()) yield* cut(part, next);
    yield tail;
  }
}

interface ProtobufListParts {
  readonly head: Uint8Array;
  /** Always the same, in pieces of their own length. */
  readonly parts: () => AsyncIterable<Uint8Array>;
  /** Of all parts. */
  readonly bytes: number;
  readonly tail: Uint8Array;
}
