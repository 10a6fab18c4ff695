import { ApiError, decodeProtobuf, FieldSelector, Quantity, QuantityError, Selector, SelectorError } from '@berth/kube';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { applyPatch } from './apply-patch.ts';
import { BodyDecoder, expectedKind } from './body-decoder.ts';
import { readYaml, writeYaml } from './decoding/yaml-text.ts';
import { ResourceRegistry } from './resource-registry.ts';
import { definitions } from './resources/definitions.ts';
import { routeOf } from './route.ts';
import { selectionOf } from './selection.ts';
import type { ServerRequest } from './server-request.ts';

const registry = new ResourceRegistry(definitions);
const pods = registry.find('', 'v1', 'pods')!;
/** More of them look longer: `FUZZ_RUNS=10000`. */
const numRuns = Number(process.env['FUZZ_RUNS'] ?? 100);
const timeout = 120_000 + 20 * numRuns;
fc.configureGlobal({ numRuns });

const never = new AbortController().signal;
const decoder = new BodyDecoder(async (bytes, usual) => (await decodeProtobuf(bytes, { usual })).object);

function request(contentType: string, bytes: Uint8Array): ServerRequest {
  return {
    method: 'POST',
    path: '/api/v1/namespaces/default/pods',
    query: new URLSearchParams(),
    user: { name: 'u', groups: [] },
    accept: undefined,
    contentType,
    body: { type: 'bytes', read: async () => bytes },
    signal: never,
    warn: () => undefined,
  };
}

/** Whatever it is, it is an object or a refusal in the API's terms. */
async function decodes(contentType: string, bytes: Uint8Array): Promise<void> {
  try {
    const object = await decoder.object(request(contentType, bytes), expectedKind(pods), 'Strict');
    expect(object.kind).toBe('Pod');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    expect(error.status.code).toBeLessThan(500);
  }
}

const seedPod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', labels: { a: 'b' }, creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: {
    containers: [{ name: 'c', image: 'i', ports: [{ containerPort: 80 }], resources: { limits: { cpu: '100m' } } }],
    volumes: [{ name: 'v', emptyDir: { sizeLimit: '1Gi' } }],
    tolerations: [{ key: 'k', operator: 'Exists' }],
  },
};
const seedText = JSON.stringify(seedPod);

/** A good text with some of its characters changed, left out or there twice. */
const damaged = (text: string) =>
  fc
    .array(fc.tuple(fc.nat(text.length - 1), fc.nat(4), fc.string({ unit: 'binary', maxLength: 4 })), { maxLength: 6 })
    .map((changes) =>
      changes.reduce((all, [at, cut, put]) => all.slice(0, at) + put + all.slice(Math.min(all.length, at + cut)), text),
    );

const key = fc.oneof(
  fc.constantFrom('metadata', 'spec', 'containers', 'name', 'labels', 'ports', 'env', 'status', 'kind', 'apiVersion'),
  fc.constantFrom('__proto__', 'constructor', 'toString', '$patch', '$retainKeys', '$setElementOrder/containers', ''),
  fc.string({ maxLength: 5 }),
);
const { value: anyJson } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(null, true, false, 0, -1, 1e300, 0.5, '', 'delete', 'replace', 'merge', '1Gi', '::'),
    fc.string({ maxLength: 8 }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 5 }).map((entries) => Object.fromEntries(entries)),
  ),
}));

test('no JSON, damaged or made up, is more than refused', { timeout }, async () => {
  await fc.assert(fc.asyncProperty(damaged(seedText), (text) => decodes('application/json', Buffer.from(text))));
  await fc.assert(
    fc.asyncProperty(anyJson, (value) => decodes('application/json', Buffer.from(JSON.stringify(value)))),
  );
  await fc.assert(fc.asyncProperty(fc.uint8Array(), (bytes) => decodes('application/json', bytes)));
});

test('no YAML is more than refused', async () => {
  const yaml =
    'apiVersion: v1\nkind: Pod\nmetadata:\n  name: &n p\n  labels: {a: *n}\nspec:\n  containers:\n  - {name: c, image: "i"}\n';
  await fc.assert(fc.asyncProperty(damaged(yaml), (text) => decodes('application/yaml', Buffer.from(text))));
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary' }), (text) => decodes('application/yaml', Buffer.from(text))),
  );
});

