import { roundedIntegers } from '@berth/kit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { copyJson } from './copy-json.ts';
import { decodeObject } from './decode.ts';
import { parseExact, parseJson, parseJsonStrict } from './parse-json.ts';
import { Quantity } from './quantity.ts';
import { schemaFor, schemas } from './schema.ts';
import { copyWithSentEmpties, keepSentEmpties, nullSentEmpties, sentEmpties, withSentEmpty } from './sent-empties.ts';

const pod = schemas.get('io.k8s.api.core.v1.Pod');
const deployment = schemaFor('apps', 'v1', 'Deployment')!;
const secret = schemaFor('', 'v1', 'Secret')!;
const withContainer = (container: unknown) => ({ spec: { containers: [container] } });

test('a kind is found by group and version, and its fields know how to be patched', () => {
  expect(schemaFor('', 'v1', 'Pod')).toBe(pod);
  expect(schemaFor('nope', 'v1', 'Pod')).toBeUndefined();
  const containers = pod.fields.get('spec')?.struct?.fields.get('containers');
  expect(containers).toMatchObject({
    listType: 'map',
    mapKeys: ['name'],
    mergeKey: 'name',
    patchStrategies: ['merge'],
  });
  expect(pod.fields.get('spec')?.struct?.required.has('containers')).toBe(true);
});

test.each([
  [
    deployment,
    { spec: { replicas: 'three' } },
    'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
  ],
  [
    deployment,
    { spec: { replicas: 1.5 } },
    'json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32',
  ],
  // What YAML has below -2^63 is a float, which a number cannot tell from that; the integer is a bigint.
  [
    deployment,
    { metadata: { generation: -(2 ** 63) } },
    'json: cannot unmarshal number -9223372036854776000 into Go struct field ObjectMeta.metadata.generation of type int64',
  ],
  [
    deployment,
    { spec: { template: 'x' } },
    'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.template of type v1.PodTemplateSpec',
  ],
  [
    pod,
    withContainer({ image: 5 }),
    'json: cannot unmarshal number into Go struct field Container.spec.containers.image of type string',
  ],
  [
    pod,
    withContainer({ args: ['a', 1] }),
    'json: cannot unmarshal number into Go struct field Container.spec.containers.args of type string',
  ],
  [
    pod,
    withContainer({ tty: 'yes' }),
    'json: cannot unmarshal string into Go struct field Container.spec.containers.tty of type bool',
  ],
  [
    pod,
    { spec: { containers: {} } },
    'json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container',
  ],
  [
    pod,
    { metadata: { labels: { a: 1 } } },
    'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string',
  ],
  [
    pod,
    { metadata: { labels: ['a'] } },
    'json: cannot unmarshal array into Go struct field ObjectMeta.metadata.labels of type map[string]string',
  ],
  [pod, [], 'json: cannot unmarshal array into Go value of type v1.Pod'],
  [
    pod,
    { metadata: { creationTimestamp: 'abc' } },
    'parsing time "abc" as "2006-01-02T15:04:05Z07:00": cannot parse "abc" as "2006"',
  ],
  [
    pod,
    { metadata: { creationTimestamp: '2020-13-01T00:00:00Z' } },
    'parsing time "2020-13-01T00:00:00Z": month out of range',
  ],
  [pod, withContainer({ resources: { limits: { cpu: 'much' } } }), 'quantities must match the regular expression'],
  [
    pod,
    withContainer({ livenessProbe: { httpGet: { port: 1.5 } } }),
    'json: cannot unmarshal number 1.5 into Go struct field HTTPGetAction.spec.containers.livenessProbe.ProbeHandler.httpGet.port of type int32',
  ],
  [
    pod,
    { metadata: { creationTimestamp: 5 } },
    'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.creationTimestamp of type string',
  ],
  [
    pod,
    { spec: { dnsPolicy: 5, restartPolicy: 6 } },
    'json: cannot unmarshal number into Go struct field PodSpec.spec.dnsPolicy of type v1.DNSPolicy',
  ],
  [pod, { spec: { dnsPolicy: 5, overhead: { cpu: 'much' } } }, 'quantities must match the regular expression'],
  [
    pod,
    { spec: { volumes: [{ emptyDir: 5 }] } },
    'json: cannot unmarshal number into Go struct field Volume.spec.volumes.VolumeSource.emptyDir of type v1.EmptyDirVolumeSource',
  ],
  [secret, { data: { a: '***' } }, 'illegal base64 data at input byte 0'],
  [secret, { data: { a: [256] } }, 'json: cannot unmarshal number 256 into Go struct field Secret.data of type uint8'],
  [secret, { data: { a: 'YWJ' } }, 'illegal base64 data at input byte 0'],
])('%# a wrong type is refused as Go does', (schema, value, words) => {
  expect(() => decodeObject(schema, value)).toThrow(words);
});

