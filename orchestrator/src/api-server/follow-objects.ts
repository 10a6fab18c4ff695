import { Backoff, type Clock, type Logger, messageOf } from '@berth/kit';
import { ApiError } from '@berth/kube';
import type { StoreEvent } from '../store/store.ts';
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
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** What follows a kind. */
export interface Following {
  /** Reads all objects that are there, and resolves with the revision they were read at. */
  readonly read: () => Promise<number>;
  readonly changed: (events: readonly StoreEvent[]) => void;
}

/** As client-go's reflector waits before it lists again. */
const againAfter = { initialMs: 800, maxMs: 30_000 };

/** Tells all objects of a kind, then every change until `signal`; resolves when the first are told. @throws ApiError */
export async function followObjects(storage: ObjectStorage, follower: ObjectFollower, run: FollowRun): Promise<void> {
  const read = async () => {
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
    return revision;
  };
  const changed = (events: readonly StoreEvent[]) => {
    for (const { type, item } of events) {
      const { object } = storage.view(item);
      if (type === 'delete') follower.remove(object);
      else follower.set(object);
    }
    follower.settled?.();
  };
  await followChanges(storage, { read, changed }, run);
}

/**
 * Reads, then hands on every change until `signal`; resolves when the first have been read. Whatever goes wrong after that – what was written
 * cannot be read, who followed fell behind – all is read again, sooner or later. @throws ApiError – the first time
 */
export async function followChanges(storage: ObjectStorage, following: Following, run: FollowRun): Promise<void> {
  const revision = await following.read();
  void keepFollowing(storage, following, run, revision);
}

async function keepFollowing(
  storage: ObjectStorage,
  { read, changed }: Following,
  { log, clock, signal }: FollowRun,
  revision: number,
): Promise<void> {
  const backoff = new Backoff(againAfter);
  const what = storage.definition.plural;
  for (let from: number | undefined = revision; !signal.aborted; ) {
    try {
      from ??= await onceStoreAnswers(read, signal);
      for await (const events of storage.watch('', from, signal)) {
        changed(events);
        backoff.forget(what);
      }
      return;
    } catch (error) {
      const code = error instanceof StoreError ? error.code : undefined;
      if (signal.aborted || code === 'Closed') return;
      from = undefined;
      if (code === 'Compacted') continue;
      log.error('objects cannot be followed, will try again', { what, reason: messageOf(error) });
      await clock.sleep(backoff.next(what), signal).catch(() => undefined);
    }
  }
}

/** Repeats a reading as long as a store elsewhere is away, which it was asked for some time each time. */
async function onceStoreAnswers<T>(read: () => Promise<T>, signal: AbortSignal): Promise<T> {
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
