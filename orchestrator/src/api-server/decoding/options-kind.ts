import { groupVersionProblem } from '@berth/kube';
import { notRegistered, typeMetaComplaint } from './type-meta.ts';

/** Kinds of which upstream's scheme for options takes those of any group and version (apis/meta/internalversion). */
const ofAnyVersion = new Set(
  'DeleteOptions CreateOptions UpdateOptions Status APIVersions APIGroupList APIGroup APIResourceList'.split(' '),
);
const ofMeta = new Set(
  'ListOptions GetOptions PatchOptions WatchEvent Table TableOptions PartialObjectMetadata PartialObjectMetadataList'.split(
    ' ',
  ),
);
const metaVersion = 'meta.k8s.io/v1';

/** Why an object is not taken for options of this kind; it need not say what it is. */
export function optionsKindComplaint(value: Readonly<Record<string, unknown>>, expected: string): string | undefined {
  const unreadable = typeMetaComplaint(value);
  if (unreadable !== undefined) return unreadable;
  const kind = (value['kind'] as string | null | undefined) || expected;
  const apiVersion = (value['apiVersion'] as string | null | undefined) || metaVersion;
  const problem = groupVersionProblem(apiVersion);
  if (problem !== undefined) return problem;
  if (kind === expected) return undefined;
  if (ofAnyVersion.has(kind) || (ofMeta.has(kind) && apiVersion === metaVersion))
    return `converting (v1.${kind}) to (v1.${expected}): unknown conversion`;
  return notRegistered(kind, apiVersion);
}