test('unknown fields are dropped and named by their paths', () => {
  const { object, unknownFields } = decodeObject(pod, {
    dat: {},
    metadata: { name: 'p', labels: { anything: 'goes' }, Name: 'x' },
    spec: { containers: [{ name: 'a' }, { name: 'b', imag: 'j' }] },
  });
  expect(unknownFields).toEqual(['dat', 'metadata.Name', 'spec.containers[1].imag']);
  expect(object).toEqual({
    metadata: { name: 'p', labels: { anything: 'goes' } },
    spec: {
      containers: [
        { name: 'a', resources: {} },
        { name: 'b', resources: {} },
      ],
    },
    status: {},
  });
});

test('null is absent, in maps and lists the zero value; what Go omits at zero is left out', () => {
  const { object } = decodeObject(pod, {
    metadata: { name: null, namespace: '', labels: { a: null }, annotations: {} },
    spec: { containers: [null], volumes: [], hostNetwork: false, priority: 0, overhead: { cpu: null } },
  });
  expect(object).toEqual({
    metadata: { labels: { a: '' } },
    spec: { containers: [{ resources: {} }], priority: 0, overhead: { cpu: '0' } },
    status: {},
  });
  expect(decodeObject(pod, { spec: { containers: [] } }).object).toEqual({
    metadata: {},
    spec: { containers: [] },
    status: {},
  });
});

test('a list of numbers is as good as base64, as Go has it', () => {
  expect(decodeObject(secret, { data: { a: [104, 105, null], b: [] } }).object).toMatchObject({
    data: { a: 'aGkA', b: '' },
  });
});

