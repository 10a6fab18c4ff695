import {
  boolType,
  type CelType,
  dynType,
  intType,
  listOf,
  mapOf,
  objectType,
  stringType,
  timestampType,
} from '../language/cel-type.ts';
import type { ObjectDeclaration } from '../language/type-provider.ts';

type Fields = Readonly<Record<string, CelType>>;

const declared: Readonly<Record<string, Fields>> = {
  'kubernetes.GroupVersionKind': { group: stringType, version: stringType, kind: stringType },
  'kubernetes.GroupVersionResource': { group: stringType, version: stringType, resource: stringType },
  'kubernetes.UserInfo': {
    username: stringType,
    uid: stringType,
    groups: listOf(stringType),
    extra: mapOf(stringType, listOf(stringType)),
  },
  'kubernetes.AdmissionRequest': {
    kind: objectType('kubernetes.GroupVersionKind'),
    resource: objectType('kubernetes.GroupVersionResource'),
    subResource: stringType,
    requestKind: objectType('kubernetes.GroupVersionKind'),
    requestResource: objectType('kubernetes.GroupVersionResource'),
    requestSubResource: stringType,
    name: stringType,
    namespace: stringType,
    operation: stringType,
    userInfo: objectType('kubernetes.UserInfo'),
    dryRun: boolType,
    options: dynType,
  },
  'kubernetes.NamespaceSpec': { finalizers: listOf(stringType) },
  'kubernetes.NamespaceCondition': {
    status: stringType,
    type: stringType,
    lastTransitionTime: timestampType,
    message: stringType,
    reason: stringType,
  },
  'kubernetes.NamespaceStatus': {
    conditions: listOf(objectType('kubernetes.NamespaceCondition')),
    phase: stringType,
  },
  'kubernetes.NamespaceMetadata': {
    name: stringType,
    generateName: stringType,
    namespace: stringType,
    labels: mapOf(stringType, stringType),
    annotations: mapOf(stringType, stringType),
    UID: stringType,
    creationTimestamp: timestampType,
    deletionGracePeriodSeconds: intType,
    deletionTimestamp: timestampType,
    generation: intType,
    resourceVersion: stringType,
    finalizers: listOf(stringType),
  },
  'kubernetes.Namespace': {
    metadata: objectType('kubernetes.NamespaceMetadata'),
    spec: objectType('kubernetes.NamespaceSpec'),
    status: objectType('kubernetes.NamespaceStatus'),
  },
};

/** What `request` and `namespaceObject` hold (admission/plugin/cel/compile.go). */
export const admissionObjects: readonly ObjectDeclaration[] = Object.entries(declared).map(([name, fields]) => ({
  name,
  field: (field) => (Object.hasOwn(fields, field) ? fields[field] : undefined),
}));
