import { apiVersionOf, type KubeObject, type ProtobufWriter, protobufWriter } from '@berth/kube';
import { readingCost } from '../decoding/costs.ts';
import { turns } from '../decoding/turns.ts';
import { listKindOf, type ResourceDefinition } from '../resource-definition.ts';
import type { Answer, AnswerObject, ListAnswer, WatchFrame } from '../server-request.ts';
import { StoredObject } from '../stored-object.ts';
import { joinedPieces } from './joined-pieces.ts';
import { mediaTypes, notAcceptable, protobufMedia } from './negotiate.ts';
import { partialOf } from './partial-metadata.ts';
import type { Presentation } from './represent.ts';

interface Document {
  readonly body: Uint8Array;
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
): Promise<Uint8Array> {
  const { as, version } = presentation.representation;
  const type = written(
    as === undefined
      ? { apiVersion: apiVersionOf(definition), kind: listKindOf(definition) }
      : { apiVersion: `meta.k8s.io/${version}`, kind: 'PartialObjectMetadataList' },
    writer,
  );
  const parts = [writer.listHead(type, metadata)];
  for (const item of items) {
    // Read, and written.
    const pause = turns.goOn(2 * readingCost(item));
    if (pause) await pause;
    signal.throwIfAborted();
    parts.push(writer.listItems(type, [shown(item, presentation)]));
  }
  return joinedPieces(writer.list(type, parts));
}
