import { ownMember } from '@berth/kit';
/**
 * `subPathExpr` with the container's environment put in; `$$` is a dollar (upstream third_party expansion).
 * @throws Error – a variable without a value: `missing value for "NAME"`.
 */
export function expandSubPath(expression: string, env: Readonly<Record<string, string>>): string {
  return expression.replace(/\$\$|\$\(([^()]*)\)/g, (match, name?: string) => {
    if (name === undefined) return match === '$$' ? '$' : match;
    const value = ownMember(env, name);
    if (value === undefined) throw new Error(`missing value for "${name}"`);
    return value;
  });
}
