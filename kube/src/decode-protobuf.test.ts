import { expect, test } from 'vitest';
import { decodeObject } from './decode.ts';
import { decodeProtobuf } from './decode-protobuf.ts';
import { goFieldName } from './proto-go-name.ts';
import { schemaFor } from './schema.ts';

/** Protobuf by hand: field number and a value; numbers are varints, everything else is length-delimited. */
type Field = readonly [id: number, value: number | string | Uint8Array | readonly Field[]];

function varint(value: number): number[] {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  return [...bytes, Number(rest)];
}

function message(...fields: readonly Field[]): Uint8Array {
  return Uint8Array.from(
    fields.flatMap(([id, value]) => {
      if (typeof value === 'number') return [...varint(id << 3), ...varint(value)];
      const bytes =
        typeof value === 'string'
          ? Buffer.from(value)
          : value instanceof Uint8Array
            ? value
            : message(...(value as readonly Field[]));
      return [...varint((id << 3) | 2), ...varint(bytes.length), ...bytes];
    }),
  );
}

function body(apiVersion: string, kind: string, raw: readonly Field[]): Uint8Array {
  const unknown = message(
    [
      1,
      [
        [1, apiVersion],
        [2, kind],
      ],
    ],
    [2, raw],
    [3, ''],
    [4, ''],
  );
  return Uint8Array.from([0x6b, 0x38, 0x73, 0, ...unknown]);
}

async function decoded(group: string, version: string, kind: string, raw: readonly Field[]) {
  const { object } = await decodeProtobuf(body(group === '' ? version : `${group}/${version}`, kind, raw));
  const result = decodeObject(schemaFor(group, version, kind)!, object);
  expect(result.unknownFields).toEqual([]);
  return result.object;
}

test('a pod as a typed client writes it: zero fields included, sources embedded, numbers of all kinds', async () => {
  const container: Field[] = [
    [1, 'c'],
    [2, 'i'],
    [3, 'sh'],
    [
      6,
      [
        [1, ''],
        [2, 0],
        [3, 8080],
        [4, ''],
        [5, ''],
      ],
    ],
    [
      8,
      [
        [
          1,
          [
            [1, 'cpu'],
            [2, [[1, '1500m']]],
          ],
        ],
      ],
    ],
    [
      10,
      [
        [
          1,
          [
            [
              2,
              [
                [1, '/'],
                [
                  2,
                  [
                    [1, 1],
                    [2, 0],
                    [3, 'http'],
                  ],
                ],
              ],
            ],
          ],
        ],
        [2, 5],
        [3, 0],
      ],
    ],
    [18, 0],
  ];
  const pod = await decoded('', 'v1', 'Pod', [
    [
      1,
      [
        [1, 'p'],
        [2, ''],
        [3, 'ns'],
        [7, 0],
        [8, []],
        [
          11,
          [
            [1, 'app'],
            [2, 'x'],
          ],
        ],
        [11, [[1, 'empty']]],
      ],
    ],
    [
      2,
      [
        [
          1,
          [
            [1, 'v'],
            [2, [[2, [[1, '']]]]],
          ],
        ],
        [2, container],
        [4, 0],
        [11, 0],
        [15, [[1, 'pull']]],
        [25, -10],
      ],
    ],
    [
      3,
      [
        [1, ''],
        [
          7,
          [
            [1, 1767225600],
            [2, 0],
          ],
        ],
      ],
    ],
  ]);
  expect(pod).toEqual({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'ns', labels: { app: 'x', empty: '' } },
    spec: {
      volumes: [{ name: 'v', emptyDir: {} }],
      containers: [
        {
          name: 'c',
          image: 'i',
          command: ['sh'],
          ports: [{ containerPort: 8080 }],
          resources: { limits: { cpu: '1500m' } },
          livenessProbe: { httpGet: { path: '/', port: 'http' }, initialDelaySeconds: 5 },
        },
      ],
      terminationGracePeriodSeconds: 0,
      imagePullSecrets: [{ name: 'pull' }],
      priority: -10,
    },
    status: { startTime: '2026-01-01T00:00:00Z' },
  });
});

test('bytes, raw JSON and named lists have their JSON forms', async () => {
  const secret = await decoded('', 'v1', 'Secret', [
    [1, [[1, 's']]],
    [
      2,
      [
        [1, 'k'],
        [2, Uint8Array.from([0, 255])],
      ],
    ],
    [3, 'Opaque'],
  ]);
  expect(secret).toMatchObject({ data: { k: 'AP8=' }, type: 'Opaque' });
  const revision = await decoded('apps', 'v1', 'ControllerRevision', [
    [2, [[1, '{"spec":{"a":1}}']]],
    [3, 7],
  ]);
  expect(revision).toMatchObject({ data: { spec: { a: 1 } }, revision: 7 });
  const review = await decoded('authorization.k8s.io', 'v1', 'SubjectAccessReview', [
    [
      2,
      [
        [3, 'u'],
        [
          5,
          [
            [1, 'scopes'],
            [
              2,
              [
                [1, 'a'],
                [1, 'b'],
              ],
            ],
          ],
        ],
      ],
    ],
  ]);
  expect(review).toMatchObject({ spec: { user: 'u', extra: { scopes: ['a', 'b'] } } });
});

