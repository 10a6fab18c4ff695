import type { FlowSchemaSpec } from '@berth/kube';

interface Ordered {
  readonly name: string;
  readonly spec: Pick<FlowSchemaSpec, 'matchingPrecedence'>;
}

/** The order flow schemas are tried and shown in (apihelpers.FlowSchemaSequence): by precedence, then by name. */
export function schemaOrder(a: Ordered, b: Ordered): number {
  return precedenceOf(a) - precedenceOf(b) || (a.name < b.name ? -1 : 1);
}

function precedenceOf({ spec: { matchingPrecedence = 1000 } }: Ordered): number {
  return matchingPrecedence;
}
