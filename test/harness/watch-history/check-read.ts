import { type Form, isSameObject } from './same-object.ts';
import type { At, TrueHistory, View } from './true-history.ts';

/** What was read of one moment of the store: a list, or the pages of one. */
export interface SeenList {
  readonly who: string;
  readonly view: View;
  readonly form: Form;
  readonly revision: number;
  readonly items: readonly At[];
  /** It was to be of this revision or later, or of exactly this one. */
  readonly notOlderThan: number;
  readonly isExact: boolean;
}

/** One object as it was read. */
export interface SeenObject {
  readonly who: string;
  readonly form: Form;
  readonly key: string;
  readonly found: At | undefined;
  readonly notOlderThan: number;
}

export function checkList(history: TrueHistory, list: SeenList): string | undefined {
  const { who, revision, notOlderThan, isExact, form, view, items } = list;
  if (isExact ? revision !== notOlderThan : revision < notOlderThan)
    return `${who}: a list of ${revision}, where ${notOlderThan} was to be had`;
  const state = history.state(view, revision);
  for (let i = 0; i < Math.max(state.length, items.length); i++) {
    const [is, should] = [items[i], state[i]];
    if (is?.key !== should?.key || is?.revision !== should?.revision)
      return `${who}: a list of ${revision} has ${text(is)}, not ${text(should)}`;
    if (is && should && !isSameObject(form, is.object, should.object))
      return `${who}: a list of ${revision} shows another ${text(is)}`;
  }
  return undefined;
}

/** An object may be read as it was at any moment since the one asked for. */
export function checkObject(history: TrueHistory, { who, form, key, found, notOlderThan }: SeenObject) {
  const changes = history.of(key);
  const there = changes.findIndex(({ revision }) => revision === found?.revision);
  if (!found) {
    const isThere = changes.findLast(({ revision }) => revision <= notOlderThan)?.object;
    const goes = changes.some(({ revision, object }) => revision > notOlderThan && !object);
    return isThere && !goes ? `${who}: ${key} was not found, and was there since ${notOlderThan}` : undefined;
  }
  const change = changes[there];
  if (!change?.object) return `${who}: ${text(found)} never was`;
  if (!isSameObject(form, found.object, change.object)) return `${who}: another ${text(found)} was shown`;
  const next = changes[there + 1];
  return next && next.revision <= notOlderThan
    ? `${who}: ${text(found)} was shown, where ${notOlderThan} was to be had and it had changed at ${next.revision}`
    : undefined;
}

function text(at: At | undefined): string {
  return at ? `${at.key}@${at.revision}` : 'nothing';
}
