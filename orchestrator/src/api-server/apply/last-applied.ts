import {
  canonicalJson,
  compareTyped,
  copyJson,
  difference,
  fieldSetOf,
  hasPath,
  type PathElement,
  parseJson,
  validateTyped,
} from '@berth/kube';
import type { AnyObject } from '../resource-definition.ts';
import type { FieldScope } from './field-scope.ts';

/** Where client-side `kubectl apply` keeps what it applied. */
const annotation = 'kubectl.kubernetes.io/last-applied-configuration';
/** Upstream's limit on all annotations together. */
const maxAnnotationBytes = 256 * 1024;

/**
 * Conflicts that are none for kubectl: fields that it applied from the client's side and that are still as it applied them.
 * Undefined: there is nothing to go by.
 */
export function allowedConflicts(
  { apiVersion, type }: FieldScope,
  live: AnyObject,
): ((path: readonly PathElement[]) => boolean) | undefined {
  const text = live.metadata.annotations?.[annotation];
  if (!text) return undefined;
  try {
    const last = parseJson(text) as Record<string, unknown>;
    if (last['apiVersion'] !== apiVersion) return undefined;
    validateTyped({ value: live, type });
    validateTyped({ value: last, type });
    const { written, removed } = compareTyped(last, live, type);
    const own = difference(difference(fieldSetOf({ value: last, type }), written), removed);
    return (path) => hasPath(own, path);
  } catch {
    return undefined;
  }
}

/** Keeps the annotation, where there is one, in step with what kubectl applies from now on (lastAppliedUpdater). */
export function withLastApplied(object: AnyObject, config: Record<string, unknown>): AnyObject {
  if (!object.metadata.annotations?.[annotation]) return object;
  const applied = copyJson(config) as { metadata?: { annotations?: Record<string, string> } };
  delete applied.metadata?.annotations?.[annotation];
  const annotations = { ...object.metadata.annotations, [annotation]: `${canonicalJson(applied)}\n` };
  if (sizeOf(annotations) > maxAnnotationBytes) delete (annotations as Record<string, string>)[annotation];
  return { ...object, metadata: { ...object.metadata, annotations } };
}

function sizeOf(annotations: Readonly<Record<string, string>>): number {
  return Object.entries(annotations).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  );
}
