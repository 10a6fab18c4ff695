import type { Rng } from '@berth/kit';
import type { Answer } from '../compare.ts';
import type { Sent } from '../servers.ts';

/** Both servers, asked the same, one request after the other: what one makes, the next may change. */
export interface World {
  readonly rng: Rng;
  /** How many requests are made up, where there is no end of them. */
  readonly cases: number;
  /** What only one of the two knows (a revision, a uid) `sent` takes from what that one answered before. */
  ask(about: string, sent: Sent | ((own: Own) => Sent)): Promise<readonly [Answer, Answer]>;
}

/** What a server answered last: 0 upstream's, 1 ours. */
export interface Own {
  readonly last: Readonly<Record<string, Answer>>;
}

export const namespace = 'areas';
export const at = (api: string, plural: string, name = '') =>
  `/${api.includes('/') ? 'apis' : 'api'}/${api}/namespaces/${namespace}/${plural}${name && `/${name}`}`;

export const containers = [
  { name: 'c', image: 'i:1', ports: [{ containerPort: 80 }], env: [{ name: 'A', value: '1' }] },
];
export const template = { metadata: { labels: { app: 'x' } }, spec: { containers } };
export const workload = (apiVersion: string, kind: string, name: string, more: object = {}) => ({
  apiVersion,
  kind,
  metadata: { name, labels: { app: 'x' } },
  spec: {
    replicas: 0,
    selector: apiVersion === 'v1' ? { app: 'x' } : { matchLabels: { app: 'x' } },
    template,
    ...more,
  },
});
export const pod = (name: string, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: 'x' } },
  spec: { containers, ...more },
});
export const map = (name: string, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
  data: { a: '1' },
});

export function oneOf<T>(rng: Rng, values: readonly T[]): T {
  return values[Math.floor(rng.next() * values.length)] as T;
}

/** Each value of each list with each of the others. */
export function* combined<T extends Readonly<Record<string, readonly unknown[]>>>(
  lists: T,
): Generator<{ [K in keyof T]: T[K][number] }> {
  const names = Object.keys(lists);
  const count = names.reduce((product, name) => product * (lists[name] as readonly unknown[]).length, 1);
  for (let n = 0; n < count; n++) {
    let rest = n;
    const chosen = names.map((name) => {
      const values = lists[name] as readonly unknown[];
      const value = values[rest % values.length];
      rest = Math.floor(rest / values.length);
      return [name, value] as const;
    });
    yield Object.fromEntries(chosen) as { [K in keyof T]: T[K][number] };
  }
}

export const revisionOf = (answer: Answer | undefined): string =>
  answer ? (JSON.parse(answer.text).metadata?.resourceVersion ?? '') : '';
