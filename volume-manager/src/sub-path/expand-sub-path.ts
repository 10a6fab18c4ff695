import { ownMember } from '@berth/kit';

/** PATH_MAX. */
const maxPathBytes = 4096;

/**
 * `subPathExpr` with the container's environment put in; `$$` is a dollar (upstream third_party expansion).
 * @throws Error – a variable without a value: `missing value for "NAME"`; or they make it longer than any path is.
 */
export function expandSubPath(expression: string, env: Readonly<Record<string, string>>): string {
  let length = 0;
  return expression.replace(/\$\$|\$\(([^()]*)\)/g, (match, name?: string) => {
    if (name === undefined) return match === '$$' ? '$' : match;
    const value = ownMember(env, name);
    if (value === undefined) throw new Error(`missing value for "${name}"`);
    length += value.length;
    if (length > maxPathBytes) throw new Error('file name too long');
    return value;
  });
}
