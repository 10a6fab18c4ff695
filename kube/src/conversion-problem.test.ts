import { expect, test } from 'vitest';
import { conversionProblem } from './conversion-problem.ts';
import { decodeObject } from './decode.ts';
import { schemas } from './schema.ts';

test.each([
  [5, 'string', 'v1.DNSPolicy', 'cannot convert int64 to v1.DNSPolicy'],
  [2n ** 60n, 'string', 'string', 'cannot convert int64 to string'],
  [1.5, 'string', 'string', 'unrecognized type: string'],
  [1.5, 'int64', 'int64', 'cannot convert float64 to int64'],
  ['x', 'int32', 'int32', 'unrecognized type: int32'],
  [[], 'struct', 'v1.PodSpec', 'cannot restore struct from: slice'],
  [{}, 'list', '[]string', 'cannot restore slice from map'],
  [true, 'map', 'map[string]string', 'cannot restore map from bool'],
  [5, 'bytes', '[]uint8', 'cannot restore slice from int64'],
  [{}, 'double', 'float64', 'unrecognized type: float64'],
] as const)('%j is no %s', (value, type, goType, problem) => {
  expect(conversionProblem(value, type, goType)).toBe(problem);
});

test('a map is converted as Go does: numbers lose the bits that have no place, the first thing wrong ends it', () => {
  const deployment = schemas.get('io.k8s.api.apps.v1.Deployment');
  const secret = schemas.get('io.k8s.api.core.v1.Secret');
  expect(decodeObject(deployment, { spec: { replicas: 3_000_000_000 } }, 'map').object).toMatchObject({
    spec: { replicas: -1_294_967_296 },
  });
  for (const replicas of [2 ** 63, 9.3e18, -1e300])
    expect(decodeObject(deployment, { spec: { replicas } }, 'map').object).toMatchObject({ spec: { replicas: 0 } });
  expect(decodeObject(deployment, { metadata: { generation: 1e20 } }, 'map').object).toMatchObject({
    metadata: { generation: -(2n ** 63n) },
  });
  expect(decodeObject(secret, { data: { a: [1, 300] } }, 'map').object).toMatchObject({ data: { a: 'ASw=' } });
  expect(() => decodeObject(secret, { data: { a: '***' } }, 'map')).toThrow(
    /^error decoding from json: illegal base64/,
  );
  const wrong = { metadata: { uid: 5, creationTimestamp: 5 } };
  expect(() => decodeObject(secret, wrong, 'map')).toThrow(/^cannot convert int64 to types.UID$/);
  expect(() => decodeObject(secret, wrong)).toThrow(/ObjectMeta.metadata.creationTimestamp of type string$/);
});
