import { setOwn } from '@berth/kube';

/** An object of the same keys. There may be ten thousand of them: no list is made of them in between. */
export function mapValues<A, B>(object: Readonly<Record<string, A>>, change: (value: A) => B): Record<string, B> {
  const changed: Record<string, B> = {};
  for (const key of Object.keys(object)) setOwn(changed, key, change(object[key] as A));
  return changed;
}
