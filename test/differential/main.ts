/**
 * `node test/differential/main.ts [--areas A,B] [--seed N] [--cases N] [--kinds A,B] [--examples N] [--record FILE]
 * [--ranges CIDRS]`: the same requests to
 * kube-apiserver and to ours, and where their answers differ, as a table.
 */
import { appendFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Rng, seededRng } from '@berth/kit';
import { schemas } from '@berth/kube';
import { defaultServices } from '../../orchestrator/src/index.ts';
import { goldenFile, targetOf } from '../golden/resource-rules.ts';
import { type Change, changedObject } from '../harness/changed-object.ts';
import { builtKubeApiserver } from '../harness/kube-apiserver.ts';
import { admission } from './areas/admission.ts';
import { deletions } from './areas/deletions.ts';
import { lists } from './areas/lists.ts';
import { serverSideApply } from './areas/server-side-apply.ts';
import { services } from './areas/services.ts';
import { strategicMerge } from './areas/strategic-merge.ts';
import { subresources } from './areas/subresources.ts';
import { tables } from './areas/tables.ts';
import { moreBases, settled, validation } from './areas/validation.ts';
import { namespace, type World } from './areas/world.ts';
import { changesOf, mergePatchOf } from './changes.ts';
import { type Answer, differenceOf } from './compare.ts';
import { Report } from './report.ts';
import { type Sent, TwoServers } from './servers.ts';

interface Kind {
  readonly path: string;
  readonly object: { readonly kind: string; readonly metadata: { readonly name: string } };
}

/** What is asked beside objects with changed fields. */
const areas: Readonly<Record<string, (world: World) => Promise<void>>> = {
  subresources,
  'server-side-apply': serverSideApply,
  'strategic-merge': strategicMerge,
  deletions,
  lists,
  // Reviews have no metadata, and are in no table.
  tables: (world) =>
    tables(
      world,
      kinds(everyKind()).filter(({ object }) => object.metadata !== undefined),
    ),
  admission,
  services,
  validation: (world) => validation(world, everyKind(), kinds(everyKind())),
};

const { values: options } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    cases: { type: 'string', default: '150' },
    kinds: { type: 'string', default: '' },
    areas: { type: 'string', default: ['objects', ...Object.keys(areas)].join() },
    ranges: { type: 'string', default: defaultServices.cidrs.join() },
    examples: { type: 'string', default: '2' },
    record: { type: 'string' },
  },
});
const rng = seededRng(Number(options.seed));
const report = new Report();
const dry = '?dryRun=All&fieldValidation=Strict';
const metaName = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';

try {
  builtKubeApiserver();
} catch (error) {
  const why = (error as Error).message.split('\n')[0];
  process.stderr.write(`differential: needs Go, and k8s.io/kubernetes 1.36 in its module cache or a network: ${why}\n`);
  process.exit(2);
}
await using servers = await TwoServers.start(options.ranges.split(',') as [string, ...string[]]);
const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } };
await servers.ask({ method: 'POST', path: '/api/v1/namespaces/default/serviceaccounts', body: account });
if (options.record) writeFileSync(options.record, '');
const chosen = options.areas.split(',');
if (chosen.includes('objects')) for (const kind of kinds()) await compareKind(kind);
for (const [name, run] of Object.entries(areas)) if (chosen.includes(name)) await compareArea(name, run);
report.print((text) => process.stdout.write(text), Number(options.examples));
process.exitCode = report.differences > 0 ? 1 : 0;

/** The requests of an area, in a namespace that is made for all of them. */
async function compareArea(area: string, run: (world: World) => Promise<void>): Promise<void> {
  const made = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } };
  await servers.ask({ method: 'POST', path: '/api/v1/namespaces', body: made });
  await servers.ask({ method: 'POST', path: `/api/v1/namespaces/${namespace}/serviceaccounts`, body: account });
  const last: [Record<string, Answer>, Record<string, Answer>] = [{}, {}];
  const ask: World['ask'] = async (about, sent) => {
    const [theirs, ours] =
      typeof sent === 'function' ? [sent({ last: last[0] }), sent({ last: last[1] })] : [sent, sent];
    const answers = (await servers.ask(theirs, ours)) as readonly [Answer, Answer];
    [last[0][about], last[1][about]] = answers;
    compare(about, area, theirs, answers);
    return answers;
  };
  await run({ rng, cases: Number(options.cases), ask });
}