test('times, quantities and numbers get the form they are stored in', () => {
  const { object } = decodeObject(pod, {
    metadata: { creationTimestamp: '2026-01-01T02:00:00.5+02:00' },
    spec: { containers: [{ resources: { requests: { memory: '1024Mi', cpu: 0.5 } }, ports: [{ containerPort: 80 }] }] },
  });
  expect(object).toEqual({
    metadata: { creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { containers: [{ resources: { requests: { memory: '1Gi', cpu: '500m' } }, ports: [{ containerPort: 80 }] }] },
    status: {},
  });
  const lease = decodeObject(schemaFor('coordination.k8s.io', 'v1', 'Lease')!, {
    spec: { renewTime: '2026-01-01T02:00:00.123456+02:00' },
  });
  expect(lease.object).toEqual({ metadata: {}, spec: { renewTime: '2026-01-01T00:00:00.123456Z' } });
});

test('a key named __proto__ stays a key', () => {
  const value = parseJson('{"data":{"__proto__":"x"}}');
  const { object } = decodeObject(schemaFor('', 'v1', 'ConfigMap')!, value);
  expect(JSON.stringify(object)).toBe('{"data":{"__proto__":"x"},"metadata":{}}');
  expect(JSON.stringify(parseJsonStrict('{"data":{"__proto__":{"a":1}}}').value)).toBe(
    '{"data":{"__proto__":{"a":1}}}',
  );
});

test('duplicate fields are named once each, and the last counts', () => {
  const { value, duplicateFields } = parseJsonStrict(
    '{"data":{"a":"1","a":"2","a":"3"},"l":[{"x":1,"x":2}],"data":{}}',
  );
  expect(duplicateFields).toEqual(['data.a', 'l[0].x', 'data']);
  expect(value).toEqual({ data: {}, l: [{ x: 2 }] });
});

// encoding/json: a value is read into what the one before it left in the field.
test.each([
  ['{"data":{"a":"1","b":"2"},"data":{"b":"3"}}', { data: { a: '1', b: '3' }, metadata: {} }],
  ['{"data":{"a":"1"},"data":null,"data":{"b":"2"}}', { data: { b: '2' }, metadata: {} }],
  ['{"data":{"a":"1"},"data":null}', { metadata: {} }],
  [
    '{"metadata":{"name":"a","labels":{"x":"1"}},"metadata":null,"metadata":{"labels":{"y":"2"},"name":null}}',
    { metadata: { name: 'a', labels: { x: '1', y: '2' } } },
  ],
  [
    '{"metadata":{"ownerReferences":[{"name":"a"},{"name":"b"}],"ownerReferences":[{"uid":"u"}],"labels":{"l":"1"},"labels":{}}}',
    { metadata: { ownerReferences: [{ name: 'a', uid: 'u' }], labels: { l: '1' } } },
  ],
  ['{"metadata":{"finalizers":["a","b"],"finalizers":["c"]}}', { metadata: { finalizers: ['c'] } }],
])('of %s Go makes one object', (text, expected) => {
  expect(decodeObject(schemaFor('', 'v1', 'ConfigMap')!, parseJsonStrict(text).value).object).toEqual(expected);
});

test.each([
  ['{"data":"x","data":{}}', 'string', 'map[string]string'],
  ['{"data":{"a":1,"a":"2"}}', 'number', 'string'],
])('a value of a wrong type is refused, though the field is given again: %s', (text, given, type) => {
  const { value } = parseJsonStrict(text);
  expect(() => decodeObject(schemaFor('', 'v1', 'ConfigMap')!, value)).toThrow(
    `json: cannot unmarshal ${given} into Go struct field ConfigMap.data of type ${type}`,
  );
});

test('a field that is given twenty thousand times is read at once', () => {
  const { value } = parseJsonStrict(`{${Array.from({ length: 20_000 }, (_, i) => `"data":{"k${i}":""}`).join()}}`);
  const { object } = decodeObject(schemaFor('', 'v1', 'ConfigMap')!, value);
  expect(Object.keys(object['data'] as object)).toHaveLength(20_000);
});

test.each(['1e2', '1.0', '1.50', '100e-2', '99999999999999999999'])('%s is a number, yet no integer', (text) => {
  const service = (port: string) => `{"spec":{"ports":[${port}]}}`;
  const decoded = (json: string) => decodeObject(schemaFor('', 'v1', 'Service')!, parseJsonStrict(json).value).object;
  expect(() => decoded(service(`{"port":${text}}`))).toThrow(
    `json: cannot unmarshal number ${text} into Go struct field ServicePort.spec.ports.port of type int32`,
  );
  expect(() => decoded(service(`{"targetPort":${text}}`))).toThrow(`json: cannot unmarshal number ${text} into Go`);
  const limits = `{"spec":{"limits":[{"max":{"cpu":${text}}}]}}`;
  expect(decodeObject(schemaFor('', 'v1', 'LimitRange')!, parseJsonStrict(limits).value).object).toMatchObject({
    spec: { limits: [{ max: { cpu: Quantity.parse(text).toString() } }] },
  });
});

test.each([
  ['', 'unexpected end of JSON input'],
  ['{"a":', 'unexpected end of JSON input'],
  ['{a}', "invalid character 'a' looking for beginning of object key string"],
  ['[1 2]', "invalid character '2' after array element"],
  ['{"a" 1}', "invalid character '1' after object key"],
  ['{"a":1 "b"}', "invalid character '\"' after object key:value pair"],
  ['nul', "invalid character ' ' in literal null (expecting 'l')"],
  ['{"a":-', "invalid character ' ' in numeric literal"],
  ['[1.', "invalid character ' ' after decimal point in numeric literal"],
  ['[1e+', "invalid character ' ' in exponent of numeric literal"],
  ['["\\', "invalid character ' ' in string escape code"],
  ['["\\u12', "invalid character ' ' in \\u hexadecimal character escape"],
  ['["a', 'unexpected end of JSON input'],
  ['[1', 'unexpected end of JSON input'],
  ['nulx', "invalid character 'x' in literal null (expecting 'l')"],
  ['[1.]', "invalid character ']' after decimal point in numeric literal"],
  ['[1.5e+x]', "invalid character 'x' in exponent of numeric literal"],
  ['[1e5.]', "invalid character '.' after array element"],
  ['[-]', "invalid character ']' in numeric literal"],
  ['"a\nb"', "invalid character '\\n' in string literal"],
  ['{} x', "invalid character 'x' after top-level value"],
  ['hello', "invalid character 'h' looking for beginning of value"],
  ['\ufeff{}', "invalid character 'ï' looking for beginning of value"],
])('%j is refused: %s', (text, words) => {
  expect(() => parseJson(text)).toThrow(words);
  expect(() => parseJsonStrict(text)).toThrow(words);
});

test('a document nested too deep is an error, not a stack overflow', () => {
  for (const parse of [parseJson, parseJsonStrict]) {
    expect(() => parse('['.repeat(200_000))).toThrow(/^invalid character '.' exceeded max depth$/);
    expect(() => parse('{"a":'.repeat(20_000))).toThrow(/^invalid character '.' exceeded max depth$/);
    expect(() => parse(`${'['.repeat(10_001)}${']'.repeat(10_001)}`)).toThrow(
      /^invalid character '\[' exceeded max depth$/,
    );
    expect(() => parse(`${'['.repeat(10_000)}"${'[{'.repeat(5000)}"${']'.repeat(10_000)}`)).not.toThrow();
    // As wide as the slower reader's numbers.
    expect(() => parse(`${'{"a":'.repeat(9999)}[1e400]${'}'.repeat(9999)}`)).toThrow(/number 1e400 into/);
    expect(() => parse(`${'{"a":'.repeat(9999)}[12345678901234567890]${'}'.repeat(9999)}`)).not.toThrow();
  }
});

test('half of a character that takes two is none', () => {
  for (const parse of [parseJson, (text: string) => parseJsonStrict(text).value])
    expect(parse('{"\\ud800":"\\uD83D\\ude00 \\udc00"}')).toEqual({ '\ufffd': '😀 \ufffd' });
});

test('the strict reader reads what JSON.parse reads', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(roundedIntegers(parseJsonStrict(text).value)).toEqual(JSON.parse(text));
      expect(parseExact(text)).toEqual(parseJsonStrict(text).value);
    }),
  );
  fc.assert(
    fc.property(fc.stringMatching(/^[[\]{}:,"a1 \\.etrufalsn-]{0,12}$/), (text) => {
      let expected: unknown;
      try {
        expected = JSON.parse(text);
      } catch {
        expect(() => parseJsonStrict(text)).toThrow();
        return;
      }
      expect(parseJsonStrict(text).value).toEqual(expected);
    }),
  );
});

