import type { KubeObject, Status } from '@berth/kube';
import type { SeenWrite } from './check-write.ts';
import { type HistoryClient, pick, rest } from './history-client.ts';
import {
  configMaps,
  keyOfObject,
  namesOf,
  namespaces,
  nodes,
  pathOf,
  tiers,
  type WatchedKind,
} from './watched-kinds.ts';
import { LostConnection, type Wire, type WireAnswer, type WireRequest } from './wire.ts';

const names = namesOf(6);
/** Statuses of refusals that writers who meet cause. */
const refusals: ReadonlySet<number> = new Set([404, 409, 422]);
/** Of servers that come and go. 503: it was not done; 504: it may have been. */
const passing: ReadonlySet<number> = new Set([429, 503, 504]);

type Outcome = SeenWrite['outcome'];
type Ways = Readonly<Record<string, (wire: Wire) => Promise<void>>>;

/** Makes, changes and deletes objects that others do too, so that they move in and out of what watchers see. */
export class RandomWriter {
  readonly #c: HistoryClient;
  readonly #pauseMs: number;
  readonly #ways: Ways;
  #turn = 0;

  constructor(client: HistoryClient, pauseMs = 15) {
    this.#c = client;
    this.#pauseMs = pauseMs;
    this.#ways = {
      create: (wire) => this.#create(wire, ''),
      createAgain: (wire) => this.#create(wire, ''),
      pretend: (wire) => this.#create(wire, '?dryRun=All'),
      update: (wire) => this.#update(wire),
      mergePatch: (wire) => this.#mergePatch(wire),
      mergePatchAgain: (wire) => this.#mergePatch(wire),
      jsonPatch: (wire) => this.#jsonPatch(wire),
      apply: (wire) => this.#apply(wire),
      remove: (wire) => this.#delete(wire),
      removeAgain: (wire) => this.#delete(wire),
      removeMany: (wire) => this.#deleteCollection(wire),
      letGo: (wire) => this.#letGo(wire),
    };
  }

  /** Until the signal. @returns how many writes were tried. */
  async run(signal: AbortSignal): Promise<number> {
    for (; !signal.aborted; await rest(this.#c, 0, 2 * this.#pauseMs, signal)) {
      const wire = this.#c.wire();
      if (!wire) continue;
      this.#turn++;
      await pick(this.#c.rng, Object.values(this.#ways))(wire);
    }
    return this.#turn;
  }

  get #word(): string {
    return `${this.#c.who}-${this.#turn}`;
  }

  #target() {
    const { rng } = this.#c;
    const kind = rng.next() < 0.75 ? configMaps : nodes;
    const name = pick(rng, names);
    const collection = pathOf(kind, kind.isNamespaced ? pick(rng, namespaces) : '');
    return { kind, name, collection, path: `${collection}/${name}` };
  }

  /** Labels, the word, and now and then something that keeps the object from going at once, or makes it large. */
  #metadata() {
    const { rng } = this.#c;
    const annotations: Record<string, string> = { by: this.#word };
    if (rng.next() < 0.1) annotations['pad'] = 'p'.repeat(Math.floor(rng.next() * 20_000));
    return {
      labels: { tier: pick(rng, tiers), ...(rng.next() < 0.3 ? { odd: '' } : {}) },
      annotations,
      ...(rng.next() < 0.15 ? { finalizers: ['example.com/keep'] } : {}),
    };
  }

  #content({ plural }: WatchedKind) {
    const { rng } = this.#c;
    if (plural === 'nodes') return { spec: rng.next() < 0.5 ? { unschedulable: true } : {} };
    return { data: { of: this.#word } };
  }

  async #create(wire: Wire, query: string): Promise<void> {
    const { kind, name, collection } = this.#target();
    const body = { ...typeOf(kind), metadata: { name, ...this.#metadata() }, ...this.#content(kind) };
    await this.#send(wire, kind, { method: 'POST', path: `${collection}${query}`, body });
  }

  async #update(wire: Wire): Promise<void> {
    const { kind, path } = this.#target();
    const current = await this.#read(wire, path);
    if (!current) return;
    const { finalizers: _, ...metadata } = current.metadata;
    const next = { ...metadata, ...this.#metadata() };
    // What goes already gets no new finalizer; it goes with the last one.
    const { finalizers, ...going } = next;
    const body = { ...current, ...this.#content(kind), metadata: metadata.deletionTimestamp ? going : next };
    await this.#send(wire, kind, { method: 'PUT', path, body });
  }

  async #mergePatch(wire: Wire): Promise<void> {
    const { kind, path } = this.#target();
    const { finalizers: _, ...metadata } = this.#metadata();
    const odd = 'odd' in metadata.labels ? {} : { odd: null };
    const body = { ...this.#content(kind), metadata: { ...metadata, labels: { ...metadata.labels, ...odd } } };
    const contentType = pick(this.#c.rng, ['application/merge-patch+json', 'application/strategic-merge-patch+json']);
    await this.#send(wire, kind, { method: 'PATCH', path, body, contentType });
  }

  async #jsonPatch(wire: Wire): Promise<void> {
    const { kind, path } = this.#target();
    const { rng } = this.#c;
    const body = [
      { op: 'test', path: '/metadata/labels/tier', value: pick(rng, tiers) },
      { op: 'replace', path: '/metadata/labels/tier', value: pick(rng, tiers) },
      { op: 'add', path: '/metadata/annotations/by', value: this.#word },
    ];
    await this.#send(wire, kind, { method: 'PATCH', path, body, contentType: 'application/json-patch+json' });
  }

  async #apply(wire: Wire): Promise<void> {
    const { kind, name, path } = this.#target();
    const { finalizers: _, ...metadata } = this.#metadata();
    const body = { ...typeOf(kind), metadata: { name, ...metadata } };
    const query = '?fieldManager=applier&force=true';
    await this.#send(wire, kind, {
      method: 'PATCH',
      path: `${path}${query}`,
      body,
      contentType: 'application/apply-patch+yaml',
    });
  }

  async #delete(wire: Wire): Promise<void> {
    const { kind, path } = this.#target();
    await this.#send(wire, kind, { method: 'DELETE', path });
  }

  async #deleteCollection(wire: Wire): Promise<void> {
    // One in four of its turns: it takes much with it.
    if (this.#c.rng.next() < 0.75) return this.#mergePatch(wire);
    const { kind, collection } = this.#target();
    const selector = encodeURIComponent(`tier=${pick(this.#c.rng, tiers)}`);
    await this.#send(wire, kind, { method: 'DELETE', path: `${collection}?labelSelector=${selector}` });
  }

  /** Takes the finalizer of what is to go. */
  async #letGo(wire: Wire): Promise<void> {
    const { kind, path } = this.#target();
    const current = await this.#read(wire, path);
    if (!current?.metadata.deletionTimestamp) return;
    const { uid } = current.metadata;
    const body = { metadata: { uid, finalizers: null, annotations: { by: this.#word } } };
    await this.#send(wire, kind, { method: 'PATCH', path, body, contentType: 'application/merge-patch+json' });
  }

  async #read(wire: Wire, path: string): Promise<KubeObject | undefined> {
    try {
      const { status, body } = await wire.request({ method: 'GET', path });
      return status === 200 ? (body as KubeObject) : undefined;
    } catch (error) {
      if (!(error instanceof LostConnection)) throw error;
      return undefined;
    }
  }

  async #send(wire: Wire, kind: WatchedKind, request: WireRequest): Promise<void> {
    const { recorder, who } = this.#c;
    const startedAt = recorder.moment();
    const word = this.#word;
    const outcome = await this.#outcome(wire, kind, request);
    recorder.writes.push({ who, word, startedAt, endedAt: recorder.moment(), outcome });
  }

  async #outcome(wire: Wire, { plural }: WatchedKind, request: WireRequest): Promise<Outcome> {
    try {
      const answer = await wire.request(request);
      if (answer.status < 300) return isPretended(request) ? { is: 'refused' } : outcomeOf(plural, request, answer);
      if (answer.status === 504) return { is: 'unknown' };
      if (!refusals.has(answer.status) && !passing.has(answer.status)) this.#surprised(request, answer);
      // Some of a collection may be gone.
      return { is: 'refused' };
    } catch (error) {
      if (!(error instanceof LostConnection)) throw error;
      return { is: error.isSent ? 'unknown' : 'refused' };
    }
  }

  #surprised({ method, path }: WireRequest, { status, body }: WireAnswer): void {
    const { recorder, who } = this.#c;
    recorder.surprises.push(`${who}: ${method} ${path}: ${status} ${(body as Status).message}`);
  }
}

const typeOf = ({ plural }: WatchedKind) => ({ apiVersion: 'v1', kind: plural === 'nodes' ? 'Node' : 'ConfigMap' });

const isPretended = ({ path }: WireRequest) => path.includes('dryRun');

function outcomeOf(plural: string, { method }: WireRequest, { body }: WireAnswer): Outcome {
  const answer = body as KubeObject & { details?: { uid?: string }; items?: readonly KubeObject[] };
  if (answer.items) return { is: 'deleted', uids: answer.items.map(({ metadata }) => metadata.uid ?? '') };
  if (answer.kind === 'Status') return { is: 'deleted', uids: [answer.details?.uid ?? ''] };
  const { metadata } = answer;
  // It waits for others, perhaps since an earlier deletion; or it went as nothing kept it any more.
  if (method === 'DELETE' || (metadata.deletionTimestamp && !metadata['finalizers']))
    return { is: 'deleted', uids: [metadata.uid ?? ''] };
  const revision = Number(metadata.resourceVersion);
  return { is: 'done', written: { key: keyOfObject(plural, answer), revision, object: answer } };
}
