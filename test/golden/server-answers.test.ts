import { afterAll, beforeAll, expect, test } from 'vitest';
import { anApiServer, type Exchange } from '../harness/api-server.ts';
import { type GoldenCase, goldenFile } from './resource-rules.ts';

/** The whole way of a request – decoding, admission, defaults, validation, storage – against a real server's answers. */
interface Recording {
  readonly setup?: readonly { readonly path: string; readonly body: object }[];
  readonly cases: readonly GoldenCase[];
}

/** What no API server alone can answer, or a later issue's server will. */
const elsewhere: Readonly<Record<string, string>> = {
  'invalid/cm-too-big': 'the recording left the body out',
  'update/pod-image-allowed': 'a scheduler had written conditions',
  'update/status-subresource': 'a scheduler had written conditions',
  'update/meta-deletion-ignored': 'a scheduler had written conditions',
  'update/pv-capacity': 'a controller had made the volume available',
  'update/pv-reclaim': 'a controller had made the volume available',
  'update/sts-retention': 'a controller had written the status',
  'default/node': 'nodes are tainted until a node life cycle controller takes the taint away, which is a later issue',
};

const files = ['validation.json', 'updates.json', 'defaults.json'];
const time = '2026-01-01T00:00:00Z';
type Server = Awaited<ReturnType<typeof anApiServer>>;
/** Each recording had a cluster of its own: what one bound to a user is no answer to another. */
const servers = new Map<string, Server>();

function send(file: string, { method, path, body, contentType = 'application/json' }: Exchange) {
  return (servers.get(file) as Server).send({ method, path, contentType, body });
}

beforeAll(async () => {
  for (const file of files) {
    servers.set(file, await anApiServer());
    const account = { path: '/api/v1/namespaces/default/serviceaccounts', body: { metadata: { name: 'default' } } };
    for (const made of [account, ...(goldenFile<Recording>(file).setup ?? [])]) {
      const { status, text } = await send(file, { method: 'POST', ...made });
      if (status !== 201) throw new Error(text);
    }
  }
});
afterAll(async () => {
  for (const server of servers.values()) await server[Symbol.asyncDispose]();
});

for (const file of files)
  for (const { id, request, response } of goldenFile<Recording>(file).cases) {
    const title = `${file}: ${id} is answered as upstream does`;
    if (id in elsewhere) {
      test.skip(`${title}: ${elsewhere[id]}`);
      continue;
    }
    test(title, async () => {
      const body = JSON.parse(JSON.stringify(request.body ?? null).replaceAll('"<time>"', `"${time}"`));
      const { text } = await send(file, { ...request, body });
      expect(comparable(JSON.parse(text))).toEqual(comparable(response));
    });
  }

/** Without what is one server's own. */
function comparable(value: unknown): unknown {
  const own = new Set(['uid', 'resourceVersion', 'creationTimestamp', 'clusterIP', 'clusterIPs']);
  return JSON.parse(
    JSON.stringify(value, (key, each) => {
      if (own.has(key)) return undefined;
      if (typeof each !== 'string') return each;
      return each
        .replace(/kube-api-access-\w+/, 'kube-api-access-<random>')
        .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '<uid>')
        .replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, '<time>');
    }),
  );
}
