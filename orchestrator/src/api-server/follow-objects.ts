import { type Logger, messageOf } from '@berth/kit';
import { ApiError } from '@berth/kube';
import { StoreError } from '../store/store-error.ts';
import { readingCost } from './decoding/costs.ts';
import { turns } from './decoding/turns.ts';
import type { ObjectStorage } from './object-storage.ts';
import type { AnyObject } from './resource-definition.ts';

/** What is kept about the objects of a kind. */
export interface ObjectFollower {
  /** Before all objects are told again: what is known may be out of date. */
  readonly reset: () => void;
  readonly set: (object: AnyObject) => void;
  readonly remove: (object: AnyObject) => void;
  /** After the objects that are there, and after every change. */
  readonly settled?: () => void;
}

export interface FollowRun {
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Tells all objects of a kind, then every change until `signal`; resolves when the first are told. @throws ApiError */
export async function followObjects(storage: ObjectStorage, follower: ObjectFollower, run: FollowRun): Promise<void> {
  const { objects, revision } = await storage.range({ namespace: '' });
  const read: AnyObject[] = [];
  for (const each of objects) {
    const pause = turns.goOn(readingCost(each));
    if (pause) await pause;
    read.push(each.object);
  }
  // At once: nobody is to see some of them for all.
  follower.reset();
  for (const object of read) follower.set(object);
  follower.settled?.();
  void followChanges(storage, follower, { ...run, revision });
}

async function followChanges(
  storage: ObjectStorage,
  follower: ObjectFollower,
  { log, signal, revision }: FollowRun & { readonly revision: number },
): Promise<void> {
  try {
    for await (const events of storage.watch('', revision, signal)) {
      for (const { type, item } of events) {
        const { object } = storage.view(item);
        if (type === 'delete') follower.remove(object);
        else follower.set(object);
      }
      follower.settled?.();
    }
  } catch (error) {
    if (signal.aborted) return;
    try {
      if (!isBehind(error)) throw error;
      await onceStoreAnswers(() => followObjects(storage, follower, { log, signal }), signal);
    } catch (last) {
      if (signal.aborted) return;
      log.error('objects are not followed any more', { what: storage.definition.plural, reason: messageOf(last) });
    }
  }
}

/** Whether who watched fell behind what the store remembers: all has to be read again. */
export function isBehind(error: unknown): boolean {
  return error instanceof StoreError && error.code === 'Compacted';
}

/** Repeats a reading as long as a store elsewhere is away, which it was asked for some time each time. */
export async function onceStoreAnswers(read: () => Promise<void>, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      return await read();
    } catch (error) {
      // One that is closed tells no time to come back.
      const comesBack = error instanceof ApiError && error.status.details?.retryAfterSeconds !== undefined;
      if (signal.aborted || !comesBack || error.code !== 'ServiceUnavailable') throw error;
    }
  }
}
