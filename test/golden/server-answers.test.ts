import { systemClock } from '@berth/kit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { anApiServer, type Exchange } from '../harness/api-server.ts';
import { type Change, changedObject } from '../harness/changed-object.ts';
import { type GoldenCase, goldenFile } from './resource-rules.ts';

/** The whole way of a request – decoding, admission, defaults, validation, storage – against a real server's answers. */
interface Recording {
  readonly setup?: readonly { readonly path: string; readonly body: object }[];
  readonly cases: readonly GoldenCase[];
}

/** What the recording left out of a body. */
const adapted: Readonly<Record<string, object>> = {
  'invalid/cm-too-big': {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'c' },
    data: { a: 'x'.repeat(1024 * 1024 + 1) },
  },
};

/** Where ours differs on purpose: why, and what is other than in upstream's answer. */
const differing: Readonly<Record<string, { readonly why: string; readonly ours: (theirs: object) => object }>> = {
  'default/node': {
    why: 'the taint not-ready would never go, as there is no node life cycle controller',
    ours: (node) => ({ ...node, spec: {} }),
  },
};

/** The objects whose statuses scheduler and controllers had written before a recording went on: by whom, and a case that shows it. */
const written: Readonly<Record<string, readonly { readonly manager: string; readonly shown: string }[]>> = {
  'updates.json': [
    { manager: 'kube-scheduler', shown: 'update/pod-image-allowed' },
    { manager: 'kube-controller-manager', shown: 'update/pv-capacity' },
    { manager: 'kube-controller-manager', shown: 'update/sts-retention' },
  ],
};

const files = ['validation.json', 'updates.json', 'defaults.json'];
const time = '2026-01-01T00:00:00Z';
type Server = Awaited<ReturnType<typeof anApiServer>>;
/** Each recording had a cluster of its own: what one bound to a user is no answer to another. */
const servers = new Map<string, Server>();

/** All is written in one moment: who wrote a field first does not depend on when a second ends. */
const now = Date.now();
const clock = { ...systemClock, now: () => now };

function send(file: string, { method, path, body, contentType = 'application/json' }: Exchange) {
  return (servers.get(file) as Server).send({ method, path, contentType, body });
}

async function writeStatus(file: string, { manager, shown }: { readonly manager: string; readonly shown: string }) {
  const { request, response } = goldenFile<Recording>(file).cases.find(({ id }) => id === shown) as GoldenCase;
  const { phase, conditions, lastPhaseTransitionTime: _, ...others } = response['status'];
  // The phase of a pod and its class are there from its creation.
  const status = conditions ? { conditions } : { phase, ...others };
  const path = `${request.path.split('?')[0]}/status?fieldManager=${manager}`;
  const body = timed({ status });
  const reply = await send(file, { method: 'PATCH', path, contentType: 'application/merge-patch+json', body });
  if (reply.status !== 200) throw new Error(reply.text);
}

function timed(body: unknown): unknown {
  return JSON.parse(JSON.stringify(body ?? null).replaceAll('"<time>"', `"${time}"`));
}

beforeAll(async () => {
  for (const file of files) {
    servers.set(file, await anApiServer({ clock }));
    const account = { path: '/api/v1/namespaces/default/serviceaccounts', body: { metadata: { name: 'default' } } };
    for (const made of [account, ...(goldenFile<Recording>(file).setup ?? [])]) {
      const { status, text } = await send(file, { method: 'POST', ...made });
      if (status !== 201) throw new Error(text);
    }
    for (const one of written[file] ?? []) await writeStatus(file, one);
  }
});
afterAll(async () => {
  for (const server of servers.values()) await server[Symbol.asyncDispose]();
});

for (const file of files)
  for (const { id, request, response } of goldenFile<Recording>(file).cases) {
    const other = differing[id];
    test(`${file}: ${id} is answered as upstream does${other ? `, but ${other.why}` : ''}`, async () => {
      const { text } = await send(file, { ...request, body: timed(adapted[id] ?? request.body) });
      const answer = comparable(JSON.parse(text));
      expect(answer).toEqual(comparable(other ? other.ours(response) : response));
      if (other) expect(answer).not.toEqual(comparable(response));
    });
  }


interface WrongKind {
  readonly path: string;
  /** JSON is sent as it; else as JSON. */
  readonly contentType?: string;
  readonly object: object;
  readonly answers: readonly {
    /** Where, and what is put there; nothing: what is there goes. */
    readonly change: readonly Change[];
    readonly status: number;
    readonly message?: string;
    readonly warnings?: readonly string[];
  }[];
}

function changed(object: object, changes: readonly Change[]): object {
  return changes.reduce(changedObject, object);
}

const wrong = goldenFile<{ kinds: readonly WrongKind[] }>('wrong-fields.json').kinds;
test.each(wrong)('objects at $path with fields of theirs changed are refused, warned of and taken as upstream does', async ({ path, contentType, object, answers }) => {
  const given: unknown[] = [];
  for (const { change } of answers) {
    const body = changed(object, change);
    const { status, text, headers } = await send('defaults.json', { method: 'POST', path: `${path}?dryRun=All&fieldValidation=Strict`, body, ...(contentType ? { contentType } : {}) });
    const { kind, message } = JSON.parse(text);
    const warnings = [headers['warning'] ?? []].flat().join(', ');
    given.push({ change, status, message: kind === 'Status' ? message : undefined, warnings });
  }
  const header = (warnings: readonly string[] = []) => warnings.map((text) => `299 - ${JSON.stringify(text)}`).join(', ');
  expect(given).toEqual(answers.map(({ message, warnings, ...each }) => ({ ...each, message, warnings: header(warnings) })));
});

/** What is stored first, and then put back with a field changed: to itself or to its status. */
type WrongUpdate = WrongKind & { readonly endpoint?: 'status'; readonly object: { readonly metadata: { readonly name: string } } };

const putBack = goldenFile<{ kinds: readonly WrongUpdate[] }>('wrong-updates.json').kinds;
test.each(putBack)('stored objects at $path that are put back with fields changed get the answers upstream gives: $endpoint', async ({ path, endpoint, object, answers }) => {
  const file = 'updates.json';
  const made = await send(file, { method: 'POST', path, body: object });
  expect([201, 409]).toContain(made.status);
  const one = `${path}/${object.metadata.name}`;
  const live = JSON.parse((await send(file, { method: 'GET', path: one })).text);
  const given: unknown[] = [];
  for (const { change } of answers) {
    const sent = { method: 'PUT', path: `${one}${endpoint ? `/${endpoint}` : ''}?dryRun=All&fieldValidation=Strict`, body: changed(live, change) };
    const { status, text } = await send(file, sent);
    given.push({ change, status, message: JSON.parse(text).message });
  }
  expect(given).toEqual(answers);
});

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
