import type { OpenApiSchema } from '@berth/kube';
import fc from 'fast-check';
import { randomFieldSet } from './apply-patches.ts';

/** Objects with few names and values, so that writers of one meet each other. */
type Json = Record<string, unknown>;

const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 });
const record = (fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Json> =>
  fc
    .record(Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, optional(field)])))
    .map((made) => Object.fromEntries(Object.entries(made).filter(([, value]) => value !== undefined)));
const word = fc.constantFrom('a', 'b', 'c');
const value = fc.constantFrom('1', '2', '', 'x"<y>&');
const map = fc.dictionary(fc.constantFrom('a', 'b', 'app', 'x/y.z', '__proto__', 'f:g'), value, {
  maxKeys: 3,
  noNullPrototype: true,
});
const list = <T>(item: fc.Arbitrary<T>) => fc.array(item, { maxLength: 3 });

const ownerReference = fc.record({
  apiVersion: fc.constant('v1'),
  kind: fc.constant('Node'),
  name: word,
  uid: fc.constantFrom('u1', 'u2'),
});
const metadata = record({
  labels: map,
  annotations: map,
  finalizers: list(fc.constantFrom('example.com/a', 'example.com/b', 'example.com/ü')),
  ownerReferences: fc.uniqueArray(ownerReference, { selector: ({ uid }) => uid, maxLength: 2 }),
}).map((fields) => ({ name: 'thing', namespace: 'default', ...fields }));

export const aConfigMap = record({ data: map, immutable: fc.boolean(), binaryData: fc.constant({ k: 'AAE=' }) }).chain(
  (fields) => metadata.map((made): Json => ({ metadata: made, ...fields })),
);

const port = record({ name: word, protocol: fc.constantFrom('TCP', 'UDP'), hostPort: fc.constantFrom(0, 1) }).chain(
  (fields) => fc.constantFrom(80, 443, 8080).map((containerPort) => ({ containerPort, ...fields })),
);
const quantities = fc.dictionary(fc.constantFrom('cpu', 'memory'), fc.constantFrom('1', '500m', '64Mi'), {
  maxKeys: 2,
  noNullPrototype: true,
});
const container = record({
  image: value,
  command: list(word),
  ports: list(port),
  env: list(record({ value }).chain((fields) => word.map((name) => ({ name, ...fields })))),
  volumeMounts: list(
    record({ readOnly: fc.boolean() }).chain((fields) =>
      fc.constantFrom('/a', '/b').map((mountPath) => ({ name: 'v', mountPath, ...fields })),
    ),
  ),
  resources: record({ limits: quantities, requests: quantities }),
  securityContext: record({
    privileged: fc.boolean(),
    runAsUser: fc.constantFrom(0, 1000),
    capabilities: record({ add: list(word) }),
  }),
}).chain((fields) => word.map((name) => ({ name, ...fields })));
const volume = record({
  emptyDir: record({ medium: fc.constantFrom('', 'Memory') }),
  configMap: record({ name: word, items: list(fc.record({ key: word, path: word })) }),
}).chain((fields) => word.map((name) => ({ name, ...fields })));
const condition = record({
  status: fc.constantFrom('True', 'False'),
  reason: value,
  lastTransitionTime: fc.constant('2026-01-01T00:00:00Z'),
}).chain((fields) => fc.constantFrom('Ready', 'Other').map((type) => ({ type, status: 'Unknown', ...fields })));

const podSpec = record({
  containers: list(container),
  volumes: list(volume),
  nodeSelector: map,
  tolerations: list(record({ key: word, value })),
  topologySpreadConstraints: list(
    fc.record({
      topologyKey: word,
      whenUnsatisfiable: fc.constantFrom('DoNotSchedule', 'ScheduleAnyway'),
      maxSkew: fc.constant(1),
    }),
  ),
  imagePullSecrets: list(record({ name: word })),
  hostAliases: list(fc.record({ ip: fc.constantFrom('1.1.1.1', '2.2.2.2'), hostnames: list(word) })),
  terminationGracePeriodSeconds: fc.constantFrom(0, 30),
  nodeName: value,
  securityContext: record({ fsGroup: fc.constantFrom(1, 2), supplementalGroups: list(fc.constantFrom(1, 2)) }),
  overhead: quantities,
});

