import { undisturbed } from './life-checks.ts';
import type { LifeKind } from './life-kinds.ts';
import { lifePlace } from './life-place.ts';
import { emptyShare } from './share-life.ts';

/** Where one life is lived. */
export interface Living {
  readonly kind: LifeKind;
  readonly place: Awaited<ReturnType<typeof lifePlace>>;
  readonly name: string;
}

/** An empty pool for lives of this kind, and an empty share where they are on one. */
export async function emptyPlace({ share, poolFs, poolMiB }: LifeKind) {
  if (share) await emptyShare(share);
  return await lifePlace(poolFs, poolMiB);
}

/** A pool on which lives are lived one after the other: a new one after each that failed, which may have left anything. */
export async function lifePool<P, T>(kind: LifeKind, run: (living: Living, plan?: P) => Promise<T>) {
  let place = await emptyPlace(kind);
  let lives = 0;
  const live = (plan?: P) => run({ kind, place, name: `life${lives++}` }, plan);
  const renew = async () => {
    place[Symbol.dispose]();
    place = await emptyPlace(kind);
    // What a pool is made of is there then.
    await live();
  };
  await live();
  return {
    /** Without a plan nothing is in its way. @throws where something was lost or is left. */
    live: async (plan?: P): Promise<T> => {
      try {
        return await undisturbed(() => live(plan), renew);
      } catch (error) {
        await renew();
        throw error;
      }
    },
    [Symbol.dispose]: () => place[Symbol.dispose](),
  };
}
