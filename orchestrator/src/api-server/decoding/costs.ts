import type { StoredObject } from '../stored-object.ts';

/** In units of {@link turns}: about a fifth of a microsecond each. */
const perRead = 50;
const bytesReadPerUnit = 10;
const perCount = 2;
const bytesCountedPerUnit = 100;
const perCopy = 5;
const bytesCopiedPerUnit = 1000;
const perDeletion = 500;
const perExpression = 100;

/** What reading a stored object costs. */
export function readingCost({ kv }: Pick<StoredObject, 'kv'>): number {
  return perRead + kv.value.length / bytesReadPerUnit;
}

/** What reading a stored object and deleting it costs: checks, a write and its event. */
export function deletingCost(object: StoredObject): number {
  return perDeletion + readingCost(object);
}

/** What counting the values in stored bytes costs. */
export function countingCost(bytes: number): number {
  return perCount + bytes / bytesCountedPerUnit;
}

/** What copying stored bytes costs. */
export function copyingCost(bytes: number): number {
  return perCopy + bytes / bytesCopiedPerUnit;
}

/** Everywhere a policy or a webhook has CEL expressions. */
interface Expressions {
  readonly matchConditions?: readonly unknown[];
  readonly variables?: readonly unknown[];
  readonly validations?: readonly unknown[];
  readonly auditAnnotations?: readonly unknown[];
  readonly mutations?: readonly unknown[];
}

/** What evaluating each of the expressions costs. */
export function evaluatingCost(of: Expressions): number {
  let expressions = 0;
  for (const some of listsOf(of)) expressions += some.length;
  return expressions * perExpression;
}

function listsOf(of: Expressions): (readonly unknown[])[] {
  const { matchConditions = [], variables = [], validations = [], auditAnnotations = [], mutations = [] } = of;
  return [matchConditions, variables, validations, auditAnnotations, mutations];
}