export const aPod = fc
  .record({
    metadata,
    spec: podSpec,
    status: record({ phase: value, conditions: list(condition), podIPs: list(fc.record({ ip: word })) }),
  })
  .chain(({ status, ...pod }) =>
    optional(fc.constant(status)).map((made): Json => (made ? { ...pod, status: made } : pod)),
  );

export const aService = fc.record({
  metadata,
  spec: record({
    ports: list(
      record({ name: word, protocol: fc.constantFrom('TCP', 'UDP'), targetPort: fc.constantFrom(80, 'http') }).chain(
        (fields) => fc.constantFrom(80, 443).map((p) => ({ port: p, ...fields })),
      ),
    ),
    selector: map,
    type: fc.constantFrom('ClusterIP', 'NodePort'),
    externalIPs: list(word),
    sessionAffinityConfig: fc.constant({ clientIP: { timeoutSeconds: 5 } }),
    ipFamilies: list(fc.constantFrom('IPv4', 'IPv6')),
  }),
}) as fc.Arbitrary<Json>;

export const aDeployment = fc.record({
  metadata,
  spec: record({
    replicas: fc.constantFrom(0, 1, 3),
    selector: record({ matchLabels: map }),
    template: fc.record({ metadata: record({ labels: map }), spec: podSpec }),
    strategy: record({ type: value, rollingUpdate: record({ maxSurge: fc.constantFrom(1, '25%') }) }),
    paused: fc.boolean(),
  }),
}) as fc.Arbitrary<Json>;

/** One field of it has another type, is unknown, or null. */
export function mistyped(object: fc.Arbitrary<Json>): fc.Arbitrary<Json> {
  const wrong = fc.constantFrom<[string, unknown]>(
    ['spec', { unknownField: 1 }],
    ['spec', 'text'],
    ['spec', null],
    ['metadata', { name: 'thing', labels: { a: 1 } }],
    ['metadata', { name: 'thing', labels: [] }],
    ['metadata', { name: 'thing', finalizers: ['a', 'a'] }],
    ['metadata', { name: 'thing', finalizers: [null] }],
    ['metadata', { name: 'thing', finalizers: [{}] }],
    ['metadata', { name: 'thing', finalizers: 'a' }],
    ['metadata', { name: 'thing', ownerReferences: [{ name: 'x' }] }],
    ['metadata', { name: 'thing', generation: '1' }],
    ['metadata', { name: 'thing', managedFields: [] }],
    ['kind', 'Other'],
    ['nothing', 1],
  );
  return fc.tuple(object, wrong).map(([made, [name, wrongValue]]) => ({ ...made, [name]: wrongValue }));
}

/** A custom resource's schema with one of each kind of list and map. */
export const thingSchema: OpenApiSchema = {
  type: 'object',
  properties: {
    apiVersion: { type: 'string' },
    kind: { type: 'string' },
    metadata: objectMeta(),
    spec: {
      type: 'object',
      properties: {
        count: { type: 'integer' },
        size: { 'x-kubernetes-int-or-string': true },
        tags: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
        numbers: { type: 'array', items: { type: 'number' }, 'x-kubernetes-list-type': 'set' },
        plain: { type: 'array', items: { type: 'string' } },
        ports: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['port', 'protocol'],
          items: {
            type: 'object',
            properties: {
              port: { type: 'integer' },
              protocol: { type: 'string', default: 'TCP' },
              note: { type: 'string' },
            },
          },
        },
        whole: {
          type: 'object',
          'x-kubernetes-map-type': 'atomic',
          properties: { a: { type: 'string' }, b: { type: 'string' } },
        },
        any: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        free: { 'x-kubernetes-preserve-unknown-fields': true },
        named: { type: 'object', additionalProperties: { type: 'object', properties: { x: { type: 'integer' } } } },
        when: { type: 'string', format: 'date-time' },
      },
    },
  },
};

