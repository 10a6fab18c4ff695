import type { FieldError } from '../../resource-definition.ts';
import { invalid } from '../field.ts';
import { nonNegative } from '../metadata.ts';

/** Checks that workload controllers' status counts share (apis/apps/validation). */

export function nonNegativeCounts(status: object, names: readonly string[]): FieldError[] {
  return names.flatMap((name) => nonNegative(number(status, name), `status.${name}`));
}

export function notMoreThan(
  status: object,
  names: readonly string[],
  limit: string,
  text = `cannot be greater than status.${limit}`,
): FieldError[] {
  return names.flatMap((name) =>
    number(status, name) > number(status, limit) ? [invalid(`status.${name}`, number(status, name), text)] : [],
  );
}

export function decremented(next: number | undefined, old: number | undefined): FieldError[] {
  if (old === undefined || (next ?? -1) >= old) return [];
  return [invalid('status.collisionCount', next ?? 0, 'cannot be decremented')];
}

function number(status: object, name: string): number {
  return ((status as Record<string, unknown>)[name] as number | undefined) ?? 0;
}
