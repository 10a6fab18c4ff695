import type { DeviceRequest, DeviceSelector } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { semanticEqual } from '../equality.ts';

interface Placed {
  readonly field: string;
  readonly expression: string;
}

/** What is wrong with the expressions of a claim's requests; what reads them is loaded with the first of them. */
export function requestSelectorErrors(
  requests: readonly DeviceRequest[] | undefined,
  path: string,
): Promise<readonly FieldError[]> {
  const placed = (requests ?? []).flatMap(({ exactly, firstAvailable = [] }, index) => [
    ...placedIn(exactly?.selectors, `${path}[${index}].exactly.selectors`),
    ...firstAvailable.flatMap(({ selectors }, at) =>
      placedIn(selectors, `${path}[${index}].firstAvailable[${at}].selectors`),
    ),
  ]);
  return expressionErrors(placed);
}

/** The same for a class, whose expressions are not read again while they stay. */
export async function classSelectorErrors(
  selectors: readonly DeviceSelector[] | undefined,
  before: readonly DeviceSelector[] | undefined,
): Promise<readonly FieldError[]> {
  if (before && semanticEqual(selectors, before)) return [];
  return expressionErrors(placedIn(selectors, 'spec.selectors'));
}

function placedIn(selectors: readonly DeviceSelector[] = [], field: string): Placed[] {
  return selectors.flatMap(({ cel }, index) =>
    cel ? [{ field: `${field}[${index}].cel.expression`, expression: cel.expression ?? '' }] : [],
  );
}

async function expressionErrors(placed: readonly Placed[]): Promise<readonly FieldError[]> {
  if (placed.length === 0) return [];
  const { deviceExpressionErrors } = await import('../../../cel/devices/device-expressions.ts');
  return placed.flatMap(({ field, expression }) => deviceExpressionErrors(expression, field));
}
