import type { KubeObject, Status } from '@berth/kube';
import { type HistoryClient, pick, rest } from './history-client.ts';
import type { Asked } from './history-recorder.ts';
import { formOf } from './seen-of.ts';
import type { At } from './true-history.ts';
import { type AskedView, askedViews, keyOfObject, namesOf } from './watched-kinds.ts';
import { LostConnection, type Wire } from './wire.ts';

interface ListBody {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  /** Null: an empty list of metadata alone. */
  readonly items: readonly KubeObject[] | null;
}

/** 410: compacted meanwhile; 429 and 503: a server that is going. */
const passing: ReadonlySet<number> = new Set([410, 429, 503]);

/** Reads objects and lists in all the ways there are to ask how new they have to be. */
export class RandomReader {
  readonly #c: HistoryClient;
  readonly #pauseMs: number;
  /** A revision that was heard of. */
  #revision = 0;
  reads = 0;

  constructor(client: HistoryClient, pauseMs = 20) {
    this.#c = client;
    this.#pauseMs = pauseMs;
  }

  async run(signal: AbortSignal): Promise<void> {
    for (; !signal.aborted; await rest(this.#c, 0, 2 * this.#pauseMs, signal)) {
      const wire = this.#c.wire();
      if (!wire) continue;
      try {
        await (this.#c.rng.next() < 0.5 ? this.#object(wire) : this.list(wire, pick(this.#c.rng, askedViews)));
      } catch (error) {
        if (!(error instanceof LostConnection)) throw error;
      }
    }
  }

  /** @returns the list's revision, where it was answered. */
  async list(wire: Wire, { kind, view, path, query }: AskedView, how?: Asked): Promise<number | undefined> {
    const { recorder, who, rng } = this.#c;
    const asked = how ?? this.#asked(wire, true);
    const limit = rng.next() < 0.4 ? 1 + Math.floor(rng.next() * 5) : 0;
    const { form, accept } = formOf(rng, wire, 'list');
    const startedAt = recorder.moment();
    const first = { ...query, ...queryOf(asked, limit > 0), ...(limit > 0 ? { limit: String(limit) } : {}) };
    const items: At[] = [];
    let revision = 0;
    for (let next: Record<string, string> | undefined = first; next; ) {
      const body: ListBody | undefined = await this.#get(wire, `${path}?${new URLSearchParams(next)}`, accept);
      if (!body) return undefined;
      const told = Number(body.metadata.resourceVersion);
      if (revision !== 0 && told !== revision) recorder.surprises.push(`${who}: a page of ${told} after ${revision}`);
      revision = told;
      for (const object of body.items ?? [])
        items.push({
          key: keyOfObject(kind.plural, object),
          revision: Number(object.metadata.resourceVersion),
          object: form === 'metadata' ? object : { ...typeOf(kind.plural), ...object },
        });
      next = body.metadata.continue ? { ...query, limit: String(limit), continue: body.metadata.continue } : undefined;
    }
    recorder.lists.push({ who, view, form, asked, startedAt, endedAt: recorder.moment(), revision, items });
    this.#heard(revision);
    return revision;
  }

  async #object(wire: Wire): Promise<void> {
    const { recorder, who, rng } = this.#c;
    const { kind, path } = pick(
      rng,
      askedViews.filter(({ kind, view }) => !kind.isNamespaced || view.prefix.split('/').length > 2),
    );
    const name = pick(rng, namesOf(6));
    const asked = this.#asked(wire, false);
    const startedAt = recorder.moment();
    const { form, accept } = formOf(rng, wire, 'object');
    const object = await this.#get<KubeObject>(
      wire,
      `${path}/${name}?${new URLSearchParams(queryOf(asked, false))}`,
      accept,
      404,
    );
    if (object === undefined) return;
    const namespace = /namespaces\/(\w+)\//.exec(path)?.[1];
    const key = namespace ? `${kind.plural}/${namespace}/${name}` : `${kind.plural}/${name}`;
    const isFound = object.kind !== 'Status';
    const revision = Number(object.metadata.resourceVersion);
    const found = isFound ? { key, revision, object } : undefined;
    recorder.objects.push({ who, form, key, asked, startedAt, endedAt: recorder.moment(), found });
    if (isFound) this.#heard(revision);
  }

  #asked(wire: Wire, isList: boolean): Asked {
    const { rng } = this.#c;
    const way = rng.next();
    if (way < 0.4 || this.#revision === 0) return { newest: true };
    if (way < 0.6) return { anyOf: wire.life };
    if (way < 0.8 || !isList) return { notOlderThan: this.#revision };
    return { exact: this.#revision };
  }

  #heard(revision: number): void {
    // Now and then an older one stays, to be asked for.
    if (this.#c.rng.next() < 0.7) this.#revision = Math.max(this.#revision, revision);
    this.reads++;
  }

  async #get<T>(wire: Wire, path: string, accept: string, also?: number): Promise<T | undefined> {
    const { status, body } = await wire.request({ method: 'GET', path, accept });
    if (status < 300 || status === also) return body as T;
    if (!passing.has(status))
      this.#c.recorder.surprises.push(`${this.#c.who}: GET ${path}: ${status} ${(body as Status).message}`);
    return undefined;
  }
}

function queryOf(asked: Asked, isPaged: boolean): Record<string, string> {
  if ('newest' in asked) return {};
  if ('anyOf' in asked) return { resourceVersion: '0' };
  if ('exact' in asked) return { resourceVersion: String(asked.exact), resourceVersionMatch: 'Exact' };
  // With a limit alone it would be exactly this one.
  const match = isPaged ? { resourceVersionMatch: 'NotOlderThan' } : {};
  return { resourceVersion: String(asked.notOlderThan), ...match };
}

const typeOf = (plural: string) => ({ kind: plural === 'nodes' ? 'Node' : 'ConfigMap', apiVersion: 'v1' });
