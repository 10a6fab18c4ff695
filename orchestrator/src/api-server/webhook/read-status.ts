import { DecodeError, decodeObject, isRecord, schemas } from '@berth/kube';
import { notAnObject, typeMetaComplaint } from '../decoding/type-meta.ts';
import { CallError } from './call-error.ts';
import { checkKind } from './read-review.ts';

/** A review that is answered in its status. */
export interface StatusReview {
  readonly group: 'authentication.k8s.io' | 'authorization.k8s.io';
  readonly kind: 'TokenReview' | 'SubjectAccessReview';
  readonly version: 'v1' | 'v1beta1';
}

type Status = Readonly<Record<string, unknown>>;

/**
 * The status of an answered review, as client-go reads it into one of the version that was sent: an answer of another kind,
 * or whose fields are of other types, lets nobody in.
 * @throws CallError – it is none
 */
export function readStatus(answer: unknown, about: StatusReview): Status {
  // As of an empty one, to Go.
  if (answer === null) return {};
  if (!isRecord(answer)) throw new CallError(notAnObject(answer));
  const wrong = typeMetaComplaint(answer);
  if (wrong !== undefined) throw new CallError(wrong);
  checkKind(answer, about.version, { ...about, isAmongOthers: true });
  const { object } = decoded(answer, about);
  return (object['status'] ?? {}) as Status;
}

/** Of both versions the fields that are read are the same. */
function decoded(answer: Record<string, unknown>, { group, kind, version }: StatusReview) {
  try {
    return decodeObject(schemas.get(`io.k8s.api.${group.split('.', 1)[0]}.v1.${kind}`), answer);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new CallError(error.message.replace(/ of type ((?:\[\]|map\[string\])?)v1\./, ` of type $1${version}.`));
  }
}