test('options of a deletion and a token request are read', async () => {
  const options = await decodeProtobuf(
    body('apps/v1', 'DeleteOptions', [
      [1, 0],
      [2, [[1, 'u1']]],
      [4, 'Background'],
    ]),
  );
  expect(options.object).toEqual({
    kind: 'DeleteOptions',
    apiVersion: 'apps/v1',
    gracePeriodSeconds: 0,
    preconditions: { uid: 'u1' },
    propagationPolicy: 'Background',
  });
  const token = await decoded('authentication.k8s.io', 'v1', 'TokenRequest', [
    [
      2,
      [
        [1, 'api'],
        [4, 3600],
      ],
    ],
  ]);
  expect(token).toMatchObject({ spec: { audiences: ['api'], expirationSeconds: 3600 } });
});

test('bytes that are no message are refused', async () => {
  await expect(decodeProtobuf(Buffer.from('{"kind":"Pod"}'))).rejects.toThrow(
    'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]',
  );
  await expect(decodeProtobuf(body('v1', 'Nothing', []))).rejects.toThrow('no kind "Nothing" is registered');
  const whole = body('v1', 'Pod', [[1, [[1, 'a-long-enough-name']]]]);
  for (let length = 4; length < whole.length - 5; length++) {
    const outcome = await decodeProtobuf(whole.subarray(0, length)).catch((error: Error) => error.name);
    if (typeof outcome === 'string') expect(outcome).toBe('DecodeError');
  }
});

// What kube-apiserver 1.36.3 answers to such bodies, behind what they say they are.
test.each([
  ['cut', [10, 200], 'unexpected EOF'],
  ['a string where a message is', [8, 1], 'proto: wrong wireType = 0 for field ObjectMeta'],
  ['no field', [0, 1], 'proto: ConfigMap: illegal tag 0 (wire type 0)'],
  ['the end of nothing', [12], 'proto: ConfigMap: wiretype end group for non-group'],
  ['an unknown field of no type', [0x7e], 'proto: illegal wireType 6'],
  ['a length below zero', [10, ...varint(-1)], 'proto: negative length found during unmarshaling'],
  [
    'a length that ends beyond all numbers',
    [10, ...Array<number>(8).fill(255), 127],
    'proto: negative length found during unmarshaling',
  ],
  ['a length without end', [10, ...Array<number>(10).fill(255)], 'proto: integer overflow'],
  ['a name that is a number', [10, 2, 8, 1], 'proto: wrong wireType = 0 for field Name'],
  ['a uid that is a number', [10, 2, 40, 1], 'proto: wrong wireType = 0 for field UID'],
  ['a time without a field', [10, 4, 66, 2, 0, 0], 'proto: Timestamp: illegal tag 0 (wire type 0)'],
  ['a time of words', [10, 4, 66, 2, 10, 0], 'proto: wrong wireType = 2 for field Seconds'],
])('of a body with %s the place is told', async (_, raw, why) => {
  const sent = message([1, [[1, 'v1'] as const, [2, 'ConfigMap'] as const]], [2, Uint8Array.from(raw)]);
  const reading = decodeProtobuf(Uint8Array.from([0x6b, 0x38, 0x73, 0, ...sent]));
  await expect(reading).rejects.toMatchObject({ message: why, kind: 'ConfigMap', apiVersion: 'v1' });
});

test('a message that is given again is read into what is there, and a version that is none says nothing', async () => {
  const sent = message(
    [1, [[1, 'a/b/c'] as const, [2, 'ConfigMap'] as const]],
    [
      2,
      message(
        [1, [[1, 'n'] as const, [11, [[1, 'k'] as const, [2, 'v'] as const]] as const]],
        [1, [[1, 'm'] as const, [3, 's'] as const]],
      ),
    ],
  );
  const { object } = await decodeProtobuf(Uint8Array.from([0x6b, 0x38, 0x73, 0, ...sent]), {
    usual: { apiVersion: 'v1', kind: 'ConfigMap' },
  });
  expect(object).toEqual({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'm', labels: { k: 'v' }, namespace: 's' },
  });
});

test('groups nobody knows are passed over, and who does not say what it is, is what is expected', async () => {
  const group = [0x7b, 0x7b, 8, 1, 0x7c, 0x7c];
  const sent = message([2, Uint8Array.from([...group, ...message([1, [[1, 'n']]])])]);
  const usual = { apiVersion: 'v1', kind: 'ConfigMap' };
  const { object } = await decodeProtobuf(Uint8Array.from([0x6b, 0x38, 0x73, 0, ...sent]), { usual });
  expect(object).toEqual({ ...usual, metadata: { name: 'n' } });
});

test.each([
  ['metadata', 'io.k8s.api.core.v1.PodList', 'ListMeta'],
  ['fsType', 'x', 'FSType'],
  ['gcePersistentDisk', 'x', 'GCEPersistentDisk'],
  ['idle', 'x', 'Idle'],
  ['$ref', 'x', 'Ref'],
  ['x-kubernetes-list-type', 'x', 'XListType'],
  ['clusterIPs', 'x', 'ClusterIPs'],
  ['wwids', 'x', 'WWIDs'],
])('%s of %s is called %s in Go', (name, definition, goName) => {
  expect(goFieldName(name, definition)).toBe(goName);
});