/** What of an object's metadata the cases have. */
function objectMeta(): OpenApiSchema {
  const texts: OpenApiSchema = { type: 'object', additionalProperties: { type: 'string' } };
  const owner = {
    type: 'object',
    'x-kubernetes-map-type': 'atomic',
    properties: Object.fromEntries(
      ['apiVersion', 'kind', 'name', 'uid'].map((name) => [name, { type: 'string', default: '' }]),
    ),
  };
  return {
    type: 'object',
    properties: {
      name: { type: 'string' },
      namespace: { type: 'string' },
      uid: { type: 'string' },
      generation: { type: 'integer' },
      labels: texts,
      annotations: texts,
      finalizers: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
      ownerReferences: {
        type: 'array',
        items: owner,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['uid'],
      },
      managedFields: {
        type: 'array',
        items: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } as OpenApiSchema,
        'x-kubernetes-list-type': 'atomic',
      },
    },
  };
}

const json = fc.constantFrom<unknown>(1, 'x', true, [1, 2], { a: 1 }, { a: { b: 'c' }, d: [] }, {}, []);

export const aThing = fc.record({
  metadata,
  spec: record({
    count: fc.constantFrom(1, 2),
    size: fc.constantFrom(1, '50%'),
    tags: fc.uniqueArray(value, { maxLength: 3 }),
    numbers: fc.uniqueArray(fc.constantFrom(1, 2.5, 3), { maxLength: 3 }),
    plain: list(value),
    ports: list(
      record({ protocol: fc.constantFrom('TCP', 'UDP'), note: value }).chain((fields) =>
        fc.constantFrom(1, 2).map((p) => ({ port: p, ...fields })),
      ),
    ),
    whole: record({ a: value, b: value }),
    any: fc.dictionary(word, json, { maxKeys: 2, noNullPrototype: true }),
    free: json,
    named: fc.dictionary(word, record({ x: fc.constantFrom(1, 2) }), { maxKeys: 2, noNullPrototype: true }),
    when: fc.constant('2026-01-01T00:00:00Z'),
  }),
}) as fc.Arbitrary<Json>;

/** With managedFields of the sender's own: none, some, or something that is none. */
export function sending(object: fc.Arbitrary<Json>, apiVersion: string): fc.Arbitrary<Json> {
  const entry = { manager: 'sent', operation: 'Update', apiVersion, fieldsType: 'FieldsV1' };
  const fields = fc.oneof(
    randomFieldSet,
    fc.constantFrom(
      { 'f:data': { 'f:a': {} }, 'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } } },
      { 'f:spec': { 'f:selector': { 'f:a': {} }, 'f:containers': { 'k:{"name": "a"}': { '.': {}, 'f:image': {} } } } },
      {
        'f:spec': {
          'f:tags': { 'v: "1"': {} },
          'f:whole': { 'f:a': {} },
          'f:ports': { 'k:{"protocol":"TCP","port":1}': { '.': {} } },
        },
      },
    ),
  );
  const entries = fc.oneof(
    fc.constantFrom<unknown[]>(
      [],
      [{}],
      [{ manager: 'x' }],
      [{ ...entry, operation: 'Other', fieldsV1: {} }],
      [{ ...entry, fieldsType: 'FieldsV2', fieldsV1: {} }],
      [{ ...entry, apiVersion: '', fieldsV1: {} }],
      [{ ...entry, apiVersion: 'example.com/v0', fieldsV1: { 'f:data': {} } }],
      [entry],
    ),
    fields.map((fieldsV1) => [{ ...entry, fieldsV1 }]),
    fields.map((fieldsV1) => [
      { ...entry, operation: 'Apply', time: '2025-01-01T00:00:00Z', fieldsV1 },
      { ...entry, fieldsV1: { 'f:data': {} } },
    ]),
  );
  return fc.tuple(object, entries).map(([made, managedFields]) => ({
    ...made,
    metadata: { ...(made['metadata'] as Json), managedFields },
  }));
}

/** With the annotation that client-side apply leaves: of another object, of this one, or of none. */
export function rememberingLast(object: fc.Arbitrary<Json>): fc.Arbitrary<Json> {
  return fc.tuple(object, fc.oneof(object, fc.constant(undefined), fc.constant('this'))).map(([made, last]) => {
    const metadata = made['metadata'] as Json;
    const text = last === undefined ? '{' : JSON.stringify(last === 'this' ? made : last);
    const annotations = {
      ...(metadata['annotations'] as Json),
      'kubectl.kubernetes.io/last-applied-configuration': text,
    };
    return { ...made, metadata: { ...metadata, annotations } };
  });
}