test('no protobuf is more than refused', async () => {
  const begin = Buffer.from('k8s\0\n\x09\n\x02v1\x12\x03Pod\x12', 'latin1');
  const framed = (bytes: Uint8Array) => Buffer.concat([begin, Buffer.from([bytes.length]), bytes]);
  const media = 'application/vnd.kubernetes.protobuf';
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 120 }), (bytes) => decodes(media, framed(bytes))));
  const fields = fc.array(fc.tuple(fc.nat(20), fc.constantFrom(0, 1, 2, 5), fc.uint8Array({ maxLength: 12 })), {
    maxLength: 8,
  });
  const message = fields.map((all) =>
    Buffer.concat(
      all.map(([id, wire, bytes]) => Buffer.from([(id << 3) | wire, ...(wire === 2 ? [bytes.length] : []), ...bytes])),
    ),
  );
  await fc.assert(fc.asyncProperty(message, (bytes) => decodes(media, framed(bytes.subarray(0, 127)))));
});

test('a long YAML text is read as a short one is, and errors are the same', { timeout }, async () => {
  const padding = `# ${'x'.repeat(40_000)}\n`;
  expect(await readYaml(`${padding}a: [1, b]\n`, never)).toEqual({ value: { a: [1, 'b'] }, repeated: [] });
  for (const before of ['#\n', padding]) {
    const repeated = ['line 3: key "a" already set in map'];
    expect(await readYaml(`${before}a: 1\na: 2\n`, never)).toEqual({ value: { a: 2 }, repeated });
    const words = 'yaml: line 3: mapping values are not allowed in this context';
    await expect(readYaml(`${before}a: 1\nb: c: d\n`, never)).rejects.toThrow(words);
  }
  const gone = AbortSignal.abort(new Error('gone'));
  await expect(readYaml(`${padding}a: 1\n`, gone)).rejects.toThrow('gone');
});