test('what was sent empty is told from what was not, though Go omits both; copies know it, too', () => {
  const sent = { spec: { nodeSelector: {}, containers: [{ name: 'c', args: [] }] } };
  const { object } = decodeObject(pod, sent);
  expect(object['spec']).toEqual({ containers: [{ name: 'c', resources: {} }] });
  expect(sentEmpties(object)).toEqual([
    ['spec', 'nodeSelector'],
    ['spec', 'containers', '[0]', 'args'],
  ]);
  for (const each of [object, keepSentEmpties(object, copyJson(object)), copyWithSentEmpties(object)]) {
    const { spec } = each as { spec: { nodeSelector?: object; containers: object[] } };
    expect(withSentEmpty(spec, 'nodeSelector')).toEqual({});
    expect(withSentEmpty(spec, 'tolerations')).toBeUndefined();
    expect(withSentEmpty(spec.containers[0] as object, 'args')).toEqual([]);
    spec.nodeSelector = { a: 'b' };
    expect(withSentEmpty(spec, 'nodeSelector')).toEqual({ a: 'b' });
  }
  expect(sentEmpties(object)).toEqual([['spec', 'containers', '[0]', 'args']]);
});

test('the time that is none is as if there were null; years that have not four digits are written as Go does', () => {
  const read = (time: string, name = 'timeAdded') =>
    decodeObject(schemas.get('io.k8s.api.core.v1.Taint'), { key: 'a', [name]: time }).object;
  for (const zero of ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.5Z', '0001-01-01T01:00:00+01:00'])
    expect(read(zero)).toEqual({ key: 'a' });
  expect(read('9999-12-31T23:59:59-01:00')).toEqual({ key: 'a', timeAdded: '10000-01-01T00:59:59Z' });
  expect(read('0000-01-01T00:00:00+01:00')).toEqual({ key: 'a', timeAdded: '-0001-12-31T23:00:00Z' });
  const lease = (renewTime: string) =>
    decodeObject(schemaFor('coordination.k8s.io', 'v1', 'Lease')!, { spec: { renewTime } }).object['spec'];
  expect(lease('0001-01-01T00:00:00.000000Z')).toEqual({});
  expect(lease('0001-01-01T00:00:00.000001Z')).toEqual({ renewTime: '0001-01-01T00:00:00.000001Z' });
});

test('an empty list that Go always writes is there, and null once it was stored', () => {
  const { object } = decodeObject(pod, { spec: { containers: [], tolerations: [] } });
  expect(object['spec']).toEqual({ containers: [] });
  nullSentEmpties(object);
  expect(object['spec']).toEqual({ containers: null });
});
