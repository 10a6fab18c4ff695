import type { DeviceClaim, DeviceSelector } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';

/** What is wrong with an expression that chooses devices. */
export type ExpressionCheck = (expression: string, field: string) => readonly FieldError[];

const nothingWrong: ExpressionCheck = () => [];

/** What reads expressions, loaded where there are some. */
export async function expressionCheck(selectors: readonly DeviceSelector[] | undefined): Promise<ExpressionCheck> {
  if (!selectors?.some(({ cel }) => cel)) return nothingWrong;
  const { deviceExpressionErrors } = await import('../../../cel/devices/device-expressions.ts');
  return deviceExpressionErrors;
}

/** All that a claim says of the devices it wants. */
export function selectorsOf({ requests }: DeviceClaim = {}): readonly DeviceSelector[] {
  return (requests ?? []).flatMap(({ exactly, firstAvailable = [] }) => [
    ...(exactly?.selectors ?? []),
    ...firstAvailable.flatMap(({ selectors = [] }) => selectors),
  ]);
}