/** Those that were asked for, in that order. */
function kinds(all: readonly Kind[] = recordedKinds()): readonly Kind[] {
  const wanted = options.kinds.split(',').filter(Boolean);
  if (wanted.length === 0) return all;
  return wanted.flatMap((kind) => all.filter(({ object }) => object.kind === kind));
}

function everyKind(): readonly Kind[] {
  return [...recordedKinds(), ...moreBases()];
}

/** An object or more of each, from the recordings. */
function recordedKinds(): readonly Kind[] {
  const recorded = ['wrong-fields.json', 'wrong-updates.json'].flatMap(
    (name) => goldenFile<{ kinds: Kind[] }>(name).kinds,
  );
  const all = [...goldenFile<Kind[]>('one-of-each-kind.json'), ...recorded];
  return [...new Map(all.map((kind) => [`${kind.path}/${kind.object.metadata.name}`, kind])).values()];
}

async function compareKind({ path, object }: Kind): Promise<void> {
  const { definition } = targetOf(path);
  const served = await servers.theirs({ method: 'POST', path: path + dry, body: object });
  // Versions that are not served unless somebody asks for them.
  if (served.status === 404) return;
  const schema = schemas.get(definition.schema);
  const metadata = new Set(
    object.kind === 'ConfigMap' ? schemas.get(metaName).fields.keys() : ['name', 'generateName', 'labels'],
  );
  const counts = ([at]: Change) => at[0] !== 'metadata' || at.length === 1 || metadata.has(at[1] as string);
  const ofObject = [...changesOf(object as never, schema)].filter(counts);
  const creates = ofObject.filter(([at]) => at[0] !== 'status');
  await each(object.kind, 'create', creates, (change) => [
    { method: 'POST', path: path + dry, body: changedObject(object, change) },
  ]);
  const made = await servers.ask({ method: 'POST', path, body: object });
  compare(object.kind, 'create', { method: 'POST', path, body: object }, made);
  if (made.some(({ status }) => status !== 201)) return;
  const one = `${path}/${object.metadata.name}`;
  const stored = await settled(() => servers.ask({ method: 'GET', path: one }));
  if (stored.some(({ status }) => status !== 200)) return;
  const live = stored.map(({ text }) => JSON.parse(text)) as [object, object];
  const both = (make: (from: object) => Sent) => live.map(make) as [Sent, Sent];
  const updates = [...changesOf(live[0] as never, schema)].filter(counts);
  const endpoints = definition.subresources.some(({ name }) => name === 'status') ? ['', '/status'] : [''];
  for (const endpoint of endpoints) {
    const here = updates.filter(
      ([at]) => (at[0] === 'status') === (endpoint !== '') || (endpoint !== '' && at[0] === 'metadata'),
    );
    const name = endpoint === '' ? '' : 'status ';
    const place = one + endpoint + dry;
    await each(object.kind, `${name}update`, here, (change) =>
      both((from) => ({ method: 'PUT', path: place, body: changedObject(from, change) })),
    );
    await each(object.kind, `${name}patch`, here, (change) =>
      both((from) => ({ method: 'PATCH', path: place, body: mergePatchOf(from, change) })),
    );
  }
}

/** As many changes as were asked for, by chance; several under way at once. */
async function each(
  kind: string,
  way: string,
  changes: readonly Change[],
  make: (change: Change) => readonly Sent[],
): Promise<void> {
  const chosen = [...shuffled(changes, rng).slice(0, Number(options.cases))].values();
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (const change of chosen) {
        let sent: readonly Sent[];
        try {
          sent = make(change);
        } catch {
          // What is changed there, one of the two has not: told of by an earlier comparison.
          continue;
        }
        const [theirs, ours = theirs] = sent as [Sent, Sent?];
        compare(kind, way, { ...theirs, body: change }, await servers.ask(theirs, ours));
      }
    }),
  );
}

function compare(kind: string, way: string, sent: Sent, [theirs, ours]: readonly [Answer, Answer]): void {
  const difference = differenceOf(theirs, ours);
  report.add(
    { way, kind, request: `${sent.method} ${sent.path} ${JSON.stringify(sent.body ?? '').slice(0, 300)}` },
    difference,
  );
  if (options.record && difference)
    appendFileSync(options.record, `${JSON.stringify({ way, kind, sent, difference, theirs, ours })}\n`);
}

function shuffled<T>(items: readonly T[], by: Rng): T[] {
  const copy = [...items];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(by.next() * (i + 1));
    [copy[i], copy[j]] = [copy[j] as T, copy[i] as T];
  }
  return copy;
}