test('YAML may nest as deep as Go’s reader goes, and what is wrong deeper is told where it is', {
  timeout,
}, async () => {
  const nested = (count: number, [open, close]: readonly [string, string]) => open.repeat(count) + close.repeat(count);
  const brackets = ['[', ']'] as const;
  for (const text of [nested(9999, brackets), nested(9999, ['{a: ', '}']), `${'- '.repeat(9999)}a`]) {
    const { value } = await readYaml(`b: 1\na:\n  ${text}\n`, never);
    expect(JSON.stringify(value).match(/[[{]/g)).toHaveLength(10_000);
  }
  const asJson = "couldn't get version/kind; json parse error: invalid character '[' exceeded max depth";
  await expect(readYaml(`a: ${nested(10_000, brackets)}\n`, never)).rejects.toThrow(asJson);
  const through = `a: &a ${nested(6000, brackets)}\nb: ${'['.repeat(6000)}*a${']'.repeat(6000)}\n`;
  await expect(readYaml(through, never)).rejects.toThrow(asJson);
  for (const text of [nested(10_001, brackets), '['.repeat(20_000), '- '.repeat(10_001)])
    await expect(readYaml(`b: 1\na:\n  ${text}\n`, never)).rejects.toThrow('yaml: line 3: exceeded max depth of 10000');
  await expect(readYaml('['.repeat(10_001), never)).rejects.toThrow(/^yaml: exceeded max depth of 10000$/);
});

test('what no thread could write as YAML is refused before one begins', async () => {
  const list = Buffer.alloc(25 * 1024 * 1024, ' ');
  await expect(writeYaml(list, never)).rejects.toMatchObject({ code: 'RequestEntityTooLarge' });
});

test('no patch does more to an object than change it or be refused', () => {
  const patched = (type: 'merge' | 'strategic' | 'json', patch: unknown) => {
    const before = JSON.stringify(seedPod);
    try {
      applyPatch({ type, patch } as never, seedPod, pods.schema);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
    expect(JSON.stringify(seedPod)).toBe(before);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  };
  const anyMap = fc.array(fc.tuple(key, anyJson), { maxLength: 5 }).map((entries) => Object.fromEntries(entries));
  fc.assert(fc.property(anyMap, (patch) => patched('merge', patch)));
  fc.assert(fc.property(anyMap, (patch) => patched('strategic', patch)));
  fc.assert(fc.property(anyMap, (patch) => patched('strategic', { spec: patch })));
  const pointer = fc.oneof(
    fc.constantFrom(
      '',
      '/',
      '/spec',
      '/spec/containers/0',
      '/spec/containers/-',
      '/metadata/labels/a',
      '/__proto__/polluted',
      '/constructor/prototype/polluted',
    ),
    fc.string().map((text) => `/${text}`),
  );
  const operation = fc.record(
    {
      op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test', 'x'),
      path: pointer,
      from: pointer,
      value: anyJson,
    },
    { requiredKeys: ['op', 'path'] },
  );
  fc.assert(fc.property(fc.array(fc.oneof(operation, anyJson), { maxLength: 6 }), (patch) => patched('json', patch)));
});

test('no selector is more than refused, and what is read is written the same', () => {
  const piece = fc.constantFrom(
    'a',
    'b/c',
    'in',
    'notin',
    ' ',
    ',',
    '(',
    ')',
    '=',
    '!=',
    '!',
    '==',
    '<',
    '>',
    '1',
    '\\',
    '',
    'ä',
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 12 }).map((all) => all.join('')),
  );
  fc.assert(
    fc.property(text, (labels) => {
      try {
        const selector = Selector.parse(labels);
        expect(Selector.parse(selector.toString()).toString()).toBe(selector.toString());
        selector.matches({ a: '1' });
      } catch (error) {
        expect(error).toBeInstanceOf(SelectorError);
      }
    }),
  );
  fc.assert(
    fc.property(text, (fields) => {
      try {
        FieldSelector.parse(fields).matches(() => 'x');
      } catch (error) {
        expect(error).toBeInstanceOf(SelectorError);
      }
    }),
  );
  fc.assert(
    fc.property(text, text, (labelSelector, fieldSelector) => {
      try {
        selectionOf(pods, { labelSelector, fieldSelector });
      } catch (error) {
        expect(error).toBeInstanceOf(ApiError);
      }
    }),
  );
});

test('no quantity is more than refused, and what is read means the same when it is written', () => {
  const piece = fc.constantFrom(
    '0',
    '1',
    '9',
    '.',
    '-',
    '+',
    'e',
    'E',
    'k',
    'Ki',
    'm',
    'u',
    'n',
    'G',
    ' ',
    '99999999999999999999',
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 8 }).map((all) => all.join('')),
  );
  fc.assert(
    fc.property(text, (written) => {
      try {
        const quantity = Quantity.parse(written);
        expect(Quantity.parse(quantity.toString()).compare(quantity)).toBe(0);
      } catch (error) {
        expect(error).toBeInstanceOf(QuantityError);
      }
    }),
  );
  for (const long of [
    '9'.repeat(3_000_000),
    `${'0'.repeat(3_000_000)}x`,
    `0.${'1'.repeat(3_000_000)}`,
    `1e${'9'.repeat(1_000_000)}`,
  ])
    expect(() => Quantity.parse(long)).toThrow(QuantityError);
});

test('no path is more than refused, and none names what is not in it', () => {
  const piece = fc.constantFrom(
    'api',
    'apis',
    'v1',
    'apps',
    'namespaces',
    'pods',
    'default',
    '..',
    '.',
    '',
    '%2e%2e',
    '%2f',
    '%00',
    '%zz',
    'status',
    'log',
    'exec',
    'a%2Fb',
    '%F0%9F%92%A9',
  );
  const path = fc.oneof(
    fc.string().map((text) => `/${text}`),
    fc.array(piece, { maxLength: 8 }).map((all) => `/${all.join('/')}`),
  );
  fc.assert(
    fc.property(
      path,
      fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', ''),
      (text, method) => {
        try {
          const route = routeOf(registry, method, text, new URLSearchParams());
          if (route.type === 'resource')
            for (const name of [route.name, route.namespace]) expect(name).not.toMatch(/[/\0]|^\.\.?$/);
        } catch (error) {
          expect(error).toBeInstanceOf(ApiError);
        }
      },
    ),
  );
});
