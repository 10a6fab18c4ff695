import type { Expr } from './ast.ts';

/** What cel-go counts: operators between two, fields, calls on something, indexes, alternatives. */
export function nests(expr: Expr): boolean {
  if (expr.kind === 'select') return true;
  return (
    expr.kind === 'call' && (expr.target !== undefined || (expr.args.length > 1 && !/^_(&&|\|\|)_$/.test(expr.name)))
  );
}
