import {
  keepSentEmpty,
  type LabelSelector,
  type OwnerReference,
  type PersistentVolumeSpec,
  type PodSpec,
  type PodTemplateSpec,
  type VolumeNodeAffinity,
  withSentEmpty,
} from '@berth/kube';
import type { FieldError } from '../resource-definition.ts';
import { forbidden, goJson, inOrder } from './field.ts';
import { flowShapes } from './flowcontrol/flow-shapes.ts';
import { internalShapes } from './gen/internal-shapes.ts';
import { shownSelector } from './label-selector.ts';
import { shownReference } from './metadata.ts';
import { deviceShapes } from './resource/device-shapes.ts';
import { unifiedDiff } from './unified-diff.ts';

/**
 * Upstream reports differences between unversioned objects, with Go's field names and every unset field as null or zero.
 * Codes of gen/internal-shapes.ts: s "", n 0, b false, N null or as it is, q quantity, i int-or-string, and of a type:
 * o struct, p pointer, l list, m map.
 */
type Json = Readonly<Record<string, unknown>>;

/** The diff of two versioned specs of `type` as upstream prints it. */
export function specDiff(type: string, before: object, after: object): string {
  return unifiedDiff(printed(type, before), printed(type, after));
}

/** A versioned value of `type` as errors about the unversioned one show it. */
export function shownForm(type: string, object: object): Json {
  return internalForm(type, type === 'PodSpec' ? withHostNamespaces(object as PodSpec) : (object as Json));
}

/** The fields of metadata in the order of Go's struct. */
const metadataFields = [
  ...['name', 'generateName', 'namespace', 'selfLink', 'uid', 'resourceVersion', 'generation'],
  ...['creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds'],
  ...['labels', 'annotations', 'ownerReferences', 'finalizers', 'managedFields'],
];

/** The same for a template, whose metadata upstream embeds without a name. */
export function shownTemplate({ metadata, spec = { containers: [] } }: PodTemplateSpec): Json {
  return { ...shownMetadata(metadata), Spec: shownForm('PodSpec', spec) };
}

/** What the metadata of a template has beside labels and annotations, which is all that it may have. */
export function templateMetadataErrors(metadata: object, field: string): FieldError[] {
  return metadataFields
    .filter((name) => name !== 'labels' && name !== 'annotations' && isGiven(withSentEmpty(metadata, name)))
    .map((name) => forbidden(`${field}.${name === 'uid' ? 'uID' : name}`, 'cannot be set'));
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}

function owners({ ownerReferences }: { readonly ownerReferences?: readonly OwnerReference[] }) {
  return ownerReferences?.map(shownReference);
}

/** Metadata among the fields of what it is embedded in. */
export function shownMetadata(metadata: object = {}): Json {
  const given = metadataFields
    .filter((name) => name in metadata)
    .map((name) => [name, name === 'ownerReferences' ? owners(metadata) : inOrder((metadata as Json)[name])]);
  return Object.fromEntries(given);
}

/** The same for a volume's spec, whose source upstream embeds. */
export function shownVolumeSpec(spec: PersistentVolumeSpec): Json {
  return {
    Capacity: inOrder(withSentEmpty(spec, 'capacity') ?? null),
    ...internalForm('PersistentVolumeSource', spec as Json),
    AccessModes: withSentEmpty(spec, 'accessModes') ?? null,
    ClaimRef: spec.claimRef ? internalForm('ObjectReference', spec.claimRef as Json) : null,
    PersistentVolumeReclaimPolicy: spec.persistentVolumeReclaimPolicy ?? '',
    StorageClassName: spec.storageClassName ?? '',
    MountOptions: withSentEmpty(spec, 'mountOptions') ?? null,
    VolumeMode: spec.volumeMode ?? null,
    NodeAffinity: spec.nodeAffinity ? shownVolumeAffinity(spec.nodeAffinity) : null,
    VolumeAttributesClassName: spec.volumeAttributesClassName ?? null,
  };
}

export function shownVolumeAffinity({ required }: VolumeNodeAffinity): Json {
  return { Required: required ? internalForm('NodeSelector', required as unknown as Json) : null };
}

function printed(type: string, object: object): string {
  return goIndented(shownForm(type, object));
}

/** Unversioned pods keep the host's namespaces in the security context. */
function withHostNamespaces(spec: PodSpec): Json {
  const { hostNetwork, hostPID, hostIPC, shareProcessNamespace, hostUsers, securityContext, ...rest } = spec;
  if (!securityContext) return keepSentEmpty(spec, { ...rest });
  const namespaces = { hostNetwork, hostPID, hostIPC, shareProcessNamespace, hostUsers };
  const context = keepSentEmpty(securityContext, { ...securityContext, ...namespaces });
  return keepSentEmpty(spec, { ...rest, securityContext: context });
}

function internalForm(type: string, object: Json): Json {
  const result: Record<string, unknown> = {};
  if (type === 'PersistentVolumeClaimTemplate') Object.assign(result, shownMetadata(object['metadata'] as object));
  for (const field of (internalShapes[type] ?? deviceShapes[type] ?? flowShapes[type])?.split(' ') ?? []) {
    const [goName, jsonName, code, target] = field.split(':') as [string, string, string, string | undefined];
    result[goName] = internalValue(withSentEmpty(object, jsonName), code, target);
  }
  return result;
}

const zeros: Readonly<Record<string, unknown>> = {
  s: '',
  n: 0,
  b: false,
  N: null,
  r: null,
  q: '0',
  i: 0,
  p: null,
  l: null,
  m: null,
};

function internalValue(value: unknown, code: string, type: string | undefined): unknown {
  if (code === 'o') return type === 'ObjectMeta' ? (value ?? {}) : internalForm(type as string, (value ?? {}) as Json);
  if (value === undefined || value === null) return zeros[code];
  if (code === 'p') return internalForm(type as string, value as Json);
  if (code === 'l') return (value as Json[]).map((item) => internalForm(type as string, item));
  if (code === 'm') return mapValues(value as Json, (item) => internalForm(type as string, item as Json));
  if (code === 'r') return value;
  return isSelector(value) ? shownSelector(value) : inOrder(value);
}

/** Fields of metav1's selector have an order of their own, unlike the keys of maps. */
function isSelector(value: unknown): value is LabelSelector {
  return typeof value === 'object' && value !== null && ('matchLabels' in value || 'matchExpressions' in value);
}

function mapValues(object: Json, change: (value: unknown) => unknown): Json {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]));
}

/** As json.MarshalIndent with one blank. */
function goIndented(value: unknown): string {
  return goJson(value) === '{}'
    ? '{}'
    : JSON.stringify(value, null, 1).replace(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
}
