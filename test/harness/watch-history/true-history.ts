import type { KubeObject } from '@berth/kube';

/** One change as the store itself has it. */
export interface TrueChange {
  readonly revision: number;
  /** `configmaps/default/a`, `nodes/n`. */
  readonly key: string;
  /** Absent: deleted. */
  readonly object: KubeObject | undefined;
}

/** What somebody looks at: keys of a prefix, and of these what a selector matches. */
export interface View {
  /** `configmaps/`, `configmaps/default/`. */
  readonly prefix: string;
  readonly matches: (object: KubeObject) => boolean;
}

/** An object at a revision. */
export interface At {
  readonly key: string;
  readonly revision: number;
  readonly object: KubeObject;
}

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** What a change is to those who see a part only (API conventions, "Efficient detection of changes"). */
export interface TrueEvent extends At {
  readonly type: EventType;
}

/** Everything a store ever held of some kinds, in the order of its revisions. */
export class TrueHistory {
  readonly changes: readonly TrueChange[];
  readonly end: number;
  readonly #byKey = new Map<string, TrueChange[]>();
  readonly #byRevision = new Map<number, TrueChange>();
  readonly #events = new Map<View, readonly TrueEvent[]>();

  /**
   * `end`: the newest revision of the whole store, in which others may write other things.
   * @throws RangeError – it is none: revisions have to grow, and only what is there can go.
   */
  constructor(changes: readonly TrueChange[], end = changes.at(-1)?.revision ?? 0) {
    this.changes = changes;
    this.end = end;
    let last = 0;
    for (const change of changes) {
      const { revision, key, object } = change;
      const before = this.#byKey.get(key);
      if (revision <= last) throw new RangeError(`revision ${revision} comes after ${last}`);
      if (!object && !before?.at(-1)?.object) throw new RangeError(`${key} goes at ${revision}, and was not there`);
      last = revision;
      if (before) before.push(change);
      else this.#byKey.set(key, [change]);
      this.#byRevision.set(revision, change);
    }
  }

  get newest(): number {
    return this.changes.at(-1)?.revision ?? 0;
  }

  at(revision: number): TrueChange | undefined {
    return this.#byRevision.get(revision);
  }

  of(key: string): readonly TrueChange[] {
    return this.#byKey.get(key) ?? [];
  }

  /** All that one who watches a view from the beginning is told. */
  events(view: View): readonly TrueEvent[] {
    const known = this.#events.get(view);
    if (known) return known;
    const events: TrueEvent[] = [];
    const before = new Map<string, KubeObject>();
    for (const { revision, key, object } of this.changes) {
      if (!key.startsWith(view.prefix)) continue;
      const previous = before.get(key);
      const matched = previous !== undefined && view.matches(previous);
      const matches = object !== undefined && view.matches(object);
      if (object) before.set(key, object);
      else before.delete(key);
      if (matches) events.push({ type: matched ? 'MODIFIED' : 'ADDED', key, revision, object });
      else if (matched) events.push({ type: 'DELETED', key, revision, object: previous });
    }
    this.#events.set(view, events);
    return events;
  }

  /** What there is to see at a revision, in the order of keys. */
  state(view: View, revision: number): readonly At[] {
    const state = new Map<string, At>();
    for (const event of this.events(view)) {
      if (event.revision > revision) break;
      if (event.type === 'DELETED') state.delete(event.key);
      else state.set(event.key, event);
    }
    return [...state.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  }
}
